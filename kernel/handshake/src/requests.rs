//! What CPUs ask each other to forget.
//!
//! A CPU is *asked*: its count goes up. It has *done* so much of that. What is to be forgotten stands
//! beside the count; whoever is asked anew before it is done forgets everything.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::atomic::{AtomicU32, AtomicU64};
use crate::constructor;

/// What is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// All there is.
    Everything,
    /// Something of what `of`, which is not 0, names; two numbers say what.
    Part {
        /// Of what.
        of: u64,
        /// What of it.
        range: (u64, u64),
    },
}

/// What one CPU is asked, and asks, to forget.
#[repr(align(64))]
#[derive(Debug)]
pub struct Requests {
    /// How often it was asked; changes with the kernel lock held.
    asked: AtomicU64,
    /// What it was asked to forget: of what, 0 for everything, and two numbers. Changes with the
    /// kernel lock held: the first one at any time, so that nothing that was asked gets lost, the
    /// others only when all is done.
    of: AtomicU64,
    start: AtomicU64,
    length: AtomicU64,
    /// How much of that it has done; only itself changes it.
    done: AtomicU64,
    /// A bit for each CPU that it has asked and not yet waited for; its own business.
    awaited: AtomicU32,
}

impl Requests {
    constructor! {
        /// Of a CPU that nobody asked.
        #[expect(clippy::new_without_default, reason = "it is made in constants")]
        new {
            Self {
                asked: AtomicU64::new(0),
                of: AtomicU64::new(0),
                start: AtomicU64::new(0),
                length: AtomicU64::new(0),
                done: AtomicU64::new(0),
                awaited: AtomicU32::new(0),
            }
        }
    }

    /// Whether it has not yet done what it was asked.
    pub fn is_open(&self) -> bool {
        self.done.load(Acquire) != self.asked.load(Relaxed)
    }

    /// Asks CPU `number`, whose these are, in the name of the CPU of `asker`. The kernel lock is
    /// held.
    pub fn ask(&self, request: Request, asker: &Self, number: u32) {
        match request {
            Request::Part { of, range } if !self.is_open() => {
                self.of.store(of, Relaxed);
                self.start.store(range.0, Relaxed);
                self.length.store(range.1, Relaxed);
            }
            _ => self.of.store(0, Relaxed),
        }
        self.asked.store(self.asked.load(Relaxed) + 1, Release);
        asker.awaited.store(asker.awaited.load(Relaxed) | 1 << number, Relaxed);
    }

    /// Whether the CPU that executes this, whose these are, has asked others and not yet waited.
    #[inline(always)]
    pub fn owes_wait(&self) -> bool {
        self.awaited.load(Relaxed) != 0
    }

    /// A bit for each CPU that the one that executes this, whose these are, has asked; it waits for
    /// them now.
    pub fn take_awaited(&self) -> u32 {
        let awaited = self.awaited.load(Relaxed);
        self.awaited.store(0, Relaxed);
        awaited
    }

    /// Waits until this CPU has done all that it was asked by now; does `meanwhile` again and again.
    /// The kernel lock is not held.
    pub fn wait(&self, meanwhile: impl Fn()) {
        // At least what was asked here; counts never wrap around.
        let goal = self.asked.load(Relaxed);
        while self.done.load(Acquire) < goal {
            meanwhile();
        }
    }

    /// Does on the CPU that executes this, whose these are, what others asked.
    pub fn serve(&self, forget: impl FnOnce(Request)) {
        let asked = self.asked.load(Acquire);
        if self.done.load(Relaxed) != asked {
            let range = (self.start.load(Relaxed), self.length.load(Relaxed));
            forget(match self.of.load(Relaxed) {
                0 => Request::Everything,
                of => Request::Part { of, range },
            });
            self.done.store(asked, Release);
        }
    }
}
