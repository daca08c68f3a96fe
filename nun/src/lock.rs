//! Mutual exclusion between the threads of a program.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::{fmt, hint};

pub use lock_api::MutexGuard;
use lock_api::{GuardSend, RawMutex};

use crate::yield_now;

/// A value that one thread at a time uses. A waiter lets others of its priority run, so all that
/// use it need the same priority.
pub type Mutex<T> = lock_api::Mutex<YieldingLock, T>;

/// A value that threads on several CPUs use, of whatever priority. A waiter looks for a while and then sleeps, until
/// `B` rings.
pub type SleepingMutex<T, B> = lock_api::Mutex<SleepingLock<B>, T>;

/// The lock in a [`Mutex`].
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

/// How threads sleep that wait for a lock, and are woken.
pub trait Bell {
    /// Waits until it is rung, or has been since it was last heard.
    fn hear();
    /// Wakes one of those who hear it, or else the next that does.
    fn ring();
}

/// How often a waiter looks at its lock before it sleeps.
const LOOKS: u32 = 1000;

/// The lock in a [`SleepingMutex`].
pub struct SleepingLock<B> {
    state: AtomicU32,
    bell: PhantomData<fn() -> B>,
}

/// Nobody holds it.
const FREE: u32 = 0;
/// Somebody does, and nobody sleeps.
const HELD: u32 = 1;
/// Somebody does, and others may sleep.
const AWAITED: u32 = 2;

impl<B: Bell> SleepingLock<B> {
    /// Takes it as `taken`, if it is free or comes to be so soon.
    fn takes_soon(&self, taken: u32) -> bool {
        (0..LOOKS).any(|_| {
            let is_free = self.state.load(Ordering::Relaxed) == FREE;
            if !is_free {
                hint::spin_loop();
            }
            is_free && self.takes(taken)
        })
    }

    #[inline]
    fn takes(&self, taken: u32) -> bool {
        self.state.compare_exchange(FREE, taken, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        if self.takes_soon(HELD) {
            return;
        }
        // From here on whoever gives it back rings. Others may sleep as well, so it is taken as awaited.
        while self.state.swap(AWAITED, Ordering::Acquire) != FREE {
            B::hear();
            if self.takes_soon(AWAITED) {
                return;
            }
        }
    }
}

// SAFETY: whoever changes `FREE` into something else is the only one until it stores `FREE` again; the others
// change what is not `FREE` into `AWAITED` only.
unsafe impl<B: Bell> RawMutex for SleepingLock<B> {
    const INIT: Self = Self { state: AtomicU32::new(FREE), bell: PhantomData };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.takes(HELD) {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.takes(HELD)
    }

    // SAFETY: the caller holds the lock.
    #[inline]
    unsafe fn unlock(&self) {
        if self.state.swap(FREE, Ordering::Release) == AWAITED {
            B::ring();
        }
    }
}

impl<B> fmt::Debug for SleepingLock<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SleepingLock").field(&self.state).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Condvar, Mutex, PoisonError};
    use std::thread;

    use super::{Bell, RawMutex, SleepingLock, SleepingMutex};

    /// A bell that keeps one ring, as a Notification Port does.
    struct HostBell;

    static RUNG: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    impl Bell for HostBell {
        fn hear() {
            let rung = RUNG.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = RUNG.1.wait_while(rung, |rung| !*rung);
            *waited.unwrap_or_else(PoisonError::into_inner) = false;
        }

        fn ring() {
            *RUNG.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            RUNG.1.notify_one();
        }
    }

    #[test]
    fn threads_come_in_one_at_a_time_and_none_is_forgotten() {
        const TIMES: u64 = 500;
        let counts = Arc::new(SleepingMutex::<(u64, u64), HostBell>::new((0, 0)));
        let threads: [_; 4] = core::array::from_fn(|_| {
            let counts = Arc::clone(&counts);
            thread::spawn(move || {
                for time in 0..TIMES {
                    let mut counts = counts.lock();
                    counts.0 += 1;
                    if time % 16 == 0 {
                        // Others wait for so long that they sleep.
                        thread::yield_now();
                    }
                    counts.1 += 1;
                    assert_eq!(counts.0, counts.1, "somebody else is in");
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counts.lock().0, 4 * TIMES);
    }

    #[test]
    fn a_lock_is_refused_while_it_is_held() {
        let lock = SleepingLock::<HostBell>::INIT;
        assert!(lock.try_lock());
        assert!(!lock.try_lock());
        // SAFETY: it is held since the first line.
        unsafe { lock.unlock() };
        assert!(lock.try_lock());
    }
}
