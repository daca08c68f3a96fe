//! The clock: one alarm for everybody who wants to wait.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use koito::services::{Clock, ClockServer};
use koito::{Environment, Missing, Server, SupervisorAlarm};
use nun::executor::Timers;
use nun::service::Caller;
use nun::ticks;

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let timers = Timers::new();
    let service = ClockServer(Counter { environment: &environment, timers: &timers });
    let server = Server::new(&environment);
    let error = server.serve_waiting(&service, |_| {}, &timers, &SupervisorAlarm);
    panic!("the port is gone: {error}");
}

struct Counter<'a> {
    environment: &'a Environment,
    timers: &'a Timers,
}

impl Clock for Counter<'_> {
    fn now(&self, _: Caller) -> u64 {
        ticks() / self.environment.ticks_per_millisecond
    }

    async fn sleep_until(&self, _: Caller, time: u64) {
        self.timers.sleep_until(self.environment.ticks(time)).await;
    }
}
