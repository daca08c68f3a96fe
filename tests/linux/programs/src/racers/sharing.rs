//! What threads share: a word with a lock, a pipe, signals.

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use a9n_linux_programs::system::{
    close, futex_wait, futex_wake, getpid, getppid, gettid, handle, pipe, read, sched_yield,
    tgkill, write,
};
use linux_raw_sys::general::SIGUSR1;

use crate::{THREADS, done, together};

/// How often each thread counts.
const TURNS: u64 = 500;

/// A lock that threads sleep for: 0 is free, 1 held, 2 held and awaited.
static LOCK: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Threads add to a number one after the other, in two steps that nobody may come between.
pub fn count_locked() -> u64 {
    COUNT.store(0, Ordering::Relaxed);
    together(THREADS, count);
    COUNT.load(Ordering::Relaxed)
}

extern "C" fn count(_: usize) -> ! {
    for turn in 0..TURNS {
        if LOCK.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            while LOCK.swap(2, Ordering::Acquire) != 0 {
                futex_wait(&LOCK, 2);
            }
        }
        let count = COUNT.load(Ordering::Relaxed);
        if turn % 32 == 0 {
            sched_yield();
        }
        COUNT.store(count + 1, Ordering::Relaxed);
        if LOCK.swap(0, Ordering::Release) == 2 {
            futex_wake(&LOCK, 1);
        }
    }
    done()
}

static ENDS: [AtomicI32; 2] = [AtomicI32::new(0), AtomicI32::new(0)];
/// Writers that have not written all.
static WRITERS: AtomicU32 = AtomicU32::new(0);

/// Half of the threads write numbers into a pipe, the other half reads them and adds them up.
pub fn sum_piped() -> u64 {
    COUNT.store(0, Ordering::Relaxed);
    WRITERS.store(THREADS as u32 / 2, Ordering::Relaxed);
    for (place, end) in ENDS.iter().zip(pipe()) {
        place.store(end, Ordering::Relaxed);
    }
    together(THREADS, pass);
    close(ENDS[0].load(Ordering::Relaxed));
    COUNT.load(Ordering::Relaxed)
}

extern "C" fn pass(number: usize) -> ! {
    let [from, to] = [0, 1].map(|end: usize| ENDS[end].load(Ordering::Relaxed));
    if number.is_multiple_of(2) {
        for turn in 0..TURNS {
            write(to, &turn.to_ne_bytes());
        }
        if WRITERS.fetch_sub(1, Ordering::AcqRel) == 1 {
            close(to);
        }
    } else {
        let mut bytes = [0; size_of::<u64>()];
        while read(from, &mut bytes) == bytes.len() as isize {
            COUNT.fetch_add(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
    }
    done()
}

/// Signals that each thread gets.
const SIGNALS: u32 = 5;
/// The threads' numbers; 0 for those that are not there.
static TOLD: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
static HEARD: AtomicU32 = AtomicU32::new(0);
static OVER: AtomicU32 = AtomicU32::new(0);

/// A thread signals others, each time when the last signal was heard.
pub fn count_signals() -> u64 {
    HEARD.store(0, Ordering::Relaxed);
    OVER.store(0, Ordering::Relaxed);
    handle(SIGUSR1, hear);
    together(THREADS, signal);
    HEARD.load(Ordering::Relaxed).into()
}

extern "C" fn hear(_: i32) {
    HEARD.fetch_add(1, Ordering::Relaxed);
    futex_wake(&HEARD, 1);
}

extern "C" fn signal(number: usize) -> ! {
    if number > 0 {
        TOLD[number].store(gettid() as i32, Ordering::Release);
        // Signals come in the middle of calls, and between them.
        while OVER.load(Ordering::Acquire) == 0 {
            getppid();
            sched_yield();
        }
        TOLD[number].store(0, Ordering::Release);
        done()
    }
    let process = getpid();
    for other in &TOLD[1..] {
        let thread = loop {
            match other.load(Ordering::Acquire) {
                0 => sched_yield(),
                thread => break thread as isize,
            };
        };
        for _ in 0..SIGNALS {
            let before = HEARD.load(Ordering::Relaxed);
            tgkill(process, thread, SIGUSR1);
            while HEARD.load(Ordering::Relaxed) == before {
                futex_wait(&HEARD, before);
            }
        }
    }
    OVER.store(1, Ordering::Release);
    done()
}
