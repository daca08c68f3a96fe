//! The clock: one alarm for everybody who wants to wait.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod rtc;

use koito::services::{Clock, ClockServer};
use koito::{Environment, Missing, Server, SupervisorAlarm};
use nun::executor::Timers;
use nun::service::Caller;
use nun::ticks;

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let timers = Timers::new();
    let wall = environment.io_ports(0).ok().and_then(|(ports, _)| rtc::read(ports));
    let up = ticks() / environment.ticks_per_millisecond / 1000;
    let epoch = wall.map(|seconds| seconds.saturating_sub(up));
    let service = ClockServer(Counter { environment: &environment, timers: &timers, epoch });
    let server = Server::new(&environment);
    let error = server.serve_waiting(&service, |_| {}, &timers, &SupervisorAlarm);
    panic!("the port is gone: {error}");
}

struct Counter<'a> {
    environment: &'a Environment,
    timers: &'a Timers,
    /// When the counter began to count, in seconds since 1970.
    epoch: Option<u64>,
}

impl Clock for Counter<'_> {
    fn now(&self, _: Caller) -> u64 {
        ticks() / self.environment.ticks_per_millisecond
    }

    fn epoch(&self, _: Caller) -> Option<u64> {
        self.epoch
    }

    async fn sleep_until(&self, _: Caller, time: u64) {
        self.timers.sleep_until(self.environment.ticks(time)).await;
    }
}
