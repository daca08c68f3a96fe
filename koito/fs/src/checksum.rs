//! The checksums of ext4 and its journal: CRC-32C without final inversion, chained from a seed,
//! and CRC-16 for group descriptors of older images.

use crc::{Algorithm, CRC_16_MODBUS, CRC_32_ISCSI, Crc, Table};

const CRC_32C: Algorithm<u32> = Algorithm { xorout: 0, ..CRC_32_ISCSI };
static TABLES: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32C);
static CRC_16: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);
/// The polynomial as the shift register of a reflected CRC sees it.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The seed of chains that start from nothing.
pub const START: u32 = !0;

/// Continues the checksum `seed` over `bytes`.
pub fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    let mut digest = TABLES.digest_with_initial(seed.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// CRC-16 of all `parts`, one after the other.
pub fn crc16(parts: &[&[u8]]) -> u16 {
    let mut digest = CRC_16.digest();
    for part in parts {
        digest.update(part);
    }
    digest.finalize()
}

/// Sets the four bytes at `at` so that the checksum of all `bytes` becomes `wanted`.
///
/// The register is run backwards from `wanted` to behind the four bytes, and over them as if
/// they were zero; the difference to the register before them is what they must be.
pub fn force(bytes: &mut [u8], at: usize, wanted: u32) {
    let before = crc32c(START, &bytes[..at]);
    let behind = bytes[at + 4..].iter().rev().fold(wanted, |state, byte| step_back(state, *byte));
    let needed = before ^ (0..4).fold(behind, |state, _| step_back(state, 0));
    bytes[at..at + 4].copy_from_slice(&needed.to_le_bytes());
}

/// The register before it took in `byte`.
fn step_back(mut state: u32, byte: u8) -> u32 {
    for _ in 0..8 {
        state = if state >> 31 == 1 { (state ^ POLYNOMIAL) << 1 | 1 } else { state << 1 };
    }
    state ^ u32::from(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_check_value_and_chaining() {
        assert_eq!(!crc32c(START, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(crc32c(START, b"12345"), b"6789"), crc32c(START, b"123456789"));
    }

    #[test]
    fn four_bytes_give_any_checksum() {
        let mut bytes: [u8; 100] = core::array::from_fn(|at| (at * 37) as u8);
        for (at, wanted) in [(0, 0), (40, 0xdead_beef), (96, 1)] {
            force(&mut bytes, at, wanted);
            assert_eq!(crc32c(START, &bytes), wanted);
        }
    }
}
