//! `ins` and `outs`: between ports and memory, once or again and again.
//!
//! Segments are those that the instructions have by themselves: an override goes unnoticed.

use a9n_abi::guest::{Event, Exit, PortAccess, Situation, StateGroups};
use amateras_devices::{Board, GuestMemory, Time};

use crate::processor::{CR2, DATA_BASE, EXTRA_BASE, FLAGS, Processor, RCX, RDI, RSI};
use crate::walk::{self, Access, Fault};
use crate::{Answer, Stop};

/// Most units that are moved in one exit; then the guest is left for the rest.
const MOST: u64 = 256;
/// RFLAGS: downwards.
const DOWN: u64 = 1 << 10;
/// Error code of a page fault: it was a write; it was user mode's.
const FAULT_WRITE: u32 = 1 << 1;
const FAULT_USER: u32 = 1 << 2;

/// Moves what an exit of `length` bytes asks for.
pub fn transfer(
    exit: &Exit,
    length: u8,
    processor: &mut impl Processor,
    memory: &mut (impl GuestMemory + ?Sized),
    board: &mut Board,
    now: Time,
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
        let mut places = [0; 4];
        let located = places.iter_mut().zip(0..bytes).try_for_each(|(place, at)| {
            *place = locate(exit, address.wrapping_add(at), reads, memory)?;
            Ok(())
        });
        if let Err(Missing(at)) = located {
            fault = Some(at);
            break;
        }
        let mut value = [0; 4];
        if reads {
            value = board.read(access.port(), access.bytes(), now).to_le_bytes();
        }
        for (byte, place) in value.iter_mut().zip(places).take(bytes as usize) {
            let byte = core::slice::from_mut(byte);
            let done = if reads { memory.write(place, byte) } else { memory.read(place, byte) };
            done.map_err(|_| Stop::NoMemory(place))?;
        }
        if !reads {
            board.write(access.port(), access.bytes(), u32::from_le_bytes(value), now);
        }
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
        Some(at) if moved == 0 => {
            processor.set(StateGroups::CONTROL, CR2, at);
            let user = if exit.situation.privilege() == 3 { FAULT_USER } else { 0 };
            let code = user | if reads { FAULT_WRITE } else { 0 };
            Ok(Answer::default().with_event(Event::exception_with_code(14, code)))
        }
        _ if count & mask == 0 => Ok(Answer::after(length)),
        _ => Ok(Answer::default()),
    }
}

/// The guest's page tables lead nowhere from this address.
struct Missing(u64);

/// Where in the guest's memory a byte at `address` of its program is, to be written or read.
fn locate(
    exit: &Exit,
    address: u64,
    write: bool,
    memory: &(impl GuestMemory + ?Sized),
) -> Result<u64, Missing> {
    let situation = exit.situation;
    let address = if situation.has(Situation::CODE_64) { address } else { address & 0xffff_ffff };
    let access = Access { write, user: situation.privilege() == 3 };
    let physical = match (situation.has(Situation::PAGING), situation.has(Situation::LONG)) {
        (false, _) => Ok(address),
        (true, true) => walk::translate(memory, exit.page_table, address, access),
        (true, false) => Err(Fault),
    };
    physical.map_err(|Fault| Missing(address))
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
const fn within(old: u64, new: u64, mask: u64) -> u64 {
    if mask == 0xffff { old & !mask | new & mask } else { new & mask }
}
