//! The server's end.

use super::{ANSWERS, REQUESTS, SharedMemory, entry, get, look, put, tell, word};
use crate::mapped::Mapped;
use crate::service::Epoch;
use crate::{Message, NotificationPort};

/// The end of a channel at which requests come out.
#[derive(Debug)]
pub struct ServerEnd<M = Mapped> {
    memory: M,
    bell: NotificationPort,
    /// The signal by which the client says that there are requests.
    signal: u64,
    /// Who the client is: the word of whoever made the channel.
    client: u64,
}

impl<M: SharedMemory> ServerEnd<M> {
    /// The end in `memory`, for the client with identifier `client`, who rings by `signal` and is
    /// rung by `bell`.
    pub const fn new(memory: M, bell: NotificationPort, signal: u64, client: u64) -> Self {
        Self { memory, bell, signal, client }
    }

    /// The client's identifier.
    pub const fn client(&self) -> u64 {
        self.client
    }

    /// How many requests to take at most after these `signals`. A client that makes more rings again.
    pub(crate) const fn requests(&self, signals: u64) -> u64 {
        if signals & self.signal != 0 { REQUESTS } else { 0 }
    }

    /// Takes the channel over as instance `epoch` of the server, and lets the client know.
    pub(crate) fn attach(&self, epoch: Epoch) {
        tell(&self.memory, word::INHERITED, look(&self.memory, word::TAKEN));
        tell(&self.memory, word::EPOCH, epoch.into());
        self.ring();
    }

    /// The next request, with its tag. From now on it counts as taken, whatever happens.
    pub(crate) fn take(&self) -> Option<(u64, Message)> {
        let taken = look(&self.memory, word::TAKEN);
        let made = look(&self.memory, word::MADE);
        match made.wrapping_sub(taken) {
            0 => None,
            1..=REQUESTS => {
                let request = get(&self.memory, entry(word::REQUESTS, taken, REQUESTS));
                tell(&self.memory, word::TAKEN, taken.wrapping_add(1));
                Some(request)
            }
            _ => {
                // No client that is in its senses makes so many.
                tell(&self.memory, word::TAKEN, made);
                None
            }
        }
    }

    /// Answers the request with this tag. A client that has more answers to read than it can have
    /// asked for gets none.
    pub(crate) fn give(&self, tag: u64, answer: &Message) {
        let given = look(&self.memory, word::GIVEN);
        if given.wrapping_sub(look(&self.memory, word::READ)) < ANSWERS {
            put(&self.memory, entry(word::ANSWERS, given, ANSWERS), tag, answer);
            tell(&self.memory, word::GIVEN, given.wrapping_add(1));
        }
        self.ring();
    }

    /// Rings the client: for what is arranged in the memory beyond the rings.
    pub fn ring(&self) {
        // A client that is no more hears nothing.
        let _ = self.bell.notify();
    }
}
