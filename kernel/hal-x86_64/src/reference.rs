//! Counters of known rate, against which clock and timer are measured: the ACPI PM timer, else
//! the HPET, else channel 2 of the legacy timer, which every PC has.

use core::ptr;

use x86_64::instructions::port::Port;

use crate::acpi::PmTimer;

/// A counter of known rate, running.
pub enum Reference {
    /// The ACPI PM timer.
    PmTimer(PmTimer),
    /// The high precision event timer.
    Hpet(Hpet),
    /// Channel 2 of the legacy timer (8254).
    Legacy,
}

/// A running HPET.
pub struct Hpet {
    registers: u64,
    hertz: u64,
}

/// How long a measurement takes, as a part of a second: 10 ms.
const PART_OF_SECOND: u64 = 100;
/// Looks at the counter in a measurement, at most: a counter that stands still ends it.
const PATIENCE: u64 = 100_000_000;

/// Rate of the legacy timer (105/88 MHz).
const LEGACY_HERTZ: u64 = 1_193_182;
const LEGACY_CHANNEL_2: u16 = 0x42;
const LEGACY_COMMAND: u16 = 0x43;
const SPEAKER: u16 = 0x61;

impl Hpet {
    /// Bytes of the registers that are used.
    pub const REGISTER_BYTES: u64 = 0x100;

    const CAPABILITIES: u64 = 0x00;
    const CONFIGURATION: u64 = 0x10;
    const COUNTER: u64 = 0xf0;
    const FEMTOSECONDS: u64 = 1_000_000_000_000_000;
    /// Longest period that the specification allows, 100 ns.
    const MAX_PERIOD: u64 = 100_000_000;

    /// Starts the HPET whose registers are seen at `registers`.
    ///
    /// # Safety
    /// They are mapped there uncached, for good.
    pub unsafe fn start(registers: u64) -> Option<Self> {
        let mut hpet = Self { registers, hertz: 0 };
        let period = hpet.read(Self::CAPABILITIES) >> 32;
        if period > Self::MAX_PERIOD {
            return None;
        }
        hpet.hertz = Self::FEMTOSECONDS.checked_div(period)?;
        let on = hpet.read(Self::CONFIGURATION) | 1;
        let address = (registers + Self::CONFIGURATION) as usize;
        // SAFETY: promised by the caller; counting does nothing to memory.
        unsafe { ptr::with_exposed_provenance_mut::<u64>(address).write_volatile(on) };
        Some(hpet)
    }

    fn read(&self, register: u64) -> u64 {
        let address = (self.registers + register) as usize;
        // SAFETY: promised to `start`.
        unsafe { ptr::with_exposed_provenance::<u64>(address).read_volatile() }
    }
}

impl Reference {
    /// Starts the legacy timer's channel 2, counting down all 16 bits over and over.
    pub fn start_legacy() -> Self {
        const GATE_ON_SPEAKER_OFF: u8 = 0b01;
        const CHANNEL_2_BOTH_BYTES_RATE: u8 = 0b1011_0100;
        let mut speaker = Port::<u8>::new(SPEAKER);
        // SAFETY: the legacy timer is the kernel's alone, and does not touch memory.
        unsafe {
            let others = speaker.read() & !0b11;
            speaker.write(others | GATE_ON_SPEAKER_OFF);
            Port::new(LEGACY_COMMAND).write(CHANNEL_2_BOTH_BYTES_RATE);
            Port::new(LEGACY_CHANNEL_2).write(0u8);
            Port::new(LEGACY_CHANNEL_2).write(0u8);
        }
        Self::Legacy
    }

