//! Serving the port that a component offers.

use nun::executor::{Alarm, Place, Timers};
use nun::service::{Epoch, Service, serve};
use nun::{Error, IpcPort, NotificationPort};

use crate::Environment;
use crate::conventions::{signal, slot};

/// A component as a server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    epoch: Epoch,
}

impl Server {
    /// Calls that may wait at a time, in a server with methods that wait.
    pub const WAITING: usize = 16;

    /// The component with this environment.
    pub const fn new(environment: &Environment) -> Self {
        Self { epoch: environment.epoch }
    }

    /// Serves by methods that never wait. Signals but the supervisor's go to `signals`.
    pub fn serve(&self, service: &impl Service, mut signals: impl FnMut(u64)) -> Error {
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
        let place = Place { port, epoch: self.epoch, replies: slot::REPLIES };
        let signals = |bits| signals(without_supervisor(bits));
        place.serve::<{ Self::WAITING }>(service, signals, timers, alarm)
    }
}

/// The signals without those of the supervisor, which is told that the component is alive.
fn without_supervisor(bits: u64) -> u64 {
    if bits & signal::ALIVE != 0 {
        // A component that is never asked has nothing there, and no need.
        let _ = NotificationPort::slot(slot::HEARTBEAT).notify();
    }
    bits & !(signal::ALIVE | signal::ALARM)
}
