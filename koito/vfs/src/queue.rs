//! Who waits for what, as data: the blocked operations themselves are the caller's.

use alloc::vec::Vec;

use crate::arena::{Arena, Id};

/// Names a blocked operation; the caller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Those who wait for one thing.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: Vec<Token>,
    /// How often it was woken: who looks for changes compares.
    wakes: u64,
}

/// Number of a queue.
pub type QueueId = Id<Queue>;

/// All queues, and who was woken.
#[derive(Clone, Debug)]
pub struct Queues {
    queues: Arena<Queue>,
    woken: Vec<Token>,
}

impl Queues {
    pub(crate) const fn new() -> Self {
        Self { queues: Arena::new(), woken: Vec::new() }
    }

    pub(crate) fn add(&mut self) -> QueueId {
        self.queues.insert(Queue::default())
    }

    /// Removes a queue; who waited there is woken.
    pub(crate) fn remove(&mut self, queue: QueueId) {
        self.wake(queue);
        self.queues.remove(queue);
    }

    /// Wakes everybody who waits there.
    pub(crate) fn wake(&mut self, queue: QueueId) {
        let queue = &mut self.queues[queue];
        queue.wakes += 1;
        self.woken.append(&mut queue.waiting);
    }

    pub(crate) fn wakes(&self, queue: QueueId) -> u64 {
        self.queues[queue].wakes
    }

    /// Has `token` wait. Being woken takes it from this queue; from others, [`leave`](Self::leave) does.
    pub fn enter(&mut self, queue: QueueId, token: Token) {
        self.queues[queue].waiting.push(token);
    }

    /// Takes `token` from a queue, if that is there and it is in it.
    pub fn leave(&mut self, queue: QueueId, token: Token) {
        if self.queues.get(queue).is_some() {
            self.queues[queue].waiting.retain(|it| *it != token);
        }
    }

    /// One who was woken, each once for each queue.
    pub fn next_woken(&mut self) -> Option<Token> {
        self.woken.pop()
    }
}
