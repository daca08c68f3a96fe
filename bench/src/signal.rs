//! Signals between processes.

use core::sync::atomic::{AtomicU32, Ordering};

use nun::{NotificationPort, short_ticks};

use crate::measure::measure;
use crate::parts::measure_parts;

/// Sends every signal back.
pub fn pong(input: NotificationPort, output: NotificationPort) -> ! {
    while input.wait().is_ok() && output.notify().is_ok() {}
    panic!("the signals stopped");
}

/// Measures the round trip of a signal.
pub fn ping(input: NotificationPort, output: NotificationPort) {
    let there_and_back = || output.notify().and_then(|()| input.wait());
    measure("notify.ping_pong", there_and_back, |bits| assert_ne!(bits, Ok(0)));
}

/// When the more urgent thread came to run.
static WOKEN: AtomicU32 = AtomicU32::new(0);

/// Notes when it comes to run.
pub fn note_wake(input: NotificationPort) -> ! {
    while input.wait().is_ok() {
        WOKEN.store(short_ticks(), Ordering::Relaxed);
    }
    panic!("the signals stopped");
}

/// Measures from a signal to the first instruction of the more urgent thread that waits for it.
pub fn wake(output: NotificationPort) {
    measure_parts(["notify.wake"], || {
        let start = short_ticks();
        let answer = output.notify();
        let woken = WOKEN.swap(0, Ordering::Relaxed);
        assert!(answer.is_ok() && woken != 0);
        [woken.wrapping_sub(start)]
    });
}
