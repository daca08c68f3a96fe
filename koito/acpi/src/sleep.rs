//! The package `_S5`: what to write to switch a machine off (sections 7.4.2 and 20.2).

use crate::{HEADER_BYTES, Memory, length_of};

/// The package's name.
const NAME: &[u8; 4] = b"_S5_";
/// More bytes than its definition has.
const DEFINITION_BYTES: usize = 24;
/// Bytes that are looked at at once.
const STRETCH_BYTES: usize = 512;

/// Opcodes.
const NAME_OPERATION: u8 = 0x08;
const ROOT_PREFIX: u8 = b'\\';
const PACKAGE_OPERATION: u8 = 0x12;
const BYTE_PREFIX: u8 = 0x0a;
const ZERO: u8 = 0x00;
const ONE: u8 = 0x01;

/// The types of sleep for both control registers, from the DSDT at `dsdt`.
pub fn find(dsdt: u64, memory: &mut impl Memory) -> Option<[u8; 2]> {
    let length = length_of(dsdt, memory)?;
    for start in (HEADER_BYTES as u64..length).step_by(STRETCH_BYTES) {
        // Before and behind what is looked at there is room for the rest of a definition.
        let first = start - 2;
        let mut bytes = [0; 2 + STRETCH_BYTES + DEFINITION_BYTES];
        let count = bytes.len().min((length - first) as usize);
        memory.read(dsdt.checked_add(first)?, &mut bytes[..count])?;
        let found = (2..STRETCH_BYTES + 2).find_map(|at| definition(&bytes, at));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The first two numbers of the package, if its name is defined at `at`.
fn definition(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    let rest = bytes.get(at..)?.strip_prefix(NAME)?;
    let before = bytes.get(at.checked_sub(2)?..at)?;
    let is_defined = matches!(before, [_, NAME_OPERATION] | [NAME_OPERATION, ROOT_PREFIX]);
    let [PACKAGE_OPERATION, length, rest @ ..] = rest else { return None };
    // The first byte of a length says by how many it is followed. Then comes the number of elements.
    let rest = rest.get(usize::from(length >> 6) + 1..)?;
    let (first, rest) = number(rest).filter(|_| is_defined)?;
    let second = number(rest).map_or(0, |(second, _)| second);
    Some([first, second])
}

/// A number of at most one byte, and what is behind it.
fn number(bytes: &[u8]) -> Option<(u8, &[u8])> {
    match bytes {
        [BYTE_PREFIX, value, rest @ ..] => Some((*value, rest)),
        [value @ (ZERO | ONE), rest @ ..] => Some((*value, rest)),
        _ => None,
    }
}
