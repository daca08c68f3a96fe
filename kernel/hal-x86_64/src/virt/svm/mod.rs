//! AMD's technique, SVM with nested paging (AMD64 APM, volume 2, chapter 15): how a CPU is made ready for
//! it, what a guest starts with and what is kept from it. `state` has the parts of a guest's state,
//! `exit` what exits mean, `vmcb` the layout of the control block.

mod exit;
mod state;
pub(super) mod vmcb;

use core::arch::asm;
use core::arch::x86_64::__cpuid;

use a9n_hal::PhysicalAddress;
use raw_cpuid::CpuId;
use x86_64::registers::control::{Efer, EferFlags};
use x86_64::registers::model_specific::Msr;

pub(super) use self::exit::{advance, await_window, exit, handle};
pub(super) use self::exit::{inject, keep_event, make_ready, rax};
pub(super) use self::state::{read, reset, use_debug, write};
use super::{Guest, PAGE, SHARED_PAGES, permit, seen, tags, unusual};
use crate::features::IA32_PAT;

/// VM_CR: the firmware has switched SVM off.
const VM_CR: u32 = 0xc001_0114;
const VM_CR_DISABLED: u64 = 1 << 4;
const VM_HSAVE_PA: u32 = 0xc001_0117;

/// CPUID 8000000Ah, EDX.
const SVM_FEATURES: u32 = 0x8000_000a;
const NESTED_PAGING: u32 = 1 << 0;

/// Where in the shared pages the permissions of ports (three pages) and of model-specific registers
/// (two) begin, in bytes.
const PORT_MAP: u64 = 0;
const REGISTER_MAP: u64 = 3 * PAGE;

/// Whether this CPU has SVM with nested paging, switched on.
pub(super) fn is_there() -> bool {
    let id = CpuId::new().get_extended_processor_and_feature_identifiers();
    let has_svm = id.is_some_and(|features| features.has_svm());
    let has_nested_paging = has_svm && __cpuid(SVM_FEATURES).edx & NESTED_PAGING != 0;
    // SAFETY: a CPU with SVM has the register; reading it changes nothing.
    has_nested_paging && unsafe { Msr::new(VM_CR).read() & VM_CR_DISABLED == 0 }
}

/// Fills in the permission maps, in the shared `pages`: everything leaves the guest but its own
/// registers.
///
/// # Safety
/// The pages are in the direct map and nobody else's.
pub(super) unsafe fn prepare(pages: PhysicalAddress) {
    let place = |register| {
        [permission(register), (0, 0)].map(|(byte, bits)| (REGISTER_MAP as usize + byte, bits))
    };
    // SAFETY: the caller's promise; every place lies in the five pages.
    unsafe { permit(seen(pages.0), (SHARED_PAGES * PAGE) as usize, place) }
}

/// Byte and bits of the permission map that stand for reading and writing `register`, one of the first
/// or of those from 0xc0000000 on. None for the page attribute table: an emulator (QEMU) takes that for the machine's.
const fn permission(register: u32) -> (usize, u8) {
    let vector = if register >= 0xc000_0000 { 0x800 } else { 0 };
    let number = (register & 0x1fff) as usize;
    let bits = if register == IA32_PAT { 0 } else { 0b11 };
    (vector + number / 4, bits << (number % 4 * 2))
}

/// Switches SVM on. The CPU keeps its own state in `page` while a guest runs: what VMRUN saves, and beside
/// it what VMSAVE does, which stays as it is now.
///
/// # Safety
/// The page is this CPU's alone. Segments and system calls are set up and do not change any more.
pub(super) unsafe fn start(page: PhysicalAddress) {
    // SAFETY: the caller's promise; CPUs that run guests have the feature.
    unsafe {
        Efer::update(|efer| *efer |= EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE);
        Msr::new(VM_HSAVE_PA).write(page.0);
        asm!("vmsave rax", in("rax") page.0, options(nostack, preserves_flags));
    }
}

/// `guest` has `tag` from now on; with the first, the CPU forgets everything when it enters the guest.
pub(super) fn set_tag(guest: &Guest, tag: u64) {
    let is_first = tag == tags::FIRST;
    vmcb::word(guest, vmcb::TAG).set(tag | if is_first { vmcb::FORGET_ALL } else { 0 });
    guest.set_unusual(unusual::FORGETS, is_first);
}

/// The CPU need not forget anything more when it enters `guest`. Answers whether it refused to, the last time.
pub(super) fn is_refused(guest: &Guest) -> bool {
    vmcb::change(guest, vmcb::TAG, vmcb::FORGET_ALL, 0);
    vmcb::word(guest, vmcb::EXIT_CODE).get() as u32 == exit::INVALID
}

/// The state of `guest` is always at hand.
#[inline(always)]
pub(super) fn reach(_guest: &Guest) {}

/// `guest` uses the memory of `root`.
pub(super) fn set_memory(guest: &Guest, root: PhysicalAddress) {
    vmcb::word(guest, vmcb::NESTED_CR3).set(root.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_of_registers_stand_where_the_manual_says() {
        assert_eq!(permission(0), (0, 0b11));
        assert_eq!(permission(0x175), (0x5d, 0b1100));
        assert_eq!(permission(0xc000_0082), (0x820, 0b11_0000));
        assert_eq!(permission(0xc000_0103), (0x840, 0b1100_0000));
    }
}
