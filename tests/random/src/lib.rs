//! Numbers that nobody chose, the same on every run: for test programs.

#![no_std]
#![forbid(unsafe_code)]

/// Marsaglia's xorshift with 64 bits of state (*Xorshift RNGs*, 2003, section 3).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins from `seed`; 0 is no seed and becomes 1.
    pub const fn new(seed: u64) -> Self {
        Self(if seed == 0 { 1 } else { seed })
    }

    /// 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    /// Whether something happens that happens once in `times`.
    pub const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
