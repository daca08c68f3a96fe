//! The virtual machine control block (AMD64 APM, volume 2, appendix B), as words of 64 bits: a
//! processor reads and writes it while its guest runs, and at no other time.

use core::cell::Cell;

use super::Guest;

/// Defines offsets in bytes.
macro_rules! offsets {
    ($($name:ident = $offset:literal,)*) => { $(pub(crate) const $name: usize = $offset;)* };
}

// The control area; then the state.
offsets! {
    INTERCEPT_DEBUG = 0x004, INTERCEPT_EXCEPTIONS = 0x008, INTERCEPT_FIRST = 0x00c,
    INTERCEPT_SECOND = 0x010, PORT_MAP = 0x040, REGISTER_MAP = 0x048, TIME_OFFSET = 0x050,
    TAG = 0x058, TLB_CONTROL = 0x05c, VIRTUAL_INTERRUPT = 0x060, SHADOW = 0x068,
    EXIT_CODE = 0x070, EXIT_INFO_1 = 0x078, EXIT_INFO_2 = 0x080, EXIT_EVENT = 0x088,
    NESTED_CONTROL = 0x090, EVENT = 0x0a8, NESTED_CR3 = 0x0b0, NEXT_RIP = 0x0c8,

    ES = 0x400, CS = 0x410, SS = 0x420, DS = 0x430, FS = 0x440, GS = 0x450,
    GDTR = 0x460, LDTR = 0x470, IDTR = 0x480, TR = 0x490, CPL = 0x4cb, EFER = 0x4d0,
    CR4 = 0x548, CR3 = 0x550, CR0 = 0x558, DR7 = 0x560, DR6 = 0x568, RFLAGS = 0x570,
    RIP = 0x578, RSP = 0x5d8, RAX = 0x5f8, STAR = 0x600, LSTAR = 0x608, CSTAR = 0x610,
    SFMASK = 0x618, KERNEL_GS_BASE = 0x620, SYSENTER_CS = 0x628, SYSENTER_ESP = 0x630,
    SYSENTER_EIP = 0x638, CR2 = 0x640, PAT = 0x668,
}

/// In [`SHADOW`]: the instruction before holds interrupts off.
pub(crate) const IN_SHADOW: u64 = 1;
/// In [`VIRTUAL_INTERRUPT`]: priority of the task (CR8), an interrupt is waiting, whatever that
/// priority is, RFLAGS.IF is the guest's alone.
pub(crate) const TASK_PRIORITY: u64 = 0xf;
pub(crate) const WAITING: u64 = 1 << 8 | 1 << 20;
pub(crate) const OWN_FLAG: u64 = 1 << 24;
/// In [`INTERCEPT_FIRST`]: the guest could take that interrupt.
pub(crate) const INTERCEPT_WINDOW: u32 = 1 << 4;

/// The word of the control block at `offset`.
#[inline(always)]
pub(crate) fn word(guest: &Guest, offset: usize) -> &Cell<u64> {
    // The remainder is the bound.
    &guest.control[offset / 8 % super::super::WORDS]
}

/// Sets the 32 bits at `offset`.
pub(crate) fn set_half(guest: &Guest, offset: usize, value: u32) {
    let (word, shift) = (word(guest, offset), offset % 8 * 8);
    word.set(word.get() & !(0xffff_ffff << shift) | u64::from(value) << shift);
}

/// The 32 bits at `offset`.
pub(crate) fn half(guest: &Guest, offset: usize) -> u32 {
    (word(guest, offset).get() >> (offset % 8 * 8)) as u32
}

/// Sets the byte at `offset`.
pub(crate) fn set_byte(guest: &Guest, offset: usize, value: u8) {
    let (word, shift) = (word(guest, offset), offset % 8 * 8);
    word.set(word.get() & !(0xff << shift) | u64::from(value) << shift);
}
