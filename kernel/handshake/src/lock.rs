//! The kernel lock.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::atomic::AtomicU32;
use crate::constructor;

/// A lock. It is one word, not 0 while taken, so that assembly can take and give it as well.
#[repr(transparent)]
#[derive(Debug)]
pub struct Lock(AtomicU32);

impl Lock {
    constructor! {
        /// A lock that nobody has.
        #[expect(clippy::new_without_default, reason = "it is made in constants")]
        new { Self(AtomicU32::new(0)) }
    }

    /// Takes the lock; does `meanwhile`, again and again, while somebody else has it.
    #[inline]
    pub fn acquire(&self, meanwhile: impl Fn()) {
        while self.0.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            while self.0.load(Relaxed) != 0 {
                meanwhile();
            }
        }
    }

    /// Gives the lock back.
    #[inline]
    pub fn release(&self) {
        self.0.store(0, Release);
    }
}
