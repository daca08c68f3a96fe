//! Made-up tables, whole and broken.

extern crate std;

use std::vec;
use std::vec::Vec;

use crate::{Memory, PortByte, Power, Unknown, read};

/// Memory from address 0x1000 on.
struct Tables(Vec<u8>);

impl Memory for Tables {
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> Option<()> {
        let start = usize::try_from(address.checked_sub(0x1000)?).ok()?;
        bytes.copy_from_slice(self.0.get(start..start.checked_add(bytes.len())?)?);
        Some(())
    }
}

impl Tables {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at - 0x1000..][..bytes.len()].copy_from_slice(bytes);
    }
}

/// Tables as an emulated PC has them, with `_S5` at byte `place` of the DSDT.
fn pc(place: usize) -> Tables {
    let mut tables = Tables(vec![0; 0x4000]);
    tables.put(0x1000, b"RSD PTR ");
    tables.put(0x100f, &[2]);
    tables.put(0x1018, &0x1100_u64.to_le_bytes());
    let sum = tables.0[..20].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    tables.put(0x1008, &[0_u8.wrapping_sub(sum)]);
    tables.put(0x1100, b"XSDT");
    tables.put(0x1104, &52_u32.to_le_bytes());
    tables.put(0x1124, &0x3000_u64.to_le_bytes());
    tables.put(0x112c, &0x1200_u64.to_le_bytes());
    tables.put(0x1200, b"FACP");
    tables.put(0x1204, &244_u32.to_le_bytes());
    tables.put(0x1200 + 40, &0x2000_u32.to_le_bytes());
    tables.put(0x1200 + 48, &0xb2_u32.to_le_bytes());
    tables.put(0x1200 + 52, &[2]);
    tables.put(0x1200 + 64, &0x604_u32.to_le_bytes());
    tables.put(0x1200 + 112, &(1_u32 << 10).to_le_bytes());
    tables.put(0x1200 + 116, &[1, 8, 0, 0]);
    tables.put(0x1200 + 120, &0xcf9_u64.to_le_bytes());
    tables.put(0x1200 + 128, &[15]);
    tables.put(0x2000, b"DSDT");
    tables.put(0x2004, &0x800_u32.to_le_bytes());
    // A mention that is no definition, then the definition.
    tables.put(0x2030, b"_S5_");
    tables.put(0x2000 + place, b"\x08_S5_\x12\x08\x04\x0a\x05\x01\x00\x00");
    tables
}

#[test]
fn a_pc_says_how_it_is_switched_off_and_reset() {
    let expected = Power {
        enable: Some(PortByte { port: 0xb2, value: 2 }),
        reset: Some(PortByte { port: 0xcf9, value: 15 }),
        off: [Some((0x604, 5 << 10 | 1 << 13)), None],
    };
    // Also where the definition lies across two stretches.
    for place in (0x40..0x100).chain(0x210..0x240) {
        assert_eq!(read(0x1000, &mut pc(place)), Ok(expected), "at {place:#x}");
    }
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(read(0, &mut pc(0x80)), Err(Unknown::Root));
    let mut tables = pc(0x80);
    tables.put(0x1009, b"X");
    assert_eq!(read(0x1000, &mut tables), Err(Unknown::Root));
    let mut tables = pc(0x80);
    tables.put(0x1200, b"FACS");
    assert_eq!(read(0x1000, &mut tables), Err(Unknown::Fadt));
    let mut tables = pc(0x80);
    tables.put(0x2080, &[0x10]);
    assert_eq!(read(0x1000, &mut tables), Err(Unknown::Off));
}

#[test]
fn no_damage_is_a_panic() {
    let whole = pc(0x80);
    for at in (0..0x240).chain(0x1000..0x1090) {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut tables = Tables(whole.0.clone());
            tables.0[at] = byte;
            // Right or wrong, it comes to an end.
            if let Ok(power) = read(0x1000, &mut tables) {
                assert!(power.off.iter().flatten().all(|(port, _)| *port != 0));
            }
        }
    }
}
