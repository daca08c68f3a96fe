//! What a figure is.
//!
//! From one reading of the time-stamp counter to the next, with the path between them: under an
//! emulator that counts instructions, everything that user level and kernel execute for it, the
//! loading of message words from memory included; on real hardware, the ticks that this takes.
//! Whether the result is right is checked after the second reading. Nothing is subtracted.

use core::hint::black_box;

use crate::machine::stamp;

/// Rounds before the first that counts.
pub const WARM_UP: usize = 64;
/// Rounds that count.
pub const SAMPLES: usize = 500;
/// Longest name of a path.
const NAME_BYTES: usize = 24;

/// What many runs of a path came to.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    name: [u8; NAME_BYTES],
    /// The most frequent figure, the lowest of several. Where instructions are counted, it is the
    /// path's; the others are runs that an interrupt came into.
    pub usual: u32,
    /// The smallest.
    pub smallest: u32,
    /// The one that half of all do not exceed.
    pub median: u32,
    /// The one that 9 of 10 do not exceed.
    pub ninetieth: u32,
    /// The one that 99 of 100 do not exceed.
    pub ninety_ninth: u32,
}

impl Measured {
    /// Words of a message that says it.
    pub const WORDS: usize = 6;

    /// What `samples` of the path called `name` come to. Sorts them.
    pub fn of(name: &str, samples: &mut [u32; SAMPLES]) -> Self {
        samples.sort_unstable();
        let mut usual: &[u32] = &[];
        for group in samples.chunk_by(|a, b| a == b) {
            if group.len() > usual.len() {
                usual = group;
            }
        }
        let usual = usual.first().copied().unwrap_or_default();
        Self {
            name: bytes_of(name),
            usual,
            smallest: samples[0],
            median: samples[SAMPLES / 2],
            ninetieth: samples[SAMPLES * 9 / 10],
            ninety_ninth: samples[SAMPLES * 99 / 100],
        }
    }

    /// The same with the smallest figure as the usual one: for a path that begins anywhere in a loop,
    /// with the last instruction of a turn at best.
    pub fn at_best(self) -> Self {
        Self { usual: self.smallest, ..self }
    }

    /// The path's name.
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        str::from_utf8(&self.name[..end]).unwrap_or_default()
    }

    /// It as the words of a message.
    pub fn into_words(self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        for (word, bytes) in words.iter_mut().zip(self.name.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let pair = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        words[3] = pair(self.usual, self.smallest);
        words[4] = pair(self.median, self.ninetieth);
        words[5] = self.ninety_ninth.into();
        words
    }

    /// The one that became `words`.
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        let mut name = [0; NAME_BYTES];
        for (bytes, word) in name.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let [.., first, second, third] = words;
        Self {
            name,
            usual: first as u32,
            smallest: (first >> 32) as u32,
            median: second as u32,
            ninetieth: (second >> 32) as u32,
            ninety_ninth: third as u32,
        }
    }
}

fn bytes_of(name: &str) -> [u8; NAME_BYTES] {
    assert!(name.len() <= NAME_BYTES, "{name} is too long a name");
    let mut bytes = [0; NAME_BYTES];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// Runs `path` many times and hands each result to `check`.
#[inline(always)]
pub fn measure<T>(name: &str, mut path: impl FnMut() -> T, mut check: impl FnMut(T)) -> Measured {
    for _ in 0..WARM_UP {
        check(path());
    }
    announce(name);
    let mut samples = [0; SAMPLES];
    for sample in &mut samples {
        let start = stamp();
        let result = path();
        *sample = stamp().wrapping_sub(start);
        check(result);
    }
    Measured::of(name, &mut samples)
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

/// The same of the next two readings by a guest that is about to run `code`, which lies at `address` of its
/// memory: a debugger does not see through that.
pub fn announce_guest(name: &str, code: &[u8], address: usize) {
    // The compiler must not know it, or would not pass it on.
    let address = black_box(address);
    announce_guest_code(name.as_ptr(), name.len(), code.as_ptr(), code.len(), address);
}

#[inline(never)]
extern "C" fn announce_guest_code(
    name: *const u8,
    length: usize,
    code: *const u8,
    bytes: usize,
    address: usize,
) {
    black_box((name, length, code, bytes, address));
}
