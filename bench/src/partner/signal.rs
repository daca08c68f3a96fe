//! Signals between processes.

use core::sync::atomic::{AtomicU32, Ordering};

use a9n_bench::machine::stamp;
use a9n_bench::measure::measure;
use a9n_bench::parts::measure_parts;
use nun::NotificationPort;

use crate::publish;

/// Sends every signal back.
pub fn pong(input: NotificationPort, output: NotificationPort) -> ! {
    while input.wait().is_ok() && output.notify().is_ok() {}
    panic!("the signals stopped");
}

/// Measures the round trip of a signal.
pub fn ping(input: NotificationPort, output: NotificationPort) {
    let there_and_back = || output.notify().and_then(|()| input.wait());
    publish(&measure("notify.ping_pong", there_and_back, |bits| assert_ne!(bits, Ok(0))));
}

/// When the more urgent thread came to run.
static WOKEN: AtomicU32 = AtomicU32::new(0);

/// Notes when it comes to run.
pub fn note_wake(input: NotificationPort) -> ! {
    while input.wait().is_ok() {
        WOKEN.store(stamp(), Ordering::Relaxed);
    }
    panic!("the signals stopped");
}

/// Measures from a signal to the first instruction of the more urgent thread that waits for it.
pub fn wake(output: NotificationPort) {
    let [measured] = measure_parts(["notify.wake"], || {
        let start = stamp();
        let answer = output.notify();
        let woken = WOKEN.swap(0, Ordering::Relaxed);
        assert!(answer.is_ok() && woken != 0);
        [woken.wrapping_sub(start)]
    });
    publish(&measured);
}
