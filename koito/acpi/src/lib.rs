//! What ACPI says of switching a machine off and resetting it (ACPI specification 6.5).
//!
//! Of all tables this needs two: the FADT, which names registers, and of the DSDT the one package that
//! says what to write there. A package of numbers is found without running the machine language
//! around it, so there is no interpreter here; nor a heap, nor a panic on tables that make no
//! sense.

#![no_std]
#![forbid(unsafe_code)]

mod sleep;
#[cfg(test)]
mod tests;

use core::fmt;

/// Physical memory.
pub trait Memory {
    /// Fills `bytes` with what is at `address`; `None` if it cannot be read.
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> Option<()>;
}

/// Why a machine cannot be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no root pointer, or it is none.
    Root,
    /// There is no FADT, or it is too short.
    Fadt,
    /// The DSDT does not say how the state "off" is reached.
    Off,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "there are no ACPI tables that can be read",
            Self::Fadt => "ACPI names no registers for it",
            Self::Off => "ACPI does not say how the machine is switched off",
        })
    }
}

/// A byte to be written to an I/O port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortByte {
    /// The port.
    pub port: u16,
    /// What to write.
    pub value: u8,
}

/// How a machine is reset and switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    /// Hands power management to the operating system, if firmware still has it.
    pub enable: Option<PortByte>,
    /// Resets the machine.
    pub reset: Option<PortByte>,
    /// The control registers (section 4.8.3.2.1), of 16 bits, and what switches the machine off
    /// there, the first before the second.
    pub off: [Option<(u16, u16)>; 2],
}

/// Of a control register: whether the operating system has power management.
pub const SCI_ENABLED: u16 = 1;
const SLEEP_ENABLE: u16 = 1 << 13;
const SLEEP_TYPE_SHIFT: u32 = 10;

/// Bytes of the header of every table (section 5.2.6), and of the part of the FADT that is needed
/// (section 5.2.9).
const HEADER_BYTES: usize = 36;
const FADT_BYTES: usize = 148;

/// Places in the FADT.
const DSDT: usize = 40;
const ENABLE_PORT: usize = 48;
const ENABLE_VALUE: usize = 52;
const CONTROL_PORTS: [usize; 2] = [64, 68];
const FLAGS: usize = 112;
const RESET_REGISTER: usize = 116;
const RESET_VALUE: usize = 128;
const LONG_DSDT: usize = 140;

/// The machine can be reset by the register.
const CAN_BE_RESET: u32 = 1 << 10;
/// A register that is an I/O port (section 5.2.3.2).
const IN_IO_SPACE: u8 = 1;

/// Reads what the tables below the root pointer at `root` say.
pub fn read(root: u64, memory: &mut impl Memory) -> Result<Power, Unknown> {
    let fadt = find_fadt(root, memory)?;
    let control = CONTROL_PORTS.map(|at| u16::try_from(word(&fadt, at)).unwrap_or(0));
    let dsdt = match long(&fadt, LONG_DSDT) {
        0 => u64::from(word(&fadt, DSDT)),
        address => address,
    };
    let types = sleep::find(dsdt, memory).ok_or(Unknown::Off)?;
    let off = |number: usize| {
        let value = u16::from(types[number] & 7) << SLEEP_TYPE_SHIFT | SLEEP_ENABLE;
        (control[number] != 0).then_some((control[number], value))
    };
    let port = |number: u64, value: u8| {
        let port = u16::try_from(number).ok().filter(|port| *port != 0)?;
        Some(PortByte { port, value })
    };
    let can_be_reset =
        word(&fadt, FLAGS) & CAN_BE_RESET != 0 && fadt[RESET_REGISTER] == IN_IO_SPACE;
    Ok(Power {
        enable: port(word(&fadt, ENABLE_PORT).into(), fadt[ENABLE_VALUE])
            .filter(|enable| enable.value != 0),
        reset: port(long(&fadt, RESET_REGISTER + 4), fadt[RESET_VALUE]).filter(|_| can_be_reset),
        off: [off(0), off(1)],
    })
}

/// The FADT, by way of the root pointer (section 5.2.5.3) and the root table.
fn find_fadt(root: u64, memory: &mut impl Memory) -> Result<[u8; FADT_BYTES], Unknown> {
    let mut pointer = [0; 36];
    memory.read(root, &mut pointer).ok_or(Unknown::Root)?;
    let sum = pointer[..20].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    if !pointer.starts_with(b"RSD PTR ") || sum != 0 {
        return Err(Unknown::Root);
    }
    // From revision 2 on there is a table with long addresses.
    let (table, width) = match pointer[15] {
        0 | 1 => (u64::from(word(&pointer, 16)), 4),
        _ => (long(&pointer, 24), 8),
    };
    let length = length_of(table, memory).ok_or(Unknown::Root)?;
    for at in (HEADER_BYTES as u64..length).step_by(width) {
        let mut entry = [0; 8];
        let place = table.checked_add(at).ok_or(Unknown::Root)?;
        memory.read(place, &mut entry[..width]).ok_or(Unknown::Root)?;
        let address = u64::from_le_bytes(entry);
        let mut fadt = [0; FADT_BYTES];
        if memory.read(address, &mut fadt[..HEADER_BYTES]).is_some() && fadt.starts_with(b"FACP") {
            // An old one is shorter: what it lacks is zero.
            let bytes = (word(&fadt, 4) as usize).clamp(HEADER_BYTES, FADT_BYTES);
            memory.read(address, &mut fadt[..bytes]).ok_or(Unknown::Fadt)?;
            return Ok(fadt);
        }
    }
    Err(Unknown::Fadt)
}

/// The length of the table at `address`, its header included.
fn length_of(address: u64, memory: &mut impl Memory) -> Option<u64> {
    let mut header = [0; 8];
    memory.read(address, &mut header)?;
    // Longer tables than this there are none.
    Some(u64::from(word(&header, 4)).min(1 << 24))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}
