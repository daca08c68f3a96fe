//! Guests, as their monitors see them.
//!
//! A process that runs a virtual CPU tells its resolver, its *monitor*, why it left its guest, and waits to be
//! answered. *Virtualisation* in the manual has a monitor's life; the words are in [`abi::guest`](crate::abi::guest).

use a9n_abi::guest::{Exit, ExitReason, GuestVerdict};
use a9n_abi::{MESSAGE_REGISTERS, Source};

use crate::Message;
use crate::received::Arrival;
use crate::syscall::Answer;

/// That a guest was left, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestExit {
    /// Number of the [reason](Self::reason).
    pub number: u32,
    /// What is to be known about it. Groups of state that were asked for lie in the IPC buffer.
    pub exit: Exit,
}

impl GuestExit {
    /// Why; `None` for what this version does not know.
    #[inline(always)]
    pub const fn reason(&self) -> Option<ExitReason> {
        ExitReason::from_number(self.number)
    }

    /// The exit that was received; it is known to be one.
    #[inline(always)]
    pub(crate) const fn of(answer: &Answer) -> Self {
        Self { number: answer.info.label(), exit: Exit::from_words(&answer.words) }
    }
}

impl Arrival {
    /// If it is an exit of a guest: which process runs that, and why it was left.
    #[inline(always)]
    pub fn exit(&self) -> Option<(u64, GuestExit)> {
        let is_exit = self.0.info.source() == Some(Source::VirtualCpu);
        is_exit.then(|| (self.0.identifier, GuestExit::of(&self.0)))
    }
}

impl Message {
    /// The answer to an exit: what becomes of the guest, with the words that the verdict speaks of.
    #[inline(always)]
    pub const fn guest_verdict(verdict: GuestVerdict, words: [u64; MESSAGE_REGISTERS]) -> Self {
        Self::new(verdict.0, words)
    }
}
