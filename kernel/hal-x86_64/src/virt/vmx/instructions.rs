//! VMX instructions (Intel SDM, volume 3, chapter 31).

use core::arch::asm;

use a9n_hal::PhysicalAddress;

use super::field::Field;

/// Switches VMX on, with `region` as the CPU's own.
///
/// # Safety
/// The CPU has it, and CR4 allows it; the region is a page that begins with the revision and is nobody
/// else's.
pub unsafe fn vmxon(region: PhysicalAddress) {
    // SAFETY: the caller's promise.
    unsafe { asm!("vmxon [{}]", in(reg) &raw const region.0, options(nostack)) }
}

/// Writes what the CPU holds of the VMCS at `vmcs` to memory; it is then active on no CPU.
///
/// # Safety
/// VMX is on, and it is a VMCS that is active on no other CPU.
pub unsafe fn vmclear(vmcs: PhysicalAddress) {
    // SAFETY: the caller's promise.
    unsafe { asm!("vmclear [{}]", in(reg) &raw const vmcs.0, options(nostack)) }
}

/// Makes the VMCS at `vmcs` the current one.
///
/// # Safety
/// As for [`vmclear`]; it begins with the revision.
pub unsafe fn vmptrld(vmcs: PhysicalAddress) {
    // SAFETY: the caller's promise.
    unsafe { asm!("vmptrld [{}]", in(reg) &raw const vmcs.0, options(nostack)) }
}

/// Reads `field` of the current VMCS: that of the guest which the caller has reached.
#[inline(always)]
pub fn field(field: Field) -> u64 {
    let value;
    // SAFETY: nobody asks before there is a guest, so VMX is on. Where there is no such field, nothing is read.
    unsafe {
        asm!("vmread {}, {}", out(reg) value, in(reg) u64::from(field.0), options(nostack));
    }
    value
}

/// Writes it, in as many bits as it has, if the CPU has it. What the CPU is like outside the guest, and what a guest leaves
/// for, comes from this machine and from constants.
#[inline(always)]
pub fn set_field(field: Field, value: u64) {
    // SAFETY: as for `field`. By itself it changes nothing but the VMCS.
    unsafe { asm!("vmwrite {}, {}", in(reg) u64::from(field.0), in(reg) value, options(nostack)) }
}

/// Makes the executing CPU forget what it cached of all guests' memory.
///
/// # Safety
/// VMX is on.
pub unsafe fn invept_all() {
    const ALL: u64 = 2;
    let descriptor = [0u64; 2];
    // SAFETY: what is forgotten is looked up anew; we use no CPU without the instruction.
    unsafe { asm!("invept {}, [{}]", in(reg) ALL, in(reg) &raw const descriptor, options(nostack)) }
}
