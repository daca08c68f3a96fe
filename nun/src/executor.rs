//! A server that keeps callers waiting: calls, signals and time in one loop, without a heap.
//!
//! Methods that are marked `waits` are asynchronous. Most of their calls can be answered at once,
//! and are, by the kernel call that receives the next one: a method is polled as soon as its
//! request is there. Only if it has to wait, its future stays in the [`Arena`](arena::Arena), and the
//! Reply is set aside in a slot. A method must not receive: that would drop the Reply before.
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
use crate::service::{BUSY, Caller, Epoch, Service, ordinal, respond};
use crate::{Error, IpcPort, Message, Node, NotificationPort, Received, Reply, aci, ticks};

/// Where a server serves.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a, M = Mapped> {
    /// The port.
    pub port: IpcPort,
    /// Which instance of the server this is.
    pub epoch: Epoch,
    /// The first of as many empty slots of the root node as calls may wait.
    pub replies: u64,
    /// The channels of its clients that have one.
    pub channels: &'a [ServerEnd<M>],
}

/// To whom an answer goes that has to wait.
#[derive(Clone, Copy, Debug)]
enum Asker {
    /// The caller whose Reply is in the slot of the task's place.
    Caller,
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
                    let caller = Caller { client: channel.client() };
                    let answer = respond(service, self.epoch, caller.client, &request);
                    let asker = Asker::Channel { index, tag };
                    let begin = || self.begin(tasks.as_mut(), asker, || wait(caller, request));
                    if let Some(answer) = answer.or_else(begin) {
                        channel.give(tag, &answer);
                    }
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
            let came = match owed.take() {
                Some(answer) => self.port.reply_receive(&answer),
                None => self.port.receive(),
            };
            owed = match came {
                Ok(Received::Message { sender, message }) => {
                    let caller = Caller { client: sender };
                    let answer = respond(service, self.epoch, sender, &message);
                    let begin =
                        || self.begin(tasks.as_mut(), Asker::Caller, || wait(caller, message));
                    answer.or_else(begin)
                }
                Ok(Received::Signals { bits }) => {
                    rung = bits;
                    signals(bits);
                    None
                }
                // A server is nobody's resolver.
                Ok(_) => Some(Message::EMPTY),
                Err(error) => return error,
            };
            // Whoever waits is polled before the next receive, and may need the IPC buffer.
            if !tasks.is_empty()
                && let Some(answer) = owed.take_if(|answer| answer.uses_buffer())
            {
                // Who does not wait any more gets none.
                let _ = Reply::OWED.reply(&answer);
            }
        }
    }

    /// Begins what `wait` makes, for `asker`. Answers how it ended, if it did at once or there is no
    /// room.
    #[inline(always)]
    fn begin<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        mut tasks: Pin<&mut Arena<Asker, F, TASKS>>,
        asker: Asker,
        wait: impl FnOnce() -> F,
    ) -> Option<Message> {
        let Some(place) = tasks.vacant() else { return Some(BUSY) };
        tasks.as_mut().insert(place, asker, wait());
        let answer = poll(tasks.as_mut(), place);
        if let (None, Asker::Caller) = (&answer, asker)
            && self.reply(place).keep().is_err()
        {
            // It has gone already.
            tasks.remove(place);
        }
        answer
    }

    /// Polls the task in `place`, if there is one, again, and answers its asker if it is done. A caller
    /// that has gone meanwhile takes its task with it.
    fn poll_waiting<F: Future<Output = Message>, const TASKS: usize>(
        &self,
        tasks: Pin<&mut Arena<Asker, F, TASKS>>,
        place: usize,
    ) {
        let Some(asker) = tasks.known(place) else { return };
        if matches!(asker, Asker::Caller) && is_empty(self.slot(place)) {
            tasks.remove(place);
        } else if let Some(answer) = poll(tasks, place) {
            match asker {
                Asker::Caller => {
                    // Who does not wait any more gets none.
                    let _ = self.reply(place).reply(&answer);
                }
                Asker::Channel { index, tag } => {
                    if let Some(channel) = self.channels.get(index) {
                        channel.give(tag, &answer);
                    }
                }
            }
        }
    }

    /// The slot for the Reply to the caller of the task in `place`.
    const fn slot(&self, place: usize) -> u64 {
        self.replies + place as u64
    }

    /// That Reply.
    const fn reply(&self, place: usize) -> Reply {
        Reply::slot(self.slot(place))
    }
}

/// Polls the task in `place`, if there is one. Answers how it ended, if it did.
fn poll<D: Copy, F: Future<Output = Message>, const TASKS: usize>(
    mut tasks: Pin<&mut Arena<D, F, TASKS>>,
    place: usize,
) -> Option<Message> {
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(answer) = tasks.as_mut().poll(place, &mut context) else { return None };
    tasks.remove(place);
    Some(answer)
}

/// Whether nothing is in a slot of the caller's own root node.
fn is_empty(slot: u64) -> bool {
    matches!(Node::slot(aci::slot::NODE).look(slot), Ok((0, ..)))
}
