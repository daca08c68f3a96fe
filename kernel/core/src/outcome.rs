//! How a kernel call ends.

use a9n_abi::{Culprit, Error, MESSAGE_REGISTERS, Reason};

/// A kernel call that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done; so many of these words answer it, the first in the identifier's register, the
    /// others in message registers.
    Done {
        /// How many words count.
        length: usize,
        /// The words.
        words: [u64; MESSAGE_REGISTERS],
    },
    /// The caller waits, or its answer has been set already.
    Settled,
}

impl Outcome {
    /// Done, with nothing to say.
    pub(crate) const NOTHING: Self = Self::Done { length: 0, words: [0; MESSAGE_REGISTERS] };

    /// Done, with one word.
    pub(crate) const fn word(word: u64) -> Self {
        Self::words([word])
    }

    /// Done, with `N` words, at most as many as travel in registers.
    pub(crate) const fn words<const N: usize>(results: [u64; N]) -> Self {
        let mut words = [0; MESSAGE_REGISTERS];
        let mut i = 0;
        while i < N && i < MESSAGE_REGISTERS {
            words[i] = results[i];
            i += 1;
        }
        Self::Done { length: i, words }
    }
}

/// Why a kernel call did not come to its end this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It was refused; nothing changed.
    Refused(Error),
    /// It has done as much as may be done at a stretch, and goes on when it is repeated.
    Restart,
    /// It is done, but for objects that died with it: it goes on as `settle` when it is repeated,
    /// since by then its arguments may mean something else.
    Settle,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A refusal because of argument `number`, counted from 1.
pub(crate) const fn bad_argument(reason: Reason, number: u8) -> Error {
    Error::new(reason, Culprit::argument(number))
}

/// What may still be done before the kernel has to look for interrupts, in entries of a page table
/// that are gone through.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    /// Steps of up to about a hundred instructions in one kernel call.
    const STEPS: u32 = 24;

    /// Entries of a page table gone through in one step.
    const ENTRIES_PER_STEP: u32 = 16;

    /// A walk to a table takes as long as so many of its entries.
    const ENTRIES_PER_WALK: u32 = 8;

    /// A full budget.
    pub(crate) const fn new() -> Self {
        Self(Self::STEPS * Self::ENTRIES_PER_STEP)
    }

    /// Takes one step, or asks for a restart.
    pub(crate) const fn spend(&mut self) -> Result<(), Stop> {
        self.spend_many(1)
    }

    /// Takes `steps` steps, fewer than a full budget, at once, or asks for a restart.
    pub(crate) const fn spend_many(&mut self, steps: u32) -> Result<(), Stop> {
        match self.0.checked_sub(steps * Self::ENTRIES_PER_STEP) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Stop::Restart),
        }
    }

    /// Takes a walk to a page table, and answers how many of its entries may be gone through.
    /// `None` if that is none.
    pub(crate) fn walk(&mut self) -> Option<u64> {
        self.0 = self.0.saturating_sub(Self::ENTRIES_PER_WALK);
        (self.0 != 0).then_some(u64::from(self.0))
    }

    /// Takes as long as going through `entries` entries, at most as many as `walk` allowed.
    pub(crate) const fn pass(&mut self, entries: u64) {
        self.0 = self.0.saturating_sub(entries as u32);
    }
}
