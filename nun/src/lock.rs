//! Mutual exclusion between the threads of a program.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

pub use lock_api::MutexGuard;
use lock_api::{GuardSend, RawMutex};

use crate::yield_now;

/// A value that one thread at a time uses. Who waits lets others of its priority run, so all that
/// use it need the same priority.
pub type Mutex<T> = lock_api::Mutex<YieldingLock, T>;

/// A value that threads on several CPUs use, in the order in which they ask for it. Who waits for long does what
/// `W` says.
pub type FairMutex<T, W = Yield> = lock_api::Mutex<TicketLock<W>, T>;

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

/// What is to be done by who waits for a lock longer than its holder needs that runs: the holder may have to wait
/// for a CPU.
pub trait Wait {
    /// Called again and again, between long looks at the lock.
    fn wait();
}

/// Lets others of its priority run.
#[derive(Debug)]
pub struct Yield;

impl Wait for Yield {
    fn wait() {
        // It is never refused.
        let _ = yield_now();
    }
}

/// How often a waiter looks at its lock before it [waits](Wait::wait).
const LOOKS: u32 = 1000;

/// The lock in a [`FairMutex`]: everybody draws a number, and comes in when that is called.
pub struct TicketLock<W> {
    next: AtomicU32,
    called: AtomicU32,
    waits: PhantomData<fn() -> W>,
}

impl<W: Wait> TicketLock<W> {
    /// Waits until `number` is called.
    #[cold]
    #[inline(never)]
    fn wait_for(&self, number: u32) {
        loop {
            for _ in 0..LOOKS {
                if self.called.load(Ordering::Acquire) == number {
                    return;
                }
                core::hint::spin_loop();
            }
            W::wait();
        }
    }
}

// SAFETY: a number is drawn by one thread, and the next is called when that one unlocks: so one thread at a time
// is in, which sees what those before it stored.
unsafe impl<W: Wait> RawMutex for TicketLock<W> {
    const INIT: Self =
        Self { next: AtomicU32::new(0), called: AtomicU32::new(0), waits: PhantomData };
    type GuardMarker = GuardSend;

    #[inline]
    fn lock(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if self.called.load(Ordering::Acquire) != number {
            self.wait_for(number);
        }
    }

    fn try_lock(&self) -> bool {
        let number = self.called.load(Ordering::Acquire);
        let (mine, others) = (number.wrapping_add(1), Ordering::Relaxed);
        self.next.compare_exchange(number, mine, Ordering::Acquire, others).is_ok()
    }

    // SAFETY: the caller holds the lock.
    #[inline]
    unsafe fn unlock(&self) {
        let number = self.called.load(Ordering::Relaxed);
        self.called.store(number.wrapping_add(1), Ordering::Release);
    }
}

impl<W> fmt::Debug for TicketLock<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketLock").field("next", &self.next).field("called", &self.called).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// Leaves the CPU of the host to others.
    struct HostWaits;

    impl Wait for HostWaits {
        fn wait() {
            thread::yield_now();
        }
    }

    #[test]
    fn threads_come_in_one_at_a_time() {
        const TIMES: u64 = 20_000;
        let counts = Arc::new(FairMutex::<(u64, u64), HostWaits>::new((0, 0)));
        let threads: [_; 3] = core::array::from_fn(|_| {
            let counts = Arc::clone(&counts);
            thread::spawn(move || {
                for _ in 0..TIMES {
                    let mut counts = counts.lock();
                    counts.0 += 1;
                    core::hint::black_box(&mut counts);
                    counts.1 += 1;
                    assert_eq!(counts.0, counts.1, "somebody else is in");
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counts.lock().0, 3 * TIMES);
    }

    #[test]
    fn a_lock_is_refused_while_it_is_held_across_the_last_number() {
        let lock = TicketLock::<HostWaits> {
            next: AtomicU32::new(u32::MAX),
            called: AtomicU32::new(u32::MAX),
            waits: PhantomData,
        };
        for _ in 0..3 {
            lock.lock();
            assert!(!lock.try_lock());
            // SAFETY: it is held since two lines.
            unsafe { lock.unlock() };
            assert!(lock.try_lock());
            // SAFETY: it is held since the last line.
            unsafe { lock.unlock() };
        }
    }
}
