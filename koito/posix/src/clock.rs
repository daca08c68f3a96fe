//! Time and chance.

use koito::Environment;
use koito::services::{ClockClient, EntropyClient};
use nun::ticks;

/// Bits of a fraction.
const FRACTION: u32 = 32;

/// What time it is, by the processor's counter.
pub struct Clock {
    ticks_per_millisecond: u64,
    /// Nanoseconds of a tick, in units of 2^-32.
    nanoseconds_per_tick: u64,
    /// Nanoseconds of real time when the counter was 0.
    epoch: u64,
    entropy: Option<EntropyClient>,
    /// What the next random number is made from where the processor gives none.
    seed: u64,
}

impl Clock {
    /// With what the manifest gives.
    pub fn new(environment: &Environment) -> Self {
        let clock = environment.service("clock").ok().map(ClockClient::new);
        let seconds = clock.and_then(|clock| clock.epoch().ok().flatten()).unwrap_or(0);
        Self {
            ticks_per_millisecond: environment.ticks_per_millisecond,
            nanoseconds_per_tick: (1_000_000 << FRACTION)
                / environment.ticks_per_millisecond.max(1),
            epoch: seconds * 1_000_000_000,
            entropy: environment.service("entropy").ok().map(EntropyClient::new),
            seed: ticks() | 1,
        }
    }

    /// Nanoseconds since the machine started.
    #[inline]
    pub fn now(&self) -> u64 {
        // A multiplication, since every call that has to do with files asks for it.
        ((u128::from(ticks()) * u128::from(self.nanoseconds_per_tick)) >> FRACTION) as u64
    }

    /// What makes nanoseconds of the counter: how long a tick is, in units of 2^-32, and what real time was at
    /// tick 0.
    pub const fn numbers(&self) -> (u64, u64) {
        (self.nanoseconds_per_tick, self.epoch)
    }

    /// How fast the counter is.
    pub const fn ticks_per_millisecond(&self) -> u64 {
        self.ticks_per_millisecond
    }

    /// The nanoseconds that a number of ticks takes.
    pub fn nanoseconds_of(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.nanoseconds_per_tick)) >> FRACTION) as u64
    }

    /// Nanoseconds since 1970.
    pub fn real(&self) -> u64 {
        self.epoch + self.now()
    }

    /// Sets what time it is now, in nanoseconds since 1970; not before the machine started.
    pub fn set_real(&mut self, nanoseconds: u64) {
        self.epoch = nanoseconds.saturating_sub(self.now());
    }

    /// The counter's value at `nanoseconds` since the machine started.
    pub fn ticks_at(&self, nanoseconds: u64) -> u64 {
        let ticks = u128::from(nanoseconds) * u128::from(self.ticks_per_millisecond) / 1_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Sixteen random bytes. Where the processor has no random numbers they only differ each time.
    pub fn random(&mut self) -> [u8; 16] {
        let drawn = self.entropy.as_ref().and_then(|entropy| entropy.random().ok());
        let words = match drawn {
            Some((first, second, ..)) => [first, second],
            None => [(); 2].map(|()| {
                // Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
                self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }),
        };
        let mut bytes = [0; 16];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
