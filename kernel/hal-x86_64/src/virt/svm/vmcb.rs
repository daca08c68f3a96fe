//! The virtual machine control block (AMD64 APM, volume 2, appendix B), as words of 64 bits: a
//! processor reads and writes it while its guest runs, and at no other time.

use core::cell::Cell;

use super::Guest;

// Offsets in bytes. The control area:
pub(crate) const INTERCEPT_DEBUG: usize = 0x004;
pub(crate) const INTERCEPT_EXCEPTIONS: usize = 0x008;
pub(crate) const INTERCEPT_FIRST: usize = 0x00c;
pub(crate) const INTERCEPT_SECOND: usize = 0x010;
pub(crate) const PORT_MAP: usize = 0x040;
pub(crate) const REGISTER_MAP: usize = 0x048;
pub(crate) const TIME_OFFSET: usize = 0x050;
pub(crate) const TAG: usize = 0x058;
pub(crate) const TLB_CONTROL: usize = 0x05c;
pub(crate) const VIRTUAL_INTERRUPT: usize = 0x060;
pub(crate) const SHADOW: usize = 0x068;
pub(crate) const EXIT_CODE: usize = 0x070;
pub(crate) const EXIT_INFO_1: usize = 0x078;
pub(crate) const EXIT_INFO_2: usize = 0x080;
pub(crate) const EXIT_EVENT: usize = 0x088;
pub(crate) const NESTED_CONTROL: usize = 0x090;
pub(crate) const EVENT: usize = 0x0a8;
pub(crate) const NESTED_CR3: usize = 0x0b0;
pub(crate) const NEXT_RIP: usize = 0x0c8;

// The state:
pub(crate) const ES: usize = 0x400;
pub(crate) const CS: usize = 0x410;
pub(crate) const SS: usize = 0x420;
pub(crate) const DS: usize = 0x430;
pub(crate) const FS: usize = 0x440;
pub(crate) const GS: usize = 0x450;
pub(crate) const GDTR: usize = 0x460;
pub(crate) const LDTR: usize = 0x470;
pub(crate) const IDTR: usize = 0x480;
pub(crate) const TR: usize = 0x490;
pub(crate) const CPL: usize = 0x4cb;
pub(crate) const EFER: usize = 0x4d0;
pub(crate) const CR4: usize = 0x548;
pub(crate) const CR3: usize = 0x550;
pub(crate) const CR0: usize = 0x558;
pub(crate) const DR7: usize = 0x560;
pub(crate) const DR6: usize = 0x568;
pub(crate) const RFLAGS: usize = 0x570;
pub(crate) const RIP: usize = 0x578;
pub(crate) const RSP: usize = 0x5d8;
pub(crate) const RAX: usize = 0x5f8;
pub(crate) const STAR: usize = 0x600;
pub(crate) const LSTAR: usize = 0x608;
pub(crate) const CSTAR: usize = 0x610;
pub(crate) const SFMASK: usize = 0x618;
pub(crate) const KERNEL_GS_BASE: usize = 0x620;
pub(crate) const SYSENTER_CS: usize = 0x628;
pub(crate) const SYSENTER_ESP: usize = 0x630;
pub(crate) const SYSENTER_EIP: usize = 0x638;
pub(crate) const CR2: usize = 0x640;
pub(crate) const PAT: usize = 0x668;

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
