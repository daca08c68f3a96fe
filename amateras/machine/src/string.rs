//! `ins` and `outs`: between ports and memory, once or again and again.
//!
//! Segments are those that the instructions have by themselves: an override goes unnoticed.

use a9n_abi::guest::{Exit, PortAccess, Situation, StateGroups};
use amateras_devices::{Board, Bus, Place, Visit};

use crate::processor::{DATA_BASE, EXTRA_BASE, FLAGS, Processor, RCX, RDI, RSI};
use crate::walk::Span;
use crate::{Answer, Stop};

/// Most units that are moved in one exit; then the guest is left for the rest.
pub const MOST: u64 = 256;
/// RFLAGS: downwards.
pub const DOWN: u64 = 1 << 10;

/// Moves what an exit of `length` bytes asks for.
pub fn transfer<B: Bus>(
    exit: &Exit,
    length: u8,
    processor: &mut impl Processor,
    board: &Board<B>,
    mut visit: Visit<'_>,
) -> Result<Answer, Stop> {
    let access = PortAccess(exit.detail);
    let (reads, repeats) = (access.has(PortAccess::IN), access.has(PortAccess::REPEATED));
    let mask = address_mask(access, exit.situation);
    let (register, base) = if reads { (RDI, EXTRA_BASE) } else { (RSI, DATA_BASE) };
    let base = match exit.situation.has(Situation::CODE_64) {
        true => 0,
        false => processor.get(StateGroups::SEGMENTS, base),
    };
    let mut index = processor.get(StateGroups::GENERAL, register);
    let mut count = if repeats { processor.get(StateGroups::GENERAL, RCX) } else { 1 };
    let down = processor.get(StateGroups::EXECUTION, FLAGS) & DOWN != 0;
    let bytes = u64::from(access.bytes());
    let step = if down { bytes.wrapping_neg() } else { bytes };
    let mut fault = None;
    let mut moved = 0;
    while count & mask != 0 && moved < MOST {
        let address = base.wrapping_add(index & mask);
        let span = match Span::locate(exit, address, access.bytes(), reads, visit.memory) {
            Ok(span) => span,
            Err(missing) => {
                fault = Some(missing);
                break;
            }
        };
        let port = Place::Port(access.port());
        let done = if reads {
            let value = board.read(port, access.bytes(), visit.again());
            span.write(value, visit.memory)
        } else {
            let value = span.read(visit.memory);
            value.map(|value| board.write(port, access.bytes(), value, visit.again()))
        };
        done.ok_or(Stop::NoMemory(span.start()))?;
        index = within(index, index.wrapping_add(step), mask);
        count = within(count, count.wrapping_sub(1), mask);
        moved += 1;
    }
    if moved > 0 {
        processor.set(StateGroups::GENERAL, register, index);
        if repeats {
            processor.set(StateGroups::GENERAL, RCX, count);
        }
    }
    match fault {
        // What follows those that went well is tried again, and then it is the first.
        Some(missing) if moved == 0 => Ok(missing.tell(exit, reads, processor)),
        _ if count & mask == 0 => Ok(Answer::after(length)),
        _ => Ok(Answer::default()),
    }
}

/// Which bits of a register make an address.
const fn address_mask(access: PortAccess, situation: Situation) -> u64 {
    match (access.0 >> PortAccess::ADDRESS_SHIFT) & 15 {
        8 => u64::MAX,
        4 => 0xffff_ffff,
        2 => 0xffff,
        _ if situation.has(Situation::CODE_64) => u64::MAX,
        _ if situation.has(Situation::CODE_32) => 0xffff_ffff,
        _ => 0xffff,
    }
}

/// A register after `new` was written to as much of it as `mask` says: halves clear what is above.
pub const fn within(old: u64, new: u64, mask: u64) -> u64 {
    if mask == 0xffff { old & !mask | new & mask } else { new & mask }
}
