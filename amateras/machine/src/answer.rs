//! What becomes of a guest after an exit.

use a9n_abi::MESSAGE_REGISTERS;
use a9n_abi::guest::{Event, GuestVerdict};

use crate::Stop;

/// The label and the words of the reply to an exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What is changed, and whether the guest goes on.
    pub verdict: GuestVerdict,
    /// With what.
    pub words: [u64; MESSAGE_REGISTERS],
}

impl Answer {
    /// An instruction of `bytes` bytes is done, without result.
    pub(crate) fn after(bytes: u8) -> Self {
        Self { verdict: GuestVerdict::RESUME.after(bytes), ..Self::default() }
    }

    /// The same, with a new RAX.
    pub(crate) fn with_result(mut self, value: u64) -> Self {
        self.verdict = self.verdict.with(GuestVerdict::SET_RAX);
        self.words[0] = value;
        self
    }

    /// The same, with `value` in RDX and RAX, half in each.
    pub(crate) fn with_pair(mut self, value: u64) -> Self {
        self.verdict = self.verdict.with(GuestVerdict::SET_PAIR);
        let [low, _, _, high, ..] = &mut self.words;
        (*low, *high) = (value & 0xffff_ffff, value >> 32);
        self
    }

    /// The same, with new RAX, RBX, RCX, RDX.
    pub(crate) fn with_four(mut self, values: [u64; 4]) -> Self {
        self.verdict = self.verdict.with(GuestVerdict::SET_FOUR);
        for (word, value) in self.words.iter_mut().zip(values) {
            *word = value;
        }
        self
    }

    /// The same, with `event` injected.
    pub(crate) fn with_event(mut self, event: Event) -> Self {
        self.verdict = self.verdict.with(GuestVerdict::INJECT);
        let [.., to, _] = &mut self.words;
        *to = event.0;
        self
    }
}

/// What becomes of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Run(Answer),
    /// It waits for an interrupt: after an instruction of so many bytes.
    Halt(u8),
    /// It waits until another processor starts it.
    Wait,
    /// It ends here.
    Stop(Stop),
}

/// Vectors of exceptions that are injected.
pub(crate) const UNDEFINED: Event = Event::exception(6);
/// A general protection fault.
pub(crate) const PROTECTION: Event = Event::exception_with_code(13, 0);
