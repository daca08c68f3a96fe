//! The words of a guest's state, by their numbers (see [`StateGroups`]): what both techniques agree on. Where
//! each stands is theirs to know.

use a9n_abi::guest::Situation;
use a9n_hal::StateGroups;

/// How many there are.
pub(crate) const COUNT: usize = StateGroups::all().words();

pub(crate) const RAX: usize = 0;
pub(crate) const RSP: usize = 7;
pub(crate) const FLAGS: usize = 17;
pub(crate) const CR0: usize = 18;
pub(crate) const CR2: usize = 19;
pub(crate) const CR3: usize = 20;
pub(crate) const CR4: usize = 21;
pub(crate) const CR8: usize = 22;
pub(crate) const EFER: usize = 23;
pub(crate) const EXTENDED: usize = 24;
pub(crate) const DR0: usize = 54;
pub(crate) const DR6: usize = 58;
pub(crate) const DR7: usize = 59;
pub(crate) const EVENT: usize = 60;
pub(crate) const HELD_OFF: usize = 61;
pub(crate) const AUXILIARY: usize = 63;

/// Segments in memory: code, data, a local descriptor table, a task state; and limits of other tables.
const LIMIT: u64 = 0xffff << 32;
const CODE: u64 = LIMIT | 0x9b << 16 | 0xf000;
const DATA: u64 = LIMIT | 0x93 << 16;
const LDTR: u64 = LIMIT | 0x82 << 16;
const TASK: u64 = LIMIT | 0x8b << 16;

/// A processor after its reset (AMD64 APM, volume 2, table 14-1; Intel SDM, volume 3, section 10.1.1). A line
/// for a group, or for short ones.
#[rustfmt::skip]
pub(crate) const RESET: [u64; COUNT] = [
    0, 0, 0, 0x600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0xfff0, 2,
    0x6000_0010, 0, 0, 0, 0, 0, 1,
    DATA, 0, CODE, 0xffff_0000, DATA, 0, DATA, 0, DATA, 0, DATA, 0, LDTR, 0, TASK, 0,
    0, 0xffff, 0, 0xffff,
    0, 0, 0, 0, 0, 0, 0, 0, 0x0007_0406_0007_0406,
    0, 0, 0, 0, 0xffff_0ff0, 0x400,
    0, 0, 0, 0,
];

/// EFER: long mode is on; and active.
const EFER_LONG: u64 = 1 << 8;
pub(crate) const EFER_ACTIVE: u64 = 1 << 10;

/// EFER with `value` beside `cr0`: long mode is active if it is on and so is paging.
pub(crate) const fn efer(value: u64, cr0: u64) -> u64 {
    let active = value & EFER_LONG != 0 && cr0 >> 31 & 1 != 0;
    value & !EFER_ACTIVE | if active { EFER_ACTIVE } else { 0 }
}

/// How a processor stands, but for its instruction: `code` and `stack` are the first words of those segments;
/// `shadow` is 1 if the instruction before holds interrupts off.
#[inline(always)]
pub(crate) fn situation([code, stack]: [u64; 2], [flags, cr0, efer]: [u64; 3], shadow: u64) -> u64 {
    // A bit of a register where it stands in the situation.
    let up = |value: u64, by: u32, flags: u64| value << by & flags;
    let down = |value: u64, by: u32, flags: u64| value >> by & flags;
    // The level is that of the stack segment's descriptor.
    down(stack, 13, 3 << Situation::PRIVILEGE_SHIFT)
        | down(code, 15, Situation::CODE_64 | Situation::CODE_32)
        | up(cr0, 12, Situation::PROTECTED)
        | down(cr0, 18, Situation::PAGING)
        | up(flags, 5, Situation::INTERRUPTS)
        | up(shadow, 15, Situation::SHADOW)
        | up(efer, 6, Situation::LONG)
}

/// Of `value`, what word `number` may have, as far as that does not depend on the technique.
pub(crate) const fn admitted(number: usize, value: u64) -> u64 {
    match number {
        FLAGS => value & 0x3f_7fd5 | 2,
        CR8 => value & 0xf,
        DR6 | DR7 | AUXILIARY => value & 0xffff_ffff,
        _ => value,
    }
}
