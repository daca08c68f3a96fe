//! Serving the port that a component offers.

use koito_manifest::MOST_CHANNELS;
use nun::channel::ServerEnd;
use nun::executor::{self, Alarm, Place, Timers};
use nun::service::{Epoch, Service, Vec, serve};
use nun::{Error, IpcPort, NotificationPort};

use crate::Environment;
use crate::conventions::{signal, slot};

/// A component as a server.
#[derive(Debug)]
pub struct Server {
    epoch: Epoch,
    channels: Vec<ServerEnd, MOST_CHANNELS>,
}

impl Server {
    /// Calls that may wait at a time, in a server with methods that wait.
    pub const WAITING: usize = 16;

    /// The component with this environment.
    pub fn new(environment: &Environment) -> Self {
        Self { epoch: environment.epoch, channels: environment.clients_ends() }
    }

    /// Serves by methods that never wait. Signals but the supervisor's go to `signals`.
    pub fn serve(&self, service: &impl Service, mut signals: impl FnMut(u64)) -> Error {
        if !self.channels.is_empty() {
            return self.serve_waiting(service, signals, &Timers::new(), &());
        }
        let port = IpcPort::slot(slot::SERVED);
        serve(port, self.epoch, service, |bits| signals(without_supervisor(bits)))
    }

    /// Serves by methods of which up to [`WAITING`](Self::WAITING) may wait, also for `timers`.
    pub fn serve_waiting(
        &self,
        service: &impl Service,
        mut signals: impl FnMut(u64),
        timers: &Timers,
        alarm: &impl Alarm,
    ) -> Error {
        let port = IpcPort::slot(slot::SERVED);
        let channels = &self.channels;
        let place = Place { port, epoch: self.epoch, replies: slot::REPLIES, channels };
        let signals = |bits| signals(without_supervisor(bits));
        place.serve::<{ Self::WAITING }, _>(service, signals, timers, alarm)
    }
}

/// Waits for signals but the supervisor's, which is answered, in a component that serves nobody.
pub fn wait() -> Result<u64, Error> {
    loop {
        match without_supervisor(NotificationPort::slot(slot::NOTIFICATION).wait()?) {
            0 => {}
            bits => return Ok(bits),
        }
    }
}

/// Carries out `task` in a component that serves nobody, until it is done.
pub fn run<F: Future>(task: F) -> Result<F::Output, Error> {
    let bell = NotificationPort::slot(slot::NOTIFICATION);
    executor::run(bell, task, |bits| {
        without_supervisor(bits);
    })
}

/// The signals without those of the supervisor, which is told that the component is alive: for one that waits
/// for them in a way of its own.
pub fn without_supervisor(bits: u64) -> u64 {
    if bits & signal::ALIVE != 0 {
        // A component that is never asked has nothing there, and no need.
        let _ = NotificationPort::slot(slot::HEARTBEAT).notify();
    }
    bits & !(signal::ALIVE | signal::ALARM | signal::THREAD)
}
