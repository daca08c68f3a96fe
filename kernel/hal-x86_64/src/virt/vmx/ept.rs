//! Pages in nested page tables of Intel's format (Intel SDM, volume 3, section 29.3).
//!
//! Tables are entered as a process's are, and the bits that say *present*, *writable*, *large* are the
//! same ones. Others stand for rights to execute and for the type of memory. An entry that allows
//! nothing still has to be one: it gets a type that does not exist, which makes the guest leave whatever
//! it tries, and keeps its own for later.

use a9n_hal::{Access, MemoryType, PhysicalAddress};

const READ: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const EXECUTE: u64 = 1 << 2;
const RIGHTS: u64 = READ | WRITE | EXECUTE;

const TYPE_SHIFT: u32 = 3;
const TYPES: u64 = 7;
const UNCACHED: u64 = 0;
const WRITE_COMBINING: u64 = 1;
const NO_TYPE: u64 = 2;
const WRITE_BACK: u64 = 6;
/// Where an entry keeps its type for later: bits that the CPU ignores.
const KEPT_SHIFT: u32 = 52;

/// Four levels, counted from 0, in a pointer.
const LEVELS: u64 = 3 << 3;

/// What names the nested tables of `root` to the CPU.
pub const fn pointer(root: PhysicalAddress) -> u64 {
    root.0 | WRITE_BACK | LEVELS
}

/// Flags of an entry that maps a page.
pub fn flags(access: Access, memory: MemoryType) -> u64 {
    let kind = match memory {
        MemoryType::Normal => WRITE_BACK,
        MemoryType::WriteCombining => WRITE_COMBINING,
        MemoryType::Device => UNCACHED,
    };
    with_access(kind << KEPT_SHIFT, access)
}

/// The same entry, allowing `access` instead of what it did. What may be written may also be executed.
pub fn with_access(entry: u64, access: Access) -> u64 {
    let rights = match () {
        () if access.contains(Access::WRITE) => RIGHTS,
        () if access.contains(Access::EXECUTE) => READ | EXECUTE,
        () => READ,
    };
    let kind = if access.is_empty() { NO_TYPE } else { entry >> KEPT_SHIFT & TYPES };
    entry & !(RIGHTS | TYPES << TYPE_SHIFT) | rights | kind << TYPE_SHIFT
}

/// What was asked for when `entry` was made.
pub fn access(entry: u64) -> Access {
    let mut access = Access::empty();
    if entry >> TYPE_SHIFT & TYPES != NO_TYPE {
        access.set(Access::READ, entry & READ != 0);
        access.set(Access::WRITE, entry & WRITE != 0);
        access.set(Access::EXECUTE, entry & (WRITE | EXECUTE) == EXECUTE);
    }
    access
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Access; 4] = [
        Access::empty(),
        Access::READ,
        Access::READ.union(Access::WRITE),
        Access::READ.union(Access::EXECUTE),
    ];

    #[test]
    fn access_comes_back_and_memory_keeps_its_type() {
        for (memory, kind) in
            [(MemoryType::Normal, 6), (MemoryType::WriteCombining, 1), (MemoryType::Device, 0)]
        {
            for first in ALL {
                let entry = flags(first, memory);
                assert_eq!(access(entry), first);
                assert_ne!(entry & READ, 0, "it is an entry");
                for second in ALL {
                    let changed = with_access(entry, second);
                    assert_eq!(changed, flags(second, memory));
                    let hardware = if second.is_empty() { NO_TYPE } else { kind };
                    assert_eq!(changed >> 3 & 7, hardware);
                }
            }
        }
    }

    #[test]
    fn what_may_be_written_may_be_executed() {
        assert_eq!(flags(Access::READ | Access::WRITE, MemoryType::Device) & RIGHTS, RIGHTS);
        assert_eq!(flags(Access::READ, MemoryType::Device) & RIGHTS, READ);
    }
}
