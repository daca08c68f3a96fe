//! The victim: it owns data that nobody else may see or change, and looks at it all the time, also
//! in registers and on its stack. If anything is wrong it faults, and init learns of it.
#![no_std]
#![no_main]

mod shared;

use core::hint::black_box;

use a9n_random::Random;
use nun::mapped::Mapped;
use nun::{buffer, yield_now};
use shared::{REPORT, report};

nun::entry!(main, stack = STACK);

/// Words of data: more than the translations of one set of page tables.
const WORDS: usize = 16 * 1024;
/// They lie on the stack.
const STACK: usize = WORDS * 8 + 64 * 1024;
/// Words that are looked at between two yields.
const STRIDE: usize = 512;
/// Words of the IPC buffer that hold data too.
const BUFFER_WORDS: usize = 128;

fn main(seed: u64) {
    let mut data = [0; WORDS];
    let heartbeat = Mapped::in_workspace(REPORT, 4096);
    let mut random = Random::new(seed);
    data.iter_mut().for_each(|word| *word = random.next());
    (0..BUFFER_WORDS).for_each(|index| buffer().write(index, random.next()));
    loop {
        // What stands here, the position and the sum, survives every interruption.
        let mut expected = Random::new(seed);
        for chunk in data.chunks(STRIDE) {
            let sound = chunk.iter().all(|word| *black_box(word) == expected.next());
            assert!(sound, "the victim's memory changed");
            assert!(yield_now().is_ok(), "the kernel refused the victim to yield");
        }
        let sound = (0..BUFFER_WORDS).all(|index| buffer().read(index) == expected.next());
        assert!(sound, "the victim's IPC buffer changed");
        heartbeat.write(report::COUNT, heartbeat.read(report::COUNT) + 1);
    }
}
