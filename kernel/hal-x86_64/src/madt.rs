//! The ACPI table of interrupt controllers and CPUs, the MADT (ACPI 6.5, section 5.2.12).

use crate::bytes::{u8_at, u16_at, u32_at, u64_at};
use crate::cpu::MAX_CPUS;

/// I/O APICs that there is room for.
pub const MAX_IO_APICS: usize = 8;
/// Legacy interrupts, each of which may be rerouted once.
pub const LEGACY_LINES: usize = 16;

/// One I/O APIC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoApic {
    /// Physical address of its registers.
    pub address: u32,
    /// Number of its first line.
    pub first_line: u32,
}

/// How a line signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Active while low instead of high.
    pub active_low: bool,
    /// By level instead of edge.
    pub level: bool,
}

impl Signal {
    /// Legacy lines, unless an override says otherwise.
    const LEGACY: Self = Self { active_low: false, level: false };
    /// All other lines: those of PCI.
    const PCI: Self = Self { active_low: true, level: true };

    /// From the flags of an override, which may say "as the bus has it" (section 5.2.12.5).
    fn from_flags(flags: u16) -> Self {
        Self { active_low: flags & 0b11 == 0b11, level: flags >> 2 & 0b11 == 0b11 }
    }
}

/// A legacy interrupt that arrives on another line or in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Override {
    line: u32,
    signal: Signal,
}

/// What the table says.
#[derive(Clone, Debug, Default)]
pub struct Controllers {
    /// Physical address of the local APICs' registers, if the table says it in 64 bits.
    pub local_apic: Option<u64>,
    /// Identifiers of the local APICs of all usable CPUs.
    pub cpus: List<u32, MAX_CPUS>,
    /// How many usable CPUs there are, including those that there is no room for.
    pub cpu_count: usize,
    /// The I/O APICs.
    pub io_apics: List<IoApic, MAX_IO_APICS>,
    overrides: List<Override, LEGACY_LINES>,
}

impl Controllers {
    /// Reads a whole MADT, header included.
    pub fn parse(table: &[u8]) -> Self {
        const ENTRIES: usize = 44;
        let mut controllers = Self::default();
        let mut rest = table.get(ENTRIES..).unwrap_or(&[]);
        while let Some(length) = u8_at(rest, 1).map(usize::from) {
            let Some((entry, next)) = rest.split_at_checked(length).filter(|_| length >= 2) else {
                break;
            };
            // An entry too short for its kind is ignored.
            let _ = controllers.entry(entry);
            rest = next;
        }
        controllers
    }

    fn entry(&mut self, entry: &[u8]) -> Option<()> {
        const LOCAL_APIC: u8 = 0;
        const IO_APIC: u8 = 1;
        const SOURCE_OVERRIDE: u8 = 2;
        const LOCAL_APIC_ADDRESS: u8 = 5;
        const LOCAL_X2APIC: u8 = 9;
        const ENABLED: u32 = 1;
        match u8_at(entry, 0)? {
            LOCAL_APIC if u32_at(entry, 4)? & ENABLED != 0 => {
                self.cpus.push(u8_at(entry, 3)?.into());
                self.cpu_count += 1;
            }
            LOCAL_X2APIC if u32_at(entry, 8)? & ENABLED != 0 => {
                self.cpus.push(u32_at(entry, 4)?);
                self.cpu_count += 1;
            }
            IO_APIC => self
                .io_apics
                .push(IoApic { address: u32_at(entry, 4)?, first_line: u32_at(entry, 8)? }),
            SOURCE_OVERRIDE => self.overrides.push(Override {
                line: u32_at(entry, 4)?,
                signal: Signal::from_flags(u16_at(entry, 8)?),
            }),
            LOCAL_APIC_ADDRESS => self.local_apic = Some(u64_at(entry, 4)?),
            _ => {}
        }
        Some(())
    }

    /// How `line` signals.
    pub fn signal(&self, line: u32) -> Signal {
        let found = self.overrides.iter().find(|entry| entry.line == line);
        match found {
            Some(entry) => entry.signal,
            None if line < LEGACY_LINES as u32 => Signal::LEGACY,
            None => Signal::PCI,
        }
    }
}

/// Up to `N` values; more are dropped.
#[derive(Clone, Copy, Debug)]
pub struct List<T, const N: usize>([Option<T>; N]);

impl<T: Copy, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self([None; N])
    }
}

impl<T: Copy, const N: usize> List<T, N> {
    fn push(&mut self, value: T) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(value);
        }
    }

    /// The values, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.0.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[&[u8]]) -> Vec<u8> {
        let mut table = vec![0; 44];
        table.extend(entries.concat());
        table
    }

    const CPU_0: &[u8] = &[0, 8, 0, 0, 1, 0, 0, 0];
    const CPU_DISABLED: &[u8] = &[0, 8, 1, 1, 0, 0, 0, 0];
    const CPU_X2: &[u8] = &[9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    const IO_APIC: &[u8] = &[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0];
    const TIMER_TO_2: &[u8] = &[2, 10, 0, 0, 2, 0, 0, 0, 0, 0];
    const LEVEL_9: &[u8] = &[2, 10, 0, 9, 9, 0, 0, 0, 0xf, 0];

    #[test]
    fn cpus_and_controllers_are_found() {
        let table = table(&[CPU_0, CPU_DISABLED, IO_APIC, CPU_X2]);
        let controllers = Controllers::parse(&table);
        assert_eq!(controllers.cpus.iter().collect::<Vec<_>>(), [0, 0x1234]);
        let io_apic = IoApic { address: 0xfec0_0000, first_line: 0 };
        assert_eq!(controllers.io_apics.iter().collect::<Vec<_>>(), [io_apic]);
    }

    #[test]
    fn lines_signal_as_their_bus_or_an_override_says() {
        let controllers = Controllers::parse(&table(&[TIMER_TO_2, LEVEL_9]));
        assert_eq!(controllers.signal(1), Signal::LEGACY);
        assert_eq!(controllers.signal(2), Signal::LEGACY);
        assert_eq!(controllers.signal(9), Signal::PCI);
        assert_eq!(controllers.signal(16), Signal::PCI);
    }

    #[test]
    fn damage_ends_the_list_and_nothing_else() {
        for end in [&[0u8, 0][..], &[1, 200], &[7], &[]] {
            let controllers = Controllers::parse(&table(&[CPU_0, end]));
            assert_eq!(controllers.cpus.iter().count(), 1);
        }
        assert_eq!(Controllers::parse(&[]).cpus.iter().count(), 0);
        let short = Controllers::parse(&table(&[&[1, 4, 0, 0], CPU_0]));
        assert_eq!(short.cpus.iter().count(), 1);
    }

    #[test]
    fn more_than_fits_is_dropped() {
        let controllers = Controllers::parse(&table(&[CPU_0; MAX_CPUS + 3]));
        assert_eq!(controllers.cpus.iter().count(), MAX_CPUS);
        assert_eq!(controllers.cpu_count, MAX_CPUS + 3);
    }
}
