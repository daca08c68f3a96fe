//! The virtual machine control block (AMD64 APM, volume 2, appendix B), as words of 64 bits: a
//! processor reads and writes it while its guest runs, and at no other time.

use core::cell::Cell;

use super::Guest;

/// Defines offsets in bytes.
macro_rules! offsets {
    ($($name:ident = $offset:literal,)*) => { $(pub(crate) const $name: u16 = $offset;)* };
}

// The control area; then the state.
offsets! {
    INTERCEPT_REGISTERS = 0x000, INTERCEPT_FIRST = 0x008, INTERCEPT_SECOND = 0x010, PORT_MAP = 0x040,
    REGISTER_MAP = 0x048, TIME_OFFSET = 0x050, TAG = 0x058, VIRTUAL_INTERRUPT = 0x060, SHADOW = 0x068,
    EXIT_CODE = 0x070, EXIT_INFO_1 = 0x078, EXIT_INFO_2 = 0x080, EXIT_EVENT = 0x088, NESTED_CONTROL = 0x090,
    EVENT = 0x0a8, NESTED_CR3 = 0x0b0, NEXT_RIP = 0x0c8, ES = 0x400, CS = 0x410, SS = 0x420, DS = 0x430,
    FS = 0x440, GS = 0x450, GDTR = 0x460, LDTR = 0x470, IDTR = 0x480, TR = 0x490, LEVEL = 0x4c8, EFER = 0x4d0,
    CR4 = 0x548, CR3 = 0x550, CR0 = 0x558, DR7 = 0x560, DR6 = 0x568, RFLAGS = 0x570, RIP = 0x578, RSP = 0x5d8,
    RAX = 0x5f8, STAR = 0x600, LSTAR = 0x608, CSTAR = 0x610, SFMASK = 0x618, KERNEL_GS_BASE = 0x620,
    SYSENTER_CS = 0x628, SYSENTER_ESP = 0x630, SYSENTER_EIP = 0x638, CR2 = 0x640, PAT = 0x668,
}

/// In [`SHADOW`]: the instruction before holds interrupts off.
pub(crate) const IN_SHADOW: u64 = 1;
/// In [`VIRTUAL_INTERRUPT`]: priority of the task (CR8); an interrupt is waiting, and does so whatever that
/// priority is; RFLAGS.IF is the guest's alone; the vector of what waits.
pub(crate) const TASK_PRIORITY: u64 = 0xf;
pub(crate) const IS_WAITING: u64 = 1 << 8;
pub(crate) const WAITING: u64 = IS_WAITING | 1 << 20;
pub(crate) const VECTOR: u64 = 0xff << 32;
pub(crate) const OWN_FLAG: u64 = 1 << 24;
/// In [`INTERCEPT_REGISTERS`]: debug registers, all of them.
pub(crate) const INTERCEPT_DEBUG: u64 = !0 << 32;
/// In [`INTERCEPT_FIRST`], which begins with exceptions: the guest could take that interrupt; it returns from one.
pub(crate) const INTERCEPT_WINDOW: u64 = 1 << 36;
pub(crate) const INTERCEPT_RETURN: u64 = 1 << 52;
/// In [`LEVEL`]: the level of privilege.
pub(crate) const PRIVILEGE: u64 = 3 << 24;
/// In [`TAG`]: the guest finds no translations at all that were cached.
pub(crate) const FORGET_ALL: u64 = 1 << 32;

/// The word of the control block at `offset`.
#[inline(always)]
pub(crate) fn word(guest: &Guest, offset: u16) -> &Cell<u64> {
    // The remainder is the bound.
    &guest.control[usize::from(offset / 8) % super::super::WORDS]
}

/// Makes the bits that `mask` has, of the word at `offset`, those of `value`.
pub(crate) fn change(guest: &Guest, offset: u16, mask: u64, value: u64) {
    let word = word(guest, offset);
    word.set(word.get() & !mask | value & mask);
}
