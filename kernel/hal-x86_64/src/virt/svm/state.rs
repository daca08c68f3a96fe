//! The parts of a guest's state: where each word of the groups stands, and which bits no guest has.

use core::cell::Cell;
use core::mem::offset_of;

use a9n_hal::StateGroups;

use super::vmcb::{self, word};
use super::{Guest, PORT_MAP, REGISTER_MAP};
use crate::virt::{BREAKPOINTS, unusual};

const EFER_SVM: u64 = 1 << 12;
const CR0_PAGING: u64 = 1 << 31;
/// Bits of EFER that a guest may have: SCE, LME, LMA, NXE, FFXSR.
const EFER_LONG: u64 = 1 << 8;
const EFER_ACTIVE: u64 = 1 << 10;
const EFER_FREE: u64 = 1 << 0 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 14;

/// Words that all groups have together.
const STATE_WORDS: usize = StateGroups::all().words();

/// Places that are no word of the control block: registers, and what is more than a word or less.
const REGISTERS: usize = offset_of!(Guest, registers);
const DEBUG: usize = offset_of!(Guest, debug);
const EXTENDED: usize = offset_of!(Guest, extended);
/// Limits of descriptor tables stand above the place of a selector.
const LIMIT: usize = 4;

/// Where the words of all groups stand, in order: offsets in bytes. A line for each group, or half of it.
#[rustfmt::skip]
const PLACES: [usize; STATE_WORDS] = [
    vmcb::RAX, general(1), general(2), general(3), general(4), general(5), general(6), vmcb::RSP,
    general(8), general(9), general(10), general(11), general(12), general(13), general(14), general(15),
    vmcb::RIP, vmcb::RFLAGS,
    vmcb::CR0, vmcb::CR2, vmcb::CR3, vmcb::CR4, vmcb::VIRTUAL_INTERRUPT, vmcb::EFER, EXTENDED,
    vmcb::ES, vmcb::ES + 8, vmcb::CS, vmcb::CS + 8, vmcb::SS, vmcb::SS + 8, vmcb::DS, vmcb::DS + 8,
    vmcb::FS, vmcb::FS + 8, vmcb::GS, vmcb::GS + 8, vmcb::LDTR, vmcb::LDTR + 8, vmcb::TR, vmcb::TR + 8,
    vmcb::GDTR + 8, GDTR_LIMIT, vmcb::IDTR + 8, IDTR_LIMIT,
    vmcb::STAR, vmcb::LSTAR, vmcb::CSTAR, vmcb::SFMASK, vmcb::KERNEL_GS_BASE,
    vmcb::SYSENTER_CS, vmcb::SYSENTER_ESP, vmcb::SYSENTER_EIP, vmcb::PAT,
    DEBUG, DEBUG + 8, DEBUG + 16, DEBUG + 24, vmcb::DR6, vmcb::DR7,
    vmcb::EVENT, vmcb::SHADOW,
    vmcb::TIME_OFFSET,
];

/// Place of general register `number`.
const fn general(number: usize) -> usize {
    REGISTERS + 8 * number
}

const GDTR_LIMIT: usize = vmcb::GDTR + LIMIT;
const IDTR_LIMIT: usize = vmcb::IDTR + LIMIT;

/// The cell at `place`.
fn cell(guest: &Guest, place: usize) -> &Cell<u64> {
    let (registers, debug) = (place.wrapping_sub(REGISTERS) / 8, place.wrapping_sub(DEBUG) / 8);
    if place == EXTENDED {
        return &guest.extended;
    }
    let outside = guest.debug.get(debug).or(guest.registers.get(registers));
    outside.unwrap_or(word(guest, place))
}

/// Word `number` of the state.
pub(crate) fn read(guest: &Guest, number: usize) -> u64 {
    let place = PLACES.get(number).copied().unwrap_or_default();
    let value = cell(guest, place).get();
    match place {
        vmcb::EFER => value & !EFER_SVM,
        vmcb::VIRTUAL_INTERRUPT => value & vmcb::TASK_PRIORITY,
        vmcb::SHADOW => value & vmcb::IN_SHADOW,
        GDTR_LIMIT | IDTR_LIMIT => value >> 32,
        _ => value,
    }
}

