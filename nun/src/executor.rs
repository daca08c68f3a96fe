//! A server that keeps callers waiting: calls, signals and time in one loop, without a heap.
//!
//! Methods that are marked `waits` are asynchronous. Most of their calls can be answered at once,
//! and are: a method is polled as soon as its request is there. Only if it has to wait, its
//! future stays in the [`Arena`](arena::Arena), and the Reply in a slot.
//!
//! Futures wait for something in the server itself: a line of input, room in a queue, a point in
//! time. Only a message or a signal can change that, so after each of them every waiting future is
//! polled again: a handful at most, and no waker to get wrong.

mod arena;
#[cfg(test)]
mod tests;

use core::cell::Cell;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use arena::Arena;

use crate::service::{BUSY, Caller, Epoch, Service, ordinal, respond};
use crate::{Error, IpcPort, Message, Node, Received, Reply, aci, ticks};

/// Where a server serves.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The port.
    pub port: IpcPort,
    /// Which instance of the server this is.
    pub epoch: Epoch,
    /// The first of as many empty slots of the root node as calls may wait, and one more.
    pub replies: u64,
}

/// What wakes a server at a given time: the clock's counter has reached it, a signal comes.
pub trait Alarm {
    /// Asks for a signal at `deadline`, in ticks, in place of what was asked for before.
    fn set(&self, deadline: u64);
}

/// For servers that wait for no time.
impl Alarm for () {
    fn set(&self, _: u64) {}
}

/// Points in time that a server's methods wait for.
#[derive(Debug)]
pub struct Timers {
    /// The first of them, as far as is known; [`NEVER`](Self::NEVER) for none.
    earliest: Cell<u64>,
}

impl Timers {
    const NEVER: u64 = u64::MAX;

    /// Nobody waits yet.
    pub const fn new() -> Self {
        Self { earliest: Cell::new(Self::NEVER) }
    }

    /// Waits until the time-stamp counter has reached `deadline`.
    pub async fn sleep_until(&self, deadline: u64) {
        until(|| {
            let over = ticks() >= deadline;
            if !over {
                self.earliest.set(self.earliest.get().min(deadline));
            }
            over.then_some(())
        })
        .await;
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until `condition` gives something: it is looked at now, and after every message and
/// every signal.
pub async fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    poll_fn(|_| condition().map_or(Poll::Pending, Poll::Ready)).await
}

impl Place {
    /// Serves here by the methods of `service`, of which up to `TASKS` may wait at a time; a
    /// further one is told *busy*. Signals of the bound Notification Port go to `signals`; `alarm`
    /// sends one for the earliest of `timers`. Ends only if the port cannot be received from any
    /// more.
    pub fn serve<const TASKS: usize>(
        &self,
        service: &impl Service,
        mut signals: impl FnMut(u64),
        timers: &Timers,
        alarm: &impl Alarm,
    ) -> Error {
        let mut tasks = pin!(Arena::<_, TASKS>::new());
        let mut armed = Timers::NEVER;
        loop {
            let place = tasks.vacant();
            let slot = self.replies + place.unwrap_or(TASKS) as u64;
            match self.port.receive_into(slot) {
                Ok(Received::Message { sender, message }) => {
                    let answer = respond(service, self.epoch, sender, &message);
                    match (answer, place) {
                        (Some(answer), _) => reply(slot, &answer),
                        (None, None) => reply(slot, &BUSY),
                        (None, Some(place)) => {
                            let caller = Caller { client: sender };
                            let task = service.wait(caller, ordinal(&message), message);
                            tasks.as_mut().insert(place, task);
                            self.poll(tasks.as_mut(), place);
                        }
                    }
                }
                Ok(Received::Signals { bits }) => signals(bits),
                // A server is nobody's resolver.
                Ok(_) => reply(slot, &Message::EMPTY),
                Err(error) => return error,
            }
            timers.earliest.set(Timers::NEVER);
            for place in 0..TASKS {
                if tasks.is_taken(place) {
                    self.poll_waiting(tasks.as_mut(), place);
                }
            }
            let earliest = timers.earliest.get();
            if earliest != armed && earliest != Timers::NEVER {
                alarm.set(earliest);
            }
            armed = earliest;
        }
    }

    /// Polls a task whose caller may have gone.
    fn poll_waiting<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<F, TASKS>>,
        place: usize,
    ) {
        let slot = self.replies + place as u64;
        match Node::slot(aci::slot::NODE).look(slot) {
            Ok((0, ..)) => tasks.as_mut().remove(place),
            _ => self.poll(tasks, place),
        }
    }

    /// Polls a task, and answers its caller if it is done.
    fn poll<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<F, TASKS>>,
        place: usize,
    ) {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(answer) = tasks.as_mut().poll(place, &mut context) {
            tasks.remove(place);
            reply(self.replies + place as u64, &answer);
        }
    }
}

/// Answers the caller whose Reply is in `slot`, if it is there still.
fn reply(slot: u64, answer: &Message) {
    // Who does not wait any more, or never did, gets none.
    let _ = Reply::slot(slot).reply(answer);
}