    /// Its name in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PmTimer(_) => "ACPI PM timer",
            Self::Hpet(_) => "HPET",
            Self::Legacy => "legacy timer",
        }
    }

    /// Its rate.
    pub const fn hertz(&self) -> u64 {
        match self {
            Self::PmTimer(_) => PmTimer::HERTZ,
            Self::Hpet(hpet) => hpet.hertz,
            Self::Legacy => LEGACY_HERTZ,
        }
    }

    /// Bits that count; all of them count up.
    const fn bits(&self) -> u32 {
        match self {
            Self::PmTimer(timer) => timer.bits,
            Self::Hpet(_) => 32,
            Self::Legacy => 16,
        }
    }

    fn count(&self) -> u64 {
        match self {
            // SAFETY: ACPI says that this port is the PM timer's; reading changes nothing.
            Self::PmTimer(timer) => unsafe { Port::<u32>::new(timer.port).read().into() },
            Self::Hpet(hpet) => hpet.read(Hpet::COUNTER),
            Self::Legacy => {
                const LATCH_CHANNEL_2: u8 = 0b1000_0000;
                let mut channel = Port::<u8>::new(LEGACY_CHANNEL_2);
                // SAFETY: as in `start_legacy`.
                let count = unsafe {
                    Port::new(LEGACY_COMMAND).write(LATCH_CHANNEL_2);
                    u16::from_le_bytes([channel.read(), channel.read()])
                };
                u64::from(!count)
            }
        }
    }

    /// How far two counters get in a hundredth of a second, together with what the reference
    /// counted meanwhile.
    pub fn measure(&self, first: impl Fn() -> u64, second: impl Fn() -> u64) -> [Measured; 2] {
        let target = self.hertz() / PART_OF_SECOND;
        let mask = (1 << self.bits()) - 1;
        let (start, first_start, second_start) = self.sample(&first, &second);
        let passed = |count: u64| count.wrapping_sub(start) & mask;
        let _ = (0..PATIENCE).find(|_| passed(self.count()) >= target);
        let (end, first_end, second_end) = self.sample(&first, &second);
        [
            Measured { counted: first_end.wrapping_sub(first_start), reference: passed(end) },
            Measured { counted: second_end.wrapping_sub(second_start), reference: passed(end) },
        ]
    }

    /// All three counters at nearly one moment: of several tries the one that took least.
    fn sample(&self, first: impl Fn() -> u64, second: impl Fn() -> u64) -> (u64, u64, u64) {
        const TRIES: u32 = 8;
        let mut best = (u64::MAX, (0, 0, 0));
        for _ in 0..TRIES {
            let before = first();
            let counts = (self.count(), before, second());
            let took = first().wrapping_sub(before);
            if took < best.0 {
                best = (took, counts);
            }
        }
        best.1
    }
}

/// How far a counter got while a reference counted.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    counted: u64,
    reference: u64,
}

/// The rate of a counter measured against a reference of `hertz`; 0 if one of them stood still.
pub fn rate(measured: Measured, hertz: u64) -> u64 {
    let product = u128::from(measured.counted) * u128::from(hertz);
    // Both factors stay far below 2³² in a hundredth of a second, so nothing is cut off.
    let product = u64::try_from(product).unwrap_or(u64::MAX);
    product.checked_div(measured.reference).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn a_rate_is_counts_per_second() {
        let measured = Measured { counted: 30_000_000, reference: 35_795 };
        let clock = rate(measured, PmTimer::HERTZ);
        assert!((2_999_900_000..3_000_100_000).contains(&clock), "{clock}");
    }

    #[test]
    fn a_reference_that_stands_still_gives_no_rate() {
        let measured = Measured { counted: 1, reference: 0 };
        assert_eq!(rate(measured, 1), 0);
    }

    #[test]
    fn a_sample_is_the_fastest_of_several() {
        let mut memory = [0u64; 32];
        let registers = (&raw mut memory).expose_provenance() as u64;
        let reference = Reference::Hpet(Hpet { registers, hertz: 1 });
        let (time, step) = (Cell::new(0), Cell::new(100));
        let clock = || {
            time.set(time.get() + step.get());
            step.set(step.get() - 1);
            time.get()
        };
        let (_, first, _) = reference.sample(clock, || 0);
        assert_eq!(first, (86..=100).sum::<u64>());
    }
}
