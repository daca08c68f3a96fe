//! What processes send each other.

use a9n_abi::{MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, Verdict};

use crate::{Descriptor, buffer};

/// A message: a label, free for the user, and up to [`MESSAGE_WORDS`] words.
///
/// The first six words are in the value and travel in registers. Further ones lie in the
/// [IPC buffer](buffer::buffer), both when sent and when received, so they are good only until
/// the next message passes through it. Words past the length are zero, and travel as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Source *message*, no flags: it can be sent as it is.
    pub(crate) info: MessageInfo,
    pub(crate) words: [u64; MESSAGE_REGISTERS],
}

impl Message {
    /// No words, label 0. As a [verdict](Self::verdict): go on.
    pub const EMPTY: Self = Self::new(0, []);

    /// `words`, at most six, with `label`.
    #[inline(always)]
    pub const fn new<const N: usize>(label: u32, words: [u64; N]) -> Self {
        const { assert!(N <= MESSAGE_REGISTERS, "use Message::long") }
        let mut all = [0; MESSAGE_REGISTERS];
        let mut i = 0;
        while i < N {
            all[i] = words[i];
            i += 1;
        }
        Self { info: MessageInfo::new(label, N), words: all }
    }

    /// The answer to a fault, a foreign call or an interruption: what becomes of the process.
    #[inline]
    pub const fn verdict(verdict: Verdict) -> Self {
        Self::new(verdict as u32, [])
    }

    /// `words`, at most [`MESSAGE_WORDS`] of them, with `label`; those that do not fit into
    /// registers are written to the IPC buffer at once. Words past the limit are left out.
    pub fn long(label: u32, words: &[u64]) -> Self {
        let length = words.len().min(MESSAGE_WORDS);
        let mut first = [0; MESSAGE_REGISTERS];
        for (to, word) in first.iter_mut().zip(words) {
            *to = *word;
        }
        let buffer = buffer::buffer();
        for (index, word) in words.iter().enumerate().take(length).skip(MESSAGE_REGISTERS) {
            buffer.write(index, *word);
        }
        Self { info: MessageInfo::new(label, length), words: first }
    }

    /// The same with `capabilities`, at most 8 of them, written to the IPC buffer at once. Each is
    /// copied on the way, but for a Reply, which moves. The port must allow granting.
    #[must_use]
    pub fn with_capabilities(self, capabilities: &[Descriptor]) -> Self {
        let count = buffer::buffer().offer(capabilities);
        Self { info: self.info.with_capabilities(count), words: self.words }
    }

    /// How many capabilities it carries, or brought: they are where
    /// [`accept`](buffer::Buffer::accept) said, from the first slot on.
    #[inline]
    pub const fn capabilities(&self) -> usize {
        self.info.capabilities()
    }

    /// The same, `length` words long and without capabilities: words past the sixth are what the
    /// IPC buffer holds.
    #[must_use]
    #[inline]
    pub const fn with_length(self, length: usize) -> Self {
        Self { info: MessageInfo::new(self.info.label(), length), words: self.words }
    }

    /// Whether the IPC buffer holds a part of it.
    #[inline]
    pub(crate) const fn uses_buffer(&self) -> bool {
        self.length() > MESSAGE_REGISTERS || self.capabilities() != 0
    }

    /// The label.
    #[inline]
    pub const fn label(&self) -> u32 {
        self.info.label()
    }

    /// Length in words.
    #[inline]
    pub const fn length(&self) -> usize {
        self.info.length()
    }

    /// The words that travel in registers.
    #[inline]
    pub const fn words(&self) -> &[u64; MESSAGE_REGISTERS] {
        &self.words
    }

    /// Copies the whole message into `words`, as far as there is room; answers how many words.
    /// For a received one: before the next kernel call that sends or receives.
    pub fn copy_to(&self, words: &mut [u64]) -> usize {
        let length = self.length().min(words.len());
        let buffer = buffer::buffer();
        for (index, to) in words.iter_mut().enumerate().take(length) {
            *to = match self.words.get(index) {
                Some(word) => *word,
                None => buffer.read(index),
            };
        }
        length
    }
}
