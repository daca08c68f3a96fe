//! The few ACPI tables that the kernel itself reads (ACPI 6.5, chapter 5): interrupt
//! controllers, the PM timer and the HPET. Everything else is user level's.
//!
//! Whatever is missing, damaged or implausible is treated as not there.

use crate::bytes::{u8_at, u32_at, u64_at};
use crate::madt::Controllers;

/// A way to see physical memory.
pub trait Physical {
    /// `bytes` bytes from `address` on, or `None` if they cannot be seen.
    fn see(&mut self, address: u64, bytes: u64) -> Option<&'static [u8]>;
}

/// The ACPI power management timer: counts at [`PmTimer::HERTZ`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmTimer {
    /// I/O port of its 32-bit register.
    pub port: u16,
    /// Bits that count: 24 or 32.
    pub bits: u32,
}

impl PmTimer {
    /// Its rate (section 4.8.3.3).
    pub const HERTZ: u64 = 3_579_545;
}

/// What the tables say.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// Interrupt controllers and CPUs.
    pub controllers: Controllers,
    /// The PM timer, if there is one.
    pub pm_timer: Option<PmTimer>,
    /// Physical address of the HPET's registers, if there is one.
    pub hpet: Option<u64>,
}

/// Bytes of the header that every table starts with.
const HEADER_BYTES: u64 = 36;
/// A table longer than this is damaged.
const MAX_TABLE_BYTES: u32 = 1 << 20;
/// Bytes of the root pointer, first version and later.
const ROOT_BYTES: [u64; 2] = [20, 36];

/// Reads the tables that the root pointer at physical address `root` leads to.
pub fn read(root: u64, memory: &mut impl Physical) -> Platform {
    let mut platform = Platform::default();
    let Some((list, pointer_bytes)) = find_list(root, memory) else {
        return platform;
    };
    for pointer in list.chunks_exact(pointer_bytes) {
        let address = match pointer_bytes {
            8 => u64_at(pointer, 0),
            _ => u32_at(pointer, 0).map(u64::from),
        };
        let Some(table) = address.and_then(|address| see_table(address, memory)) else {
            continue;
        };
        match table.first_chunk() {
            Some(b"APIC") => platform.controllers = Controllers::parse(table),
            Some(b"FACP") => platform.pm_timer = pm_timer(table),
            Some(b"HPET") => platform.hpet = hpet(table),
            _ => {}
        }
    }
    platform
}

/// The pointers in the XSDT, or else the RSDT, and the bytes in one of them.
fn find_list(root: u64, memory: &mut impl Physical) -> Option<(&'static [u8], usize)> {
    let [first, extended] = ROOT_BYTES;
    let pointer = memory.see(root, first).filter(|bytes| sums_up(bytes))?;
    if pointer.first_chunk() != Some(b"RSD PTR ") {
        return None;
    }
    let revision = u8_at(pointer, 15)?;
    let xsdt = match memory.see(root, extended) {
        Some(pointer) if revision >= 2 && sums_up(pointer) => u64_at(pointer, 24),
        _ => None,
    };
    let body = |table: &'static [u8]| table.get(HEADER_BYTES as usize..);
    if let Some(table) = xsdt.and_then(|address| see_table(address, memory)) {
        return Some((body(table)?, 8));
    }
    let table = see_table(u32_at(pointer, 16)?.into(), memory)?;
    Some((body(table)?, 4))
}

/// The whole table at `address`, if its checksum is right.
fn see_table(address: u64, memory: &mut impl Physical) -> Option<&'static [u8]> {
    let header = memory.see(address, HEADER_BYTES)?;
    let length = u32_at(header, 4).filter(|length| *length <= MAX_TABLE_BYTES)?;
    memory.see(address, length.into()).filter(|table| sums_up(table))
}

