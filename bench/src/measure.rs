//! What a figure is.
//!
//! From one reading of the time-stamp counter to the next, with the path between them: under an
//! emulator that counts instructions, everything that user level and kernel execute for it, the
//! loading of message words from memory included. Whether the result is right is checked after
//! the second reading. Nothing is subtracted and nothing is fenced.

use core::hint::black_box;

use nun::{println, short_ticks};

/// Rounds before the first that counts.
pub const WARM_UP: usize = 64;
/// Rounds that count.
pub const SAMPLES: usize = 500;

/// Runs `path` many times, hands each result to `check`, and prints the most frequent figure
/// under `name`. Under an instruction counter that is also the smallest; where it is not, that
/// one is printed as well.
#[inline(always)]
pub fn measure<T>(name: &str, path: impl FnMut() -> T, check: impl FnMut(T)) {
    report(name, &mut sample(name, path, check));
}

/// The figures of many runs of `path`.
#[inline(always)]
pub fn sample<T>(
    name: &str,
    mut path: impl FnMut() -> T,
    mut check: impl FnMut(T),
) -> [u32; SAMPLES] {
    for _ in 0..WARM_UP {
        check(path());
    }
    announce(name);
    let mut samples = [0; SAMPLES];
    for sample in &mut samples {
        let start = short_ticks();
        let result = path();
        *sample = short_ticks().wrapping_sub(start);
        check(result);
    }
    samples
}

/// Tells whoever follows the program in a debugger that the next two readings of the counter are
/// around the path called `name`, which is warmed up.
pub fn announce(name: &str) {
    announce_bytes(name.as_ptr(), name.len());
}

#[inline(never)]
extern "C" fn announce_bytes(name: *const u8, length: usize) {
    black_box((name, length));
}

/// Prints the most frequent of `samples`.
pub fn report(name: &str, samples: &mut [u32]) {
    println!("bench {name} {}", most_frequent(samples));
    let (smallest, largest) = (samples[0], samples[samples.len() - 1]);
    if smallest != most_frequent(samples) {
        println!("note {name}: smallest {smallest}, largest {largest}");
    }
}

/// The most frequent of `samples`, which it sorts.
pub fn most_frequent(samples: &mut [u32]) -> u32 {
    samples.sort_unstable();
    let groups = samples.chunk_by(|a, b| a == b);
    groups.max_by_key(|group| group.len()).map_or(0, |group| group[0])
}
