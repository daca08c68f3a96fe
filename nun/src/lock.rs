//! Mutual exclusion between the threads of a program.

use core::sync::atomic::{AtomicBool, Ordering};

use lock_api::{GuardSend, RawMutex};

use crate::yield_now;

/// A value that one thread at a time uses. Who waits lets others of its priority run, so all that
/// use it need the same priority.
pub type Mutex<T> = lock_api::Mutex<YieldingLock, T>;

/// The lock in it.
#[derive(Debug)]
pub struct YieldingLock(AtomicBool);

// SAFETY: whoever swaps `true` in for `false` is the only one until it stores `false` again.
unsafe impl RawMutex for YieldingLock {
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            // It is never refused.
            let _ = yield_now();
        }
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    // SAFETY: the caller holds the lock.
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}
