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

use crate::channel::{ServerEnd, SharedMemory};
use crate::mapped::Mapped;
use crate::service::{BUSY, Caller, Epoch, Service, UNKNOWN_METHOD, ordinal, respond};
use crate::{Error, IpcPort, Message, Node, NotificationPort, Received, Reply, aci, ticks};

/// Where a server serves.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a, M = Mapped> {
    /// The port.
    pub port: IpcPort,
    /// Which instance of the server this is.
    pub epoch: Epoch,
    /// The first of as many empty slots of the root node as calls may wait, and one more.
    pub replies: u64,
    /// The channels of its clients that have one.
    pub channels: &'a [ServerEnd<M>],
}

/// To whom an answer goes.
#[derive(Clone, Copy, Debug)]
enum Asker {
    /// The caller whose Reply is in this slot.
    Slot(u64),
    /// The client at the other end of this channel, who made the request with this tag.
    Channel { index: usize, tag: u64 },
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

/// Polls `future` until it is done: at first, and whenever `bell` rings. For processes that serve
/// nobody.
pub fn run<F: Future>(
    bell: NotificationPort,
    future: F,
    mut signals: impl FnMut(u64),
) -> Result<F::Output, Error> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        signals(bell.wait()?);
    }
}

impl<M: SharedMemory> Place<'_, M> {
    /// Serves here by the methods of `service`, of which up to `TASKS` may wait at a time; a
    /// further one is told *busy*. Signals of the bound Notification Port go to `signals`; `alarm`
    /// sends one for the earliest of `timers`. Ends only if the port cannot be received from any
    /// more.
    pub fn serve<const TASKS: usize, S: Service>(
        &self,
        service: &S,
        mut signals: impl FnMut(u64),
        timers: &Timers,
        alarm: &impl Alarm,
    ) -> Error {
        let mut tasks = pin!(Arena::<_, _, TASKS>::new());
        let wait = |caller, request: Message| service.wait(caller, ordinal(&request), request);
        let mut armed = Timers::NEVER;
        for channel in self.channels {
            channel.attach(self.epoch);
        }
        let mut owed = None;
        // Who made requests before this instance began does not ring again.
        let mut rung = u64::MAX;
        loop {
            for (index, channel) in self.channels.iter().enumerate() {
                for _ in 0..channel.requests(rung) {
                    let Some((tag, request)) = channel.take() else { break };
                    let asker = Asker::Channel { index, tag };
                    let answer = respond(service, self.epoch, channel.client(), &request);
                    let caller = Caller { client: channel.client() };
                    self.begin(tasks.as_mut(), asker, answer, || wait(caller, request));
                }
            }
            timers.earliest.set(Timers::NEVER);
            for place in 0..TASKS {
                self.poll_waiting(tasks.as_mut(), place);
            }
            let earliest = timers.earliest.get();
            if earliest != armed && earliest != Timers::NEVER {
                alarm.set(earliest);
            }
            armed = earliest;

            rung = 0;
            let slot = self.replies + tasks.vacant().unwrap_or(TASKS) as u64;
            let came = match owed.take() {
                Some(answer) => self.port.reply_receive(&answer),
                None if S::WAITS => self.port.receive_into(slot),
                None => self.port.receive(),
            };
            match came {
                Ok(Received::Message { sender, message }) => {
                    let answer = respond(service, self.epoch, sender, &message);
                    if !S::WAITS {
                        // Nobody has to be remembered, so the caller goes on where it called.
                        owed = answer.or(Some(UNKNOWN_METHOD));
                        continue;
                    }
                    let caller = Caller { client: sender };
                    let wait = || wait(caller, message);
                    self.begin(tasks.as_mut(), Asker::Slot(slot), answer, wait);
                }
                Ok(Received::Signals { bits }) => {
                    rung = bits;
                    signals(bits);
                }
                // A server is nobody's resolver.
                Ok(_) => self.answer(Asker::Slot(slot), &Message::EMPTY),
                Err(error) => return error,
            }
        }
    }

    /// Gives `asker` its answer; without one, waits for it by what `wait` makes.
    #[inline(always)]
    fn begin<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<Asker, F, TASKS>>,
        asker: Asker,
        answer: Option<Message>,
        wait: impl FnOnce() -> F,
    ) {
        match (answer, tasks.vacant()) {
            (Some(answer), _) => self.answer(asker, &answer),
            (None, None) => self.answer(asker, &BUSY),
            (None, Some(place)) => {
                tasks.as_mut().insert(place, asker, wait());
                self.poll(tasks, place);
            }
        }
    }

    /// Polls the task in `place`, if there is one, again. A caller that has gone meanwhile takes its
    /// task with it.
    fn poll_waiting<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<Asker, F, TASKS>>,
        place: usize,
    ) {
        match tasks.known(place) {
            Some(Asker::Slot(slot)) if is_empty(slot) => tasks.as_mut().remove(place),
            _ => self.poll(tasks, place),
        }
    }

    /// Polls the task in `place`, if there is one, and answers its asker if it is done.
    fn poll<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<Asker, F, TASKS>>,
        place: usize,
    ) {
        let Some(asker) = tasks.known(place) else { return };
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(answer) = tasks.as_mut().poll(place, &mut context) {
            tasks.as_mut().remove(place);
            self.answer(asker, &answer);
        }
    }

    fn answer(&self, asker: Asker, answer: &Message) {
        match asker {
            Asker::Slot(slot) => {
                // Who does not wait any more, or never did, gets none.
                let _ = Reply::slot(slot).reply(answer);
            }
            Asker::Channel { index, tag } => {
                if let Some(channel) = self.channels.get(index) {
                    channel.give(tag, answer);
                }
            }
        }
    }
}

/// Whether nothing is in a slot of the own root node.
fn is_empty(slot: u64) -> bool {
    matches!(Node::slot(aci::slot::NODE).look(slot), Ok((0, ..)))
}
