//! What is particular to x86-64: page tables, serial port, and the jump.

pub mod page_tables;
pub mod serial;

use core::arch::asm;

use self::page_tables::PageTables;
use crate::failure::Failure;

/// CR4.LA57 (Intel SDM volume 3, section 2.5).
const CR4_LA57: u64 = 1 << 12;

const EFER: u32 = 0xc000_0080;
const EFER_NXE: u32 = 1 << 11;

/// Refuses firmware with five-level paging: the kernel starts on tables of four levels, and the
/// number of levels cannot change in 64-bit mode.
pub fn check_paging() -> Result<(), Failure> {
    let cr4: u64;
    // SAFETY: reading CR4 has no effect; UEFI applications run in ring 0.
    unsafe { asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags)) };
    if cr4 & CR4_LA57 != 0 { Err(Failure::FiveLevelPaging) } else { Ok(()) }
}

/// Enters the kernel at virtual address `entry`, with the stack that ends at `stack` and the
/// boot information at `info`, as [`a9n_abi::boot`] describes.
///
/// # Safety
/// Boot services must have been exited; `tables` must map this code and the stack where virtual
/// equals physical address, and the kernel at its link address.
pub unsafe fn enter(tables: &PageTables, stack: u64, entry: u64, info: u64) -> ! {
    if tables.no_execute() {
        // SAFETY: the processor has the no-execute bit, so EFER.NXE may be set.
        unsafe {
            asm!(
                "rdmsr", "or eax, {nxe}", "wrmsr",
                nxe = const EFER_NXE, in("ecx") EFER, out("eax") _, out("edx") _,
                options(nostack),
            );
        }
    }
    // SAFETY: by this function's contract everything that is touched is mapped. The pushed zero
    // stands for a return address, so that the stack is aligned as after a call.
    unsafe {
        asm!(
            "cli",
            "cld",
            "mov cr3, {root}",
            "mov rsp, {stack}",
            "xor ebp, ebp",
            "push 0",
            "jmp {entry}",
            root = in(reg) tables.root(),
            stack = in(reg) stack,
            entry = in(reg) entry,
            in("rdi") info,
            options(noreturn),
        )
    }
}
