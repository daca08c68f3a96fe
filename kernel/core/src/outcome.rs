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
/// instructions. It is never overdrawn, but for the first thing that a call does, which is always
/// allowed: so every call makes progress. With what comes before and after, and what other CPUs ask for
/// meanwhile, that is at most 3,000 instructions; `cargo xtask test --suite stretch` measures it.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u32,
    /// Whether something was done.
    begun: bool,
}

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
        Self::of(Self::FULL)
    }

    /// A full budget for filling entries of page tables, whose cost is known most exactly.
    pub(crate) const fn for_filling() -> Self {
        Self::of(230)
    }

    /// A full budget for changing entries of page tables, after which CPUs have to forget them.
    pub(crate) const fn for_changing() -> Self {
        Self::of(220)
    }

    const fn of(left: u32) -> Self {
        Self { left, begun: false }
    }

    /// Takes the cost of what is about to be done, or asks for a restart if too little is left.
    pub(crate) const fn spend(&mut self, cost: u32) -> Result<(), Stop> {
        if !self.covers(cost) {
            return Err(Stop::Restart);
        }
        self.begun = true;
        self.charge(cost);
        Ok(())
    }

    /// Takes a walk to a page table, and answers how many of its entries may be gone through.
    /// `None` if nothing is left.
    pub(crate) fn walk(&mut self) -> Option<u64> {
        self.spend(Self::WALK).ok()?;
        Some(u64::from(self.left.max(1) * Self::ENTRIES / Self::ENTRIES_COST))
    }

    /// Takes the cost of going through `entries` entries, at most as many as `walk` allowed.
    pub(crate) const fn pass(&mut self, entries: u64) {
        let cost = (entries as u32).wrapping_mul(Self::ENTRIES_COST).div_ceil(Self::ENTRIES);
        self.charge(cost);
    }

    /// Whether `cost` can be spent.
    pub(crate) const fn covers(&self, cost: u32) -> bool {
        !self.begun || self.left != 0 && cost <= self.left
    }

    /// Takes what it costs to find out what to do: that alone is no progress.
    pub(crate) const fn charge(&mut self, cost: u32) {
        self.left = self.left.saturating_sub(cost);
    }
}
