//! Message info, the word that travels with every message and every answer of the kernel.

use crate::Error;

/// Message words that travel in registers; they always all travel.
pub const MESSAGE_REGISTERS: usize = 6;

/// Words in the longest message, register words included.
pub const MESSAGE_WORDS: usize = 128;

/// Capabilities that one message can carry.
pub const MESSAGE_CAPABILITIES: usize = 4;

/// Where what was received comes from. Set by the kernel, so it cannot be forged.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Another process sent it.
    Message = 0,
    /// The kernel answers the call itself; the label is an [`Error`] or 0. The first result stands
    /// in the identifier's register, the others in message words from 0 on.
    Kernel = 1,
    /// A process faulted, and this process is its resolver.
    Fault = 2,
    /// A foreign process made a kernel call of its own kind.
    Foreign = 3,
    /// A virtual CPU left its guest.
    VirtualCpu = 4,
    /// A bound notification; its bits stand where the identifier would.
    Notification = 5,
    /// A process was stopped by `interrupt`.
    Stopped = 6,
}

/// Length, capabilities, flags and label of a message.
///
/// | bits | meaning |
/// |---|---|
/// | 0..8 | length in words, at most [`MESSAGE_WORDS`] |
/// | 8..12 | number of capabilities, at most [`MESSAGE_CAPABILITIES`] |
/// | 12 | do not block (to the kernel only) |
/// | 13..16 | [`Source`] (from the kernel only) |
/// | 16 | serve on the receiver's own time (to the kernel only, with `receive`) |
/// | 17..32 | zero |
/// | 32..64 | label, free for the user |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageInfo(pub u64);

impl MessageInfo {
    /// Bits of the length.
    pub const LENGTH_MASK: u64 = 0xff;
    /// All bits but the label: a word whose lower half is at most [`MESSAGE_REGISTERS`] is a
    /// plain, blocking message that fits into registers and carries no capabilities.
    pub const FORM_MASK: u64 = 0xffff_ffff;
    const CAPABILITIES_SHIFT: u32 = 8;
    const NON_BLOCKING: u64 = 1 << 12;
    const SOURCE_SHIFT: u32 = 13;
    const OWN_TIME: u64 = 1 << 16;
    const RESERVED: u64 = 0xffff_0000;
    /// Where the label begins.
    pub const LABEL_SHIFT: u32 = 32;

    /// A message of `length` words with `label`.
    pub const fn new(label: u32, length: usize) -> Self {
        Self(((label as u64) << Self::LABEL_SHIFT) | (length as u64 & Self::LENGTH_MASK))
    }

    /// The same with `count` capabilities, whose descriptors stand in the IPC buffer.
    #[must_use]
    pub const fn with_capabilities(self, count: usize) -> Self {
        let mask = 0xf << Self::CAPABILITIES_SHIFT;
        Self((self.0 & !mask) | (((count as u64) << Self::CAPABILITIES_SHIFT) & mask))
    }

    /// The same, to fail with *would block* instead of waiting.
    #[must_use]
    pub const fn non_blocking(self) -> Self {
        Self(self.0 | Self::NON_BLOCKING)
    }

    /// The same, to serve a call on the receiver's own scheduling context, not on the caller's. In a
    /// message that is sent, this bit is zero.
    #[must_use]
    pub const fn on_own_time(self) -> Self {
        Self(self.0 | Self::OWN_TIME)
    }

    /// The same as it arrives from `source`.
    #[must_use]
    pub const fn from_source(self, source: Source) -> Self {
        let mask = 7 << Self::SOURCE_SHIFT;
        Self((self.0 & !(mask | Self::NON_BLOCKING)) | ((source as u64) << Self::SOURCE_SHIFT))
    }

    /// The kernel's answer that all went well, with `length` result words.
    pub const fn success(length: usize) -> Self {
        Self::new(0, length).from_source(Source::Kernel)
    }

    /// The kernel's answer that nothing was done, and why.
    pub const fn failure(error: Error) -> Self {
        Self::new(error.to_label(), 0).from_source(Source::Kernel)
    }

    /// Length in words.
    pub const fn length(self) -> usize {
        (self.0 & Self::LENGTH_MASK) as usize
    }

    /// Number of capabilities.
    pub const fn capabilities(self) -> usize {
        ((self.0 >> Self::CAPABILITIES_SHIFT) & 0xf) as usize
    }

    /// Whether the call is to fail rather than wait.
    pub const fn is_non_blocking(self) -> bool {
        self.0 & Self::NON_BLOCKING != 0
    }

    /// Whether a call is to be served on the receiver's own scheduling context.
    pub const fn is_on_own_time(self) -> bool {
        self.0 & Self::OWN_TIME != 0
    }

    /// The label.
    pub const fn label(self) -> u32 {
        (self.0 >> Self::LABEL_SHIFT) as u32
    }

    /// Where it comes from; `None` for a number not yet given.
    pub const fn source(self) -> Option<Source> {
        Some(match (self.0 >> Self::SOURCE_SHIFT) & 7 {
            0 => Source::Message,
            1 => Source::Kernel,
            2 => Source::Fault,
            3 => Source::Foreign,
            4 => Source::VirtualCpu,
            5 => Source::Notification,
            6 => Source::Stopped,
            _ => return None,
        })
    }

    /// Whether a process may send this word: reserved and source bits zero, counts in range.
    pub const fn is_sendable(self) -> bool {
        self.0 & (Self::RESERVED | (7 << Self::SOURCE_SHIFT)) == 0
            && self.length() <= MESSAGE_WORDS
            && self.capabilities() <= MESSAGE_CAPABILITIES
    }
}
