//! Calls without waiting: a client and a server that share memory.
//!
//! The client writes requests into a ring and rings the server's bell; the server answers into
//! another ring and rings the client's. So many calls are on their way at once, and neither side
//! ever waits for the other: what a server needs that calls other servers. The messages are the
//! same as those of [`service`](crate::service); only what carries them differs.
//!
//! # When one side dies
//! The memory stays. A server says in it which instance it is, and from which request on it
//! began. A request that an earlier instance had taken and not answered is *lost*: whether it was
//! carried out is not known, so its class decides. One that nobody had taken is taken by the new
//! instance, which refuses it because of its epoch; it is made again. A client that starts anew
//! goes on behind the requests of the last, and knows none of their answers.
//!
//! Neither side trusts what it reads: a number that makes no sense is an error of the other side,
//! and costs it its calls.
//!
//! # Layout, in words
//! | words | written by | what |
//! |---|---|---|
//! | 0, 1 | client | requests made; answers read |
//! | 8 to 11 | server | requests taken; answers given; epoch; requests taken when it began |
//! | 16 | who starts both | 1 if there will be no further server |
//! | 64 to 575 | client | 16 requests |
//! | 576 to 1599 | server | 32 answers |
//!
//! A request or answer has 32 words: its tag, its message info, up to 30 words.

mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;

use core::sync::atomic::{Ordering, fence};

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo};

use crate::mapped::Mapped;
use crate::service::Wire;
use crate::{Message, buffer};

pub use client::ClientEnd;
pub use server::ServerEnd;

/// Bytes of shared memory that a channel needs. What is beyond is for bulk data.
pub const CHANNEL_BYTES: usize = 16 * 1024;
/// Most words of a request or an answer.
pub const CHANNEL_WORDS: usize = 30;
/// Where it is written, in bytes, that there will be no further server.
pub const GONE_OFFSET: usize = word::GONE * size_of::<u64>();

/// Requests that can be on their way.
const REQUESTS: u64 = 16;
/// Answers that can be. As many as there are requests in the ring and with the server.
const ANSWERS: u64 = 32;
/// Words of an entry.
const ENTRY_WORDS: usize = CHANNEL_WORDS + 2;

/// Words of the layout.
mod word {
    pub(super) const MADE: usize = 0;
    pub(super) const READ: usize = 1;
    pub(super) const TAKEN: usize = 8;
    pub(super) const GIVEN: usize = 9;
    pub(super) const EPOCH: usize = 10;
    pub(super) const INHERITED: usize = 11;
    pub(super) const GONE: usize = 16;
    pub(super) const REQUESTS: usize = 64;
    pub(super) const ANSWERS: usize = REQUESTS + super::ENTRY_WORDS * super::REQUESTS as usize;
}

const _: () = assert!(
    word::ANSWERS + ENTRY_WORDS * ANSWERS as usize <= CHANNEL_BYTES / size_of::<u64>(),
    "the rings fit"
);

/// Fails to compile if values of type `T` do not fit into an answer.
#[doc(hidden)]
pub const fn assert_fits<T: Wire>() {
    assert!(T::WORDS <= CHANNEL_WORDS, "this is more than a channel can carry");
}

/// Memory that two processes share: at any time the other one may write there.
pub trait SharedMemory {
    /// The word at `offset` bytes; 0 outside.
    fn read(&self, offset: usize) -> u64;
    /// Writes the word at `offset` bytes.
    fn write(&self, offset: usize, value: u64);
}

impl SharedMemory for Mapped {
    fn read(&self, offset: usize) -> u64 {
        Mapped::read(self, offset)
    }

    fn write(&self, offset: usize, value: u64) {
        Mapped::write(self, offset, value);
    }
}

/// A number in the channel that one side writes and the other reads.
fn look(memory: &impl SharedMemory, word: usize) -> u64 {
    let value = memory.read(word * size_of::<u64>());
    // What the writer wrote before this number is read after it.
    fence(Ordering::Acquire);
    value
}

/// Tells the other side a number, and with it all that was written before.
fn tell(memory: &impl SharedMemory, word: usize, value: u64) {
    fence(Ordering::Release);
    memory.write(word * size_of::<u64>(), value);
}

/// Writes an entry at word `start`. `message` has at most [`CHANNEL_WORDS`] words, those past the
/// sixth in the IPC buffer.
fn put(memory: &impl SharedMemory, start: usize, tag: u64, message: &Message) {
    let mut words = [0; CHANNEL_WORDS];
    let length = message.copy_to(&mut words);
    let info = MessageInfo::new(message.label(), length);
    for (word, value) in (start..).zip([tag, info.0].iter().chain(words.iter().take(length))) {
        memory.write(word * size_of::<u64>(), *value);
    }
}

/// Reads the entry at word `start`: its tag, and its message as if it had just been received.
fn get(memory: &impl SharedMemory, start: usize) -> (u64, Message) {
    let word = |index: usize| memory.read((start + index) * size_of::<u64>());
    let info = MessageInfo(word(1));
    let length = info.length().min(CHANNEL_WORDS);
    let mut words = [0; MESSAGE_REGISTERS];
    for index in 0..length {
        match words.get_mut(index) {
            Some(place) => *place = word(index + 2),
            None => buffer::buffer().write(index, word(index + 2)),
        }
    }
    (word(0), Message { info: MessageInfo::new(info.label(), length), words })
}

/// The first word of entry `number` of a ring of `length` that begins at word `start`.
const fn entry(start: usize, number: u64, length: u64) -> usize {
    start + (number % length) as usize * ENTRY_WORDS
}