/// Whether all bytes add up to zero, as in an intact table.
fn sums_up(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

/// The PM timer in the FADT (section 5.2.9).
fn pm_timer(fadt: &[u8]) -> Option<PmTimer> {
    const WIDE: u32 = 1 << 8;
    const HARDWARE_REDUCED: u32 = 1 << 20;
    let flags = u32_at(fadt, 112)?;
    if flags & HARDWARE_REDUCED != 0 || u8_at(fadt, 91)? != 4 {
        return None;
    }
    let port = u16::try_from(u32_at(fadt, 76)?).ok()?;
    let bits = if flags & WIDE == 0 { 24 } else { 32 };
    (port != 0).then_some(PmTimer { port, bits })
}

/// The registers of the HPET (IA-PC HPET specification 1.0a, section 3.2.4).
fn hpet(table: &[u8]) -> Option<u64> {
    const SYSTEM_MEMORY: u8 = 0;
    let space = u8_at(table, 40)?;
    let address = u64_at(table, 44)?;
    (space == SYSTEM_MEMORY && address != 0).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Physical memory with tables one after the other, from address 0 on.
    #[derive(Default)]
    struct Memory(Vec<u8>);

    impl Physical for Memory {
        fn see(&mut self, address: u64, bytes: u64) -> Option<&'static [u8]> {
            let start = usize::try_from(address).ok()?;
            let end = start.checked_add(usize::try_from(bytes).ok()?)?;
            Some(Vec::leak(self.0.get(start..end)?.to_vec()))
        }
    }

    impl Memory {
        /// Puts `bytes` into memory with their sum made zero at offset `checksum`.
        fn put(&mut self, mut bytes: Vec<u8>, checksum: usize) -> u64 {
            let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            bytes[checksum] = bytes[checksum].wrapping_sub(sum);
            let address = self.0.len() as u64;
            self.0.extend(bytes);
            address
        }

        fn table(&mut self, signature: &[u8; 4], body: &[u8]) -> u64 {
            let mut bytes = vec![0; HEADER_BYTES as usize];
            bytes[..4].copy_from_slice(signature);
            bytes[4..8].copy_from_slice(&(HEADER_BYTES as u32 + body.len() as u32).to_le_bytes());
            bytes.extend(body);
            self.put(bytes, 9)
        }

        fn root(&mut self, rsdt: u64, xsdt: u64, revision: u8) -> u64 {
            let mut bytes = b"RSD PTR ".to_vec();
            bytes.resize(36, 0);
            bytes[15] = revision;
            bytes[16..20].copy_from_slice(&(rsdt as u32).to_le_bytes());
            let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            bytes[8] = bytes[8].wrapping_sub(sum);
            bytes[24..32].copy_from_slice(&xsdt.to_le_bytes());
            self.put(bytes, 32)
        }
    }

    fn fadt(flags: u32) -> Vec<u8> {
        let mut fadt = vec![0; 208];
        fadt[76 - 36..][..4].copy_from_slice(&0x608u32.to_le_bytes());
        fadt[91 - 36] = 4;
        fadt[112 - 36..][..4].copy_from_slice(&flags.to_le_bytes());
        fadt
    }

    fn platform(revision: u8, spoil: impl FnOnce(&mut Memory, [u64; 2])) -> Platform {
        let mut memory = Memory::default();
        let mut hpet = vec![0; 20];
        hpet[44 - 36..][..8].copy_from_slice(&0xfed0_0000u64.to_le_bytes());
        let fadt = memory.table(b"FACP", &fadt(1 << 8));
        let hpet = memory.table(b"HPET", &hpet);
        let other = memory.table(b"SSDT", &[1, 2, 3]);
        let wide = [fadt, other, hpet].map(u64::to_le_bytes).concat();
        let narrow = [fadt, hpet].map(|at| (at as u32).to_le_bytes()).concat();
        let xsdt = memory.table(b"XSDT", &wide);
        let rsdt = memory.table(b"RSDT", &narrow);
        let root = memory.root(rsdt, xsdt, revision);
        spoil(&mut memory, [fadt, xsdt]);
        read(root, &mut memory)
    }

    const TIMER: PmTimer = PmTimer { port: 0x608, bits: 32 };

    #[test]
    fn both_lists_lead_to_the_tables() {
        for revision in [0, 2] {
            let platform = platform(revision, |_, _| ());
            assert_eq!(platform.pm_timer, Some(TIMER));
            assert_eq!(platform.hpet, Some(0xfed0_0000));
        }
    }

    #[test]
    fn a_damaged_list_falls_back_to_the_older_one() {
        let platform = platform(2, |memory, [_, xsdt]| memory.0[xsdt as usize + 40] ^= 1);
        assert_eq!(platform.pm_timer, Some(TIMER));
    }

    #[test]
    fn a_damaged_table_is_not_there() {
        let damaged = platform(2, |memory, [fadt, _]| memory.0[fadt as usize + 80] ^= 1);
        assert_eq!(damaged.pm_timer, None);
        assert_eq!(damaged.hpet, Some(0xfed0_0000));
        let endless = platform(2, |memory, [fadt, _]| memory.0[fadt as usize + 7] = 0xff);
        assert_eq!(endless.pm_timer, None);
    }

    #[test]
    fn no_root_is_no_crash() {
        let platform = read(0, &mut Memory(vec![0; 64]));
        assert!(platform.pm_timer.is_none() && platform.hpet.is_none());
        assert!(read(1 << 60, &mut Memory::default()).pm_timer.is_none());
    }

    #[test]
    fn reduced_hardware_has_no_pm_timer() {
        let mut memory = Memory::default();
        let table = memory.table(b"FACP", &fadt(1 << 20));
        assert_eq!(pm_timer(&memory.0[table as usize..]), None);
    }
}