/// Makes word `number` of the state what `value` says, as far as it may be.
pub(crate) fn write(guest: &Guest, number: usize, value: u64) {
    let place = PLACES.get(number).copied().unwrap_or_default();
    let cell = cell(guest, place);
    let mixed = |mask: u64| cell.get() & !mask | value & mask;
    cell.set(match place {
        vmcb::EFER => value & EFER_FREE | EFER_SVM,
        vmcb::VIRTUAL_INTERRUPT => mixed(vmcb::TASK_PRIORITY),
        vmcb::SHADOW => mixed(vmcb::IN_SHADOW),
        vmcb::RFLAGS => value & 0x3f_7fd7 | 2,
        vmcb::DR6 | vmcb::DR7 => value & 0xffff_ffff,
        GDTR_LIMIT | IDTR_LIMIT => value << 32,
        _ => value,
    });
    match place {
        // The processor keeps the privilege level beside the stack segment, whose it is.
        vmcb::SS => vmcb::set_byte(guest, vmcb::CPL, (value >> 21) as u8 & 3),
        vmcb::DR7 => use_debug(guest, value & BREAKPOINTS != 0),
        vmcb::CR0 | vmcb::EFER => activate_long_mode(guest),
        EXTENDED => guest.set_extended(value),
        _ => {}
    }
}

/// Long mode is active where it is on and so is paging. The processor takes our word for it.
fn activate_long_mode(guest: &Guest) {
    let (efer, paging) = (word(guest, vmcb::EFER), word(guest, vmcb::CR0).get() & CR0_PAGING != 0);
    let active = if paging && efer.get() & EFER_LONG != 0 { EFER_ACTIVE } else { 0 };
    efer.set(efer.get() & !EFER_ACTIVE | active);
}

/// Gives the guest its debug registers, which are switched then, or lets it ask for them.
pub(super) fn use_debug(guest: &Guest, on: bool) {
    guest.set_unusual(unusual::DEBUG, on);
    vmcb::set_half(guest, vmcb::INTERCEPT_DEBUG, if on { 0 } else { !0 });
}

/// Makes the zeroed `guest` a processor after its reset (AMD64 APM, volume 2, table 14-1), from which
/// everything is kept; the permission maps are among the shared `pages`.
pub(crate) fn reset(guest: &Guest, pages: u64) {
    /// Debug and alignment exceptions, which a guest could raise in a ring, and machine checks.
    const EXCEPTIONS: u32 = 1 << 1 | 1 << 17 | 1 << 18;
    /// Interrupts, RDPMC, CPUID, RSM, INVD, HLT, INVLPGA, ports, registers, task switches, FERR, shutdown.
    const FIRST: u32 =
        0b1111 | 1 << 15 | 1 << 18 | 1 << 19 | 1 << 22 | 1 << 24 | 0b11111 << 26 | 1 << 31;
    /// All of SVM's own, RDTSCP, WBINVD, MONITOR, MWAIT, XSETBV, RDPRU.
    const SECOND: u32 = 0b1111_1111 | 0b11_1111 << 9;
    const DATA: u64 = 0xffff << 32 | 0x93 << 16;
    const TABLE: u64 = 0xffff << 32;
    const NESTED_PAGING: u64 = 1;
    const TAG: u32 = 1;

    for (offset, value) in [
        (vmcb::INTERCEPT_EXCEPTIONS, EXCEPTIONS),
        (vmcb::INTERCEPT_FIRST, FIRST),
        (vmcb::INTERCEPT_SECOND, SECOND),
        (vmcb::TAG, TAG),
    ] {
        vmcb::set_half(guest, offset, value);
    }
    for (offset, value) in [
        (vmcb::PORT_MAP, pages + PORT_MAP),
        (vmcb::REGISTER_MAP, pages + REGISTER_MAP),
        (vmcb::VIRTUAL_INTERRUPT, vmcb::OWN_FLAG),
        (vmcb::NESTED_CONTROL, NESTED_PAGING),
        (vmcb::ES, DATA),
        (vmcb::CS, 0xffff << 32 | 0x9b << 16 | 0xf000),
        (vmcb::CS + 8, 0xffff_0000),
        (vmcb::SS, DATA),
        (vmcb::DS, DATA),
        (vmcb::FS, DATA),
        (vmcb::GS, DATA),
        (vmcb::GDTR, TABLE),
        (vmcb::IDTR, TABLE),
        (vmcb::LDTR, TABLE | 0x82 << 16),
        (vmcb::TR, TABLE | 0x8b << 16),
        (vmcb::EFER, EFER_SVM),
        (vmcb::CR0, 0x6000_0010),
        (vmcb::DR6, 0xffff_0ff0),
        (vmcb::DR7, 0x400),
        (vmcb::RFLAGS, 2),
        (vmcb::RIP, 0xfff0),
        (vmcb::PAT, 0x0007_0406_0007_0406),
    ] {
        word(guest, offset).set(value);
    }
    use_debug(guest, false);
}
