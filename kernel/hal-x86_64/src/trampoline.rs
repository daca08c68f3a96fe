//! Where another CPU begins: in 16-bit mode, in a page below 1 MiB.
//!
//! The page holds a copy of the code below and its [`Parameters`]. It goes straight to 64-bit mode
//! on the kernel's page tables, where the page is mapped at its physical address for as long as
//! CPUs are being started.

use core::mem::{offset_of, size_of};
use core::ptr;

use a9n_hal::PhysicalAddress;

/// Bytes of the code; the parameters follow.
const CODE_BYTES: usize = 256;

/// What the code needs to know.
#[repr(C, packed)]
struct Parameters {
    /// Where the kernel goes on in 64-bit mode, without a stack.
    entry: u64,
    /// A descriptor table: nothing, and the 64-bit code segment.
    table: [u64; 2],
    /// Last byte and linear address of that table.
    table_limit: u16,
    table_base: u32,
    /// Linear address and segment of the first 64-bit instruction.
    jump_offset: u32,
    jump_segment: u16,
    /// Root of the page tables.
    root: u32,
}

const CODE_SEGMENT: u64 = 0x0020_9b00_0000_0000;
const CODE_SELECTOR: u16 = 8;

// SAFETY: the assembly below defines them.
unsafe extern "C" {
    static a9n_trampoline: [u8; CODE_BYTES];
    static a9n_trampoline_64: u8;
}

/// Makes the page at `page`, which is seen at `seen`, the trampoline to `entry`, on the page
/// tables of `root`. Answers `false` if `root` does not lie below 4 GiB.
///
/// # Safety
/// The page is nobody else's.
pub unsafe fn write(page: u32, seen: u64, root: PhysicalAddress, entry: u64) -> bool {
    let Ok(root) = u32::try_from(root.0) else { return false };
    let code = &raw const a9n_trampoline;
    let long_mode = (&raw const a9n_trampoline_64 as usize) - (code as usize);
    let parameters = page + CODE_BYTES as u32;
    let parameters = Parameters {
        entry,
        table: [0, CODE_SEGMENT],
        table_limit: size_of::<[u64; 2]>() as u16 - 1,
        table_base: parameters + offset_of!(Parameters, table) as u32,
        jump_offset: page + long_mode as u32,
        jump_segment: CODE_SELECTOR,
        root,
    };
    let to = ptr::with_exposed_provenance_mut::<u8>(seen as usize);
    // SAFETY: the caller's promise; code and parameters fit into a page.
    unsafe {
        to.copy_from_nonoverlapping(code.cast(), CODE_BYTES);
        to.add(CODE_BYTES).cast::<Parameters>().write_unaligned(parameters);
    }
    true
}

const _: () = assert!(CODE_BYTES + size_of::<Parameters>() <= 4096);

// It starts with CS pointing to the page, at offset 0.
#[cfg(target_os = "none")]
core::arch::global_asm!(
    r#"
.section .rodata.a9n_trampoline, "a", @progbits
.balign 16
.globl a9n_trampoline, a9n_trampoline_64
a9n_trampoline:
.code16
    cli
    cld
    movw    %cs, %ax
    movw    %ax, %ds
    lgdtl   {CODE_BYTES} + {TABLE_LIMIT}

    // Physical address extension, root, long mode and no-execute, paging with write protection.
    movl    $0x20, %eax
    movl    %eax, %cr4
    movl    {CODE_BYTES} + {ROOT}, %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx
    rdmsr
    orl     $0x900, %eax
    wrmsr
    movl    $0x80010031, %eax
    movl    %eax, %cr0
    ljmpl   *{CODE_BYTES} + {JUMP}
.code64
a9n_trampoline_64:
    movq    a9n_trampoline + {CODE_BYTES} + {ENTRY}(%rip), %rax
    jmpq    *%rax
.org a9n_trampoline + {CODE_BYTES}, 0
.text
"#,
    CODE_BYTES = const CODE_BYTES,
    TABLE_LIMIT = const offset_of!(Parameters, table_limit),
    ROOT = const offset_of!(Parameters, root),
    JUMP = const offset_of!(Parameters, jump_offset),
    ENTRY = const offset_of!(Parameters, entry),
    options(att_syntax),
);
