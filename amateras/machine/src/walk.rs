//! The way from an address of a guest's program to one of its memory, in long mode.

use a9n_abi::guest::{Event, Exit, Situation, StateGroups};
use amateras_devices::GuestMemory;

use crate::Answer;
use crate::processor::{CR2, Processor};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;
/// Where an address stands in an entry.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Logarithm of what an entry of each level spans, from the top.
const LEVELS: [u32; 4] = [39, 30, 21, 12];

/// Longest instruction.
pub const LONGEST: usize = 15;

/// The guest's page tables lead nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// What is done at an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Something is written. The kernel may not do so either where it is forbidden.
    pub write: bool,
    /// It is not the kernel's.
    pub user: bool,
}

/// The guest-physical address that the tables at `page_table` (CR3) give `address` for `access`. The
/// tables are not changed, also where the processor would mark an entry as accessed.
pub fn translate(
    memory: &(impl GuestMemory + ?Sized),
    page_table: u64,
    address: u64,
    access: Access,
) -> Result<u64, Fault> {
    let needed =
        PRESENT | if access.write { WRITABLE } else { 0 } | if access.user { USER } else { 0 };
    let mut table = page_table & ADDRESS;
    for level in LEVELS {
        let mut entry = [0; 8];
        let at = table + (address >> level & 511) * 8;
        memory.read(at, &mut entry).map_err(|_| Fault)?;
        let entry = u64::from_le_bytes(entry);
        if entry & needed != needed {
            return Err(Fault);
        }
        table = entry & ADDRESS;
        let is_page = level == 12 || level < 39 && entry & LARGE != 0;
        if is_page {
            let offset = (1 << level) - 1;
            return Ok(table & !offset | address & offset);
        }
    }
    Err(Fault)
}

/// The guest's page tables lead nowhere from this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub u64);

/// Error code of a page fault: it was a write; it was user mode's.
const FAULT_WRITE: u32 = 1 << 1;
const FAULT_USER: u32 = 1 << 2;

impl Missing {
    /// Tells the guest, by a page fault.
    pub fn tell(self, exit: &Exit, write: bool, processor: &mut impl Processor) -> Answer {
        processor.set(StateGroups::CONTROL, CR2, self.0);
        let user = if exit.situation.privilege() == 3 { FAULT_USER } else { 0 };
        let code = user | if write { FAULT_WRITE } else { 0 };
        Answer::default().with_event(Event::exception_with_code(14, code))
    }
}

/// Most bytes that an instruction moves at once.
const WIDEST: usize = 8;

/// Where in the guest's memory a few bytes of its program are: perhaps on two pages, and perhaps
/// where no memory is.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    places: [u64; WIDEST],
    bytes: u8,
}

impl Span {
    /// The `bytes` bytes, at most eight, at `address` of the guest's program, to be written or read.
    pub fn locate(
        exit: &Exit,
        address: u64,
        bytes: u8,
        write: bool,
        memory: &(impl GuestMemory + ?Sized),
    ) -> Result<Self, Missing> {
        let mut places = [0; WIDEST];
        let mut page = None;
        for (place, offset) in places.iter_mut().zip(0..u64::from(bytes)) {
            let at = address.wrapping_add(offset);
            *place = match page {
                Some(before) if at & 0xfff != 0 => before + 1,
                _ => locate(exit, at, write, memory)?,
            };
            page = Some(*place);
        }
        Ok(Self { places, bytes })
    }

    /// Where it begins.
    pub const fn start(&self) -> u64 {
        let [start, ..] = self.places;
        start
    }

    /// What is there; `None` if not all of it is memory.
    pub fn read(&self, memory: &(impl GuestMemory + ?Sized)) -> Option<u64> {
        let mut value = [0; WIDEST];
        for (byte, place) in value.iter_mut().zip(self.places).take(self.bytes.into()) {
            memory.read(place, core::slice::from_mut(byte)).ok()?;
        }
        Some(u64::from_le_bytes(value))
    }

    /// Writes `value` there; `None` if not all of it is memory.
    pub fn write(&self, value: u64, memory: &mut (impl GuestMemory + ?Sized)) -> Option<()> {
        for (byte, place) in
            value.to_le_bytes().into_iter().zip(self.places).take(self.bytes.into())
        {
            memory.write(place, &[byte]).ok()?;
        }
        Some(())
    }
}

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
        (true, true) => translate(memory, exit.page_table, address, access),
        (true, false) => Err(Fault),
    };
    physical.map_err(|Fault| Missing(address))
}

/// Reads as much of `bytes` at `address` of the guest's program as is there; answers how much.
pub fn read(
    memory: &(impl GuestMemory + ?Sized),
    page_table: Option<u64>,
    address: u64,
    bytes: &mut [u8],
) -> usize {
    let mut done = 0;
    while done < bytes.len() {
        let at = address.wrapping_add(done as u64);
        let physical = match page_table {
            Some(table) => translate(memory, table, at, Access::default()),
            None => Ok(at),
        };
        let Ok(physical) = physical else { break };
        let on_page = 0x1000 - (at & 0xfff) as usize;
        let end = bytes.len().min(done + on_page);
        let Some(part) = bytes.get_mut(done..end) else { break };
        if memory.read(physical, part).is_err() {
            break;
        }
        done = end;
    }
    done
}
