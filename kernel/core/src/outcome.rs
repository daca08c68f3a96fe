//! How a kernel call ends.

use a9n_abi::{Culprit, Error, Reason};

/// Most words that answer a kernel call.
const MOST_WORDS: usize = 4;

/// How a kernel call that was not refused has ended. The short answers are variants of their own, which
/// take less code to make than four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done, with nothing to say.
    Nothing,
    /// It is done, with one word.
    Word(u64),
    /// It is done, with the first `length` of these words.
    Words {
        /// How many words count.
        length: usize,
        /// The words.
        words: [u64; MOST_WORDS],
    },
    /// The caller waits, or its answer has been set already.
    Settled,
}

impl Outcome {
    /// Done, with `N` words.
    pub(crate) const fn words<const N: usize>(results: [u64; N]) -> Self {
        const { assert!(N <= MOST_WORDS) };
        let mut words = [0; MOST_WORDS];
        let mut i = 0;
        while i < N {
            words[i] = results[i];
            i += 1;
        }
        Self::Words { length: N, words }
    }

    /// How many words count, and the words; `None` if the caller gets no answer from here.
    pub(crate) const fn answer(self) -> Option<(usize, [u64; MOST_WORDS])> {
        match self {
            Self::Nothing => Some((0, [0; MOST_WORDS])),
            Self::Word(word) => Some((1, [word, 0, 0, 0])),
            Self::Words { length, words } => Some((length, words)),
            Self::Settled => None,
        }
    }
}

/// Why a kernel call did not come to its end this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It was refused; nothing changed.
    Refused(Error),
    /// It has done as much as may be done at a stretch, and goes on when it is repeated.
    Restart,
    /// It has done its own part, and what is left goes on as the operation with this word: to
    /// repeat the whole could mean something else by then.
    RestartAs(u64),
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

/// What may still be done before the kernel has to look for interrupts, in units of about ten
/// instructions. With what comes before and after, and what the last step exceeds it by, that is at
/// most 3,000 instructions; `cargo xtask test --suite stretch` measures it.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    /// Units of a full budget.
    pub(crate) const FULL: u32 = 150;

    /// What a walk to a page table costs.
    const WALK: u32 = 15;

    /// To fill or to empty this many entries of a page table costs that many units.
    const ENTRIES: u32 = 10;
    const ENTRIES_COST: u32 = 7;

    /// A full budget.
    pub(crate) const fn new() -> Self {
        Self(Self::FULL)
    }

    /// A full budget for entries of page tables. Their cost is known exactly, so nothing is exceeded and the
    /// budget can be larger: 512 entries take three kernel calls.
    pub(crate) const fn for_entries() -> Self {
        Self(230)
    }

    /// Takes the cost of what is about to be done, or asks for a restart if nothing is left. A full
    /// budget always has something left, so every call makes progress.
    pub(crate) const fn spend(&mut self, cost: u32) -> Result<(), Stop> {
        if self.0 == 0 {
            return Err(Stop::Restart);
        }
        self.0 = self.0.saturating_sub(cost);
        Ok(())
    }

    /// Takes a walk to a page table, and answers how many of its entries may be gone through.
    /// `None` if nothing is left.
    pub(crate) fn walk(&mut self) -> Option<u64> {
        self.spend(Self::WALK).ok()?;
        Some(u64::from(self.0.max(1) * Self::ENTRIES / Self::ENTRIES_COST))
    }

    /// Takes the cost of going through `entries` entries, at most as many as `walk` allowed.
    pub(crate) const fn pass(&mut self, entries: u64) {
        let cost = (entries as u32).wrapping_mul(Self::ENTRIES_COST).div_ceil(Self::ENTRIES);
        self.0 = self.0.saturating_sub(cost);
    }

    /// Whether `cost` can be spent without exceeding the budget. A full budget covers any cost.
    pub(crate) const fn covers(&self, cost: u32) -> bool {
        cost <= self.0 || self.0 == Self::FULL
    }

    /// Takes what it cost to find out what to do: one thing can still be done afterwards, if it
    /// could be before.
    pub(crate) const fn charge(&mut self, cost: u32) {
        if self.0 != 0 {
            self.0 = self.0.saturating_sub(cost);
            if self.0 == 0 {
                self.0 = 1;
            }
        }
    }
}
