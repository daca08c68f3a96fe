//! The way from an address of a guest's program to one of its memory, in long mode.

use amateras_devices::GuestMemory;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;
/// Where an address stands in an entry.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Logarithm of what an entry of each level spans, from the top.
const LEVELS: [u32; 4] = [39, 30, 21, 12];

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
