//! Model-specific registers that the monitor answers for. What is not here is not there: a general
//! protection fault, which kernels expect.

use a9n_abi::guest::StateGroups;

use crate::processor::{CR0, EFER, PAT, Processor};

/// Where the extended features are switched on.
const FEATURES: u32 = 0xc000_0080;
/// System calls, long mode, no-execute, fast FXSAVE: bits of it that can be changed.
const CHANGEABLE: u64 = 1 << 0 | LONG_MODE | 1 << 11 | 1 << 14;
const LONG_MODE: u64 = 1 << 8;
/// Long mode is active: this follows from paging.
const ACTIVE: u64 = 1 << 10;
/// CR0: paging.
const PAGING: u64 = 1 << 31;

/// What `rdtscp` tells beside the time, in 32 bits.
const AUXILIARY: u32 = 0xc000_0103;

/// Memory types by page tables, and those that there are: uncacheable, combining, through, protected,
/// back, and uncacheable unless said otherwise.
const PAGE_ATTRIBUTES: u32 = 0x277;
const MEMORY_TYPES: [u8; 6] = [0, 1, 4, 5, 6, 7];

/// Version of the microcode, the platform, AMD's configuration and its neighbours: registers that
/// kernels read without asking whether they are there.
const MICROCODE: u32 = 0x8b;
const PLATFORM: u32 = 0x17;
const MISCELLANEOUS: u32 = 0x1a0;
const AMD_SYSTEM: u32 = 0xc001_0010;
const AMD_HARDWARE: u32 = 0xc001_0015;
const AMD_NORTHBRIDGE: u32 = 0xc001_001f;
const AMD_INTERRUPT_PENDING: u32 = 0xc001_0055;
const AMD_DECODE: u32 = 0xc001_1029;

/// AMD's hardware configuration: the counter counts at one rate.
const STEADY_COUNTER: u64 = 1 << 24;
/// Fast string instructions are on.
const FAST_STRINGS: u64 = 1;

/// What a register holds; `None` if there is none.
pub fn read(number: u32, processor: &mut impl Processor) -> Option<u64> {
    match number {
        FEATURES => Some(processor.get(StateGroups::CONTROL, EFER)),
        PAGE_ATTRIBUTES => Some(processor.get(StateGroups::SYSTEM, PAT)),
        AUXILIARY => Some(processor.get(StateGroups::AUXILIARY, 0)),
        _ => constant(number),
    }
}

/// Writes a register; `None` if there is none, or not with this value. Those that hold the same for
/// ever take any.
pub fn write(number: u32, value: u64, processor: &mut impl Processor) -> Option<()> {
    match number {
        FEATURES => write_features(value, processor),
        PAGE_ATTRIBUTES if value.to_le_bytes().iter().all(|kind| MEMORY_TYPES.contains(kind)) => {
            processor.set(StateGroups::SYSTEM, PAT, value);
            Some(())
        }
        AUXILIARY if value >> 32 == 0 => {
            processor.set(StateGroups::AUXILIARY, 0, value);
            Some(())
        }
        PAGE_ATTRIBUTES | AUXILIARY => None,
        _ => constant(number).map(|_| ()),
    }
}

fn write_features(value: u64, processor: &mut impl Processor) -> Option<()> {
    let old = processor.get(StateGroups::CONTROL, EFER);
    let pages = processor.get(StateGroups::CONTROL, CR0) & PAGING != 0;
    let switches = (value ^ old) & LONG_MODE != 0;
    if value & !(CHANGEABLE | ACTIVE) != 0 || switches && pages {
        return None;
    }
    processor.set(StateGroups::CONTROL, EFER, value & CHANGEABLE | old & ACTIVE);
    Some(())
}

const fn constant(number: u32) -> Option<u64> {
    match number {
        MICROCODE
        | PLATFORM
        | AMD_SYSTEM
        | AMD_NORTHBRIDGE
        | AMD_INTERRUPT_PENDING
        | AMD_DECODE => Some(0),
        MISCELLANEOUS => Some(FAST_STRINGS),
        AMD_HARDWARE => Some(STEADY_COUNTER),
        _ => None,
    }
}
