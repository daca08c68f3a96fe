//! VMX on each CPU: switching it on, and the pages that all guests share.

use a9n_hal::PhysicalAddress;
use raw_cpuid::CpuId;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::registers::model_specific::Msr;

use super::LISTED;
use super::controls::{Controls, allow};
use super::instructions;
use crate::cpu::{Cpu, MAX_CPUS};
use crate::virt::{permit, seen};

const PAGE: u64 = 4096;

/// Bytes of the machine's values of listed registers, for one CPU. Those of all CPUs lie in the second
/// shared page; the first is the map of registers.
const VALUES_BYTES: u64 = 16 * LISTED.len() as u64;
const _: () = assert!(VALUES_BYTES * MAX_CPUS as u64 <= PAGE);

/// Whether this CPU has VMX that suits us, and the firmware left it to us.
pub fn is_there() -> bool {
    let has_vmx = CpuId::new().get_feature_info().is_some_and(|info| info.has_vmx());
    // SAFETY: CPUID says that it is there.
    has_vmx && unsafe { Controls::of_cpu() }.is_some()
}

/// Fills in the shared pages.
///
/// # Safety
/// There are two at `pages`, in the direct map, and nobody else's.
pub unsafe fn prepare(pages: PhysicalAddress) {
    // For reads, then for writes.
    let places =
        |number| [0, PAGE / 2].map(|half| ((place(number) + half) as usize, 1 << (number % 8)));
    // SAFETY: the caller's promise; the places lie in the page.
    unsafe { permit(seen(pages.0), PAGE as usize, places) }
}

/// Place of the bit of register `number` in the half of the map for reads, in bytes (Intel SDM, volume 3,
/// section 25.6.9).
const fn place(number: u32) -> u64 {
    (number as u64 & 0x1fff) / 8 + if number >= 0xc000_0000 { PAGE / 4 } else { 0 }
}

/// Switches VMX on, on this CPU, with `region` as its own page.
///
/// # Safety
/// [`is_there`]; the page is in the direct map, and nobody else's.
pub unsafe fn start(region: PhysicalAddress) {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(controls) = Controls::of_cpu() else { return };
        allow();
        Cr4::update(|cr4| cr4.insert(Cr4Flags::VIRTUAL_MACHINE_EXTENSIONS));
        seen::<u32>(region.0).write(controls.revision);
        instructions::vmxon(region);
    }
}

/// Physical address of the values that the listed registers have on `cpu`, the executing one, which is
/// up; they are kept in the shared pages at `pages`.
pub fn machine_values(cpu: &Cpu, pages: u64) -> u64 {
    let values = pages + PAGE + VALUES_BYTES * u64::from(cpu.number());
    for (number, offset) in LISTED.into_iter().zip((0..).step_by(16)) {
        let entry = seen::<u64>(values + offset);
        // SAFETY: every 64-bit CPU has the registers; each CPU has a place of its own for them.
        unsafe {
            entry.write(number.into());
            entry.add(1).write(Msr::new(number).read());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_their_bits_where_the_cpu_looks() {
        assert_eq!(place(0x174), 0x174 / 8);
        assert_eq!(place(0xc000_0080), 1024 + 16);
        assert_eq!(place(0xc000_0102), 1024 + 32);
    }
}
