//! Two more ways in, for tests: PVH (QEMU's `-kernel`) and multiboot2 (GRUB).
//!
//! Both enter in 32-bit mode without paging, at the physical load address. The assembly maps
//! the first 4 GiB where they are, and the first of them at the link address, everything
//! writable and executable; the machine replaces these tables at once. Then `a9n-direct` builds
//! the boot information that the loader would have passed.

use core::arch::global_asm;

use a9n_direct::{PhysicalRange, from_multiboot2, from_pvh};
use a9n_hal_x86_64::console;
use a9n_hal_x86_64::dump::stop;

use crate::layout::layout;

/// What is added to a physical address to get the link address; see `kernel.ld`.
const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;

/// Which protocol the boot loader spoke, as the assembly tells it.
#[repr(u32)]
enum Protocol {
    Pvh = 0,
    Multiboot2 = 1,
}

/// Continues in 64-bit mode, with the physical address of what the boot loader left.
///
/// # Safety
/// Called once, by the assembly below.
unsafe extern "C" fn start(information: u64, protocol: u32) -> ! {
    let image = layout();
    let kernel = PhysicalRange {
        start: image.text.start - KERNEL_BASE,
        bytes: image.data.end - image.text.start,
    };
    // SAFETY: the first 4 GiB are mapped, and nothing has been changed yet but the image's own
    // data.
    let info = unsafe {
        if protocol == Protocol::Pvh as u32 {
            from_pvh(information, kernel)
        } else {
            from_multiboot2(information, kernel)
        }
    };
    match info {
        // SAFETY: this is the state that `a9n_abi::boot` describes, but for the rights of the
        // kernel's pages.
        Ok(info) => unsafe { crate::a9n_start(info) },
        Err(error) => {
            console::start();
            stop(|text| crate::format::write(text, format_args!("{error}")))
        }
    }
}

/// Multiboot2 header (Multiboot2 specification 2.0, section 3.1): magic, architecture i386,
/// length, checksum.
const MULTIBOOT2_MAGIC: u32 = 0xe852_50d6;
const MULTIBOOT2_HEADER_BYTES: u32 = 16 + 16 + 8 + 8;
const MULTIBOOT2_CHECKSUM: u32 =
    0u32.wrapping_sub(MULTIBOOT2_MAGIC).wrapping_sub(MULTIBOOT2_HEADER_BYTES);

/// Type of the ELF note with the PVH entry (Xen's public/elfnote.h).
const PHYS32_ENTRY: u32 = 18;

global_asm!(
    r#"
.section .note.Xen, "a", @note
.balign 4
    .long   4
    .long   8
    .long   {PHYS32_ENTRY}
    .asciz  "Xen"
    .quad   a9n_pvh - {BASE}

.section .multiboot2, "ax", @progbits
.balign 8
multiboot2_header:
    .long   {MAGIC}, 0, {HEADER_BYTES}, {CHECKSUM}
    // Entry address.
    .short  3, 0
    .long   12
    .long   a9n_multiboot2 - {BASE}
    .balign 8
    // Modules start at pages.
    .short  6, 0
    .long   8
    // End.
    .short  0, 0
    .long   8

// Six tables: the root; the next level for low and for high addresses; four that map 1 GiB each.
.section .bss.a9n_direct, "aw", @nobits
.balign 4096
direct_root:    .skip 4096
direct_low:     .skip 4096
direct_high:    .skip 4096
direct_large:   .skip 4 * 4096

.section .rodata.a9n_direct, "a", @progbits
.balign 8
direct_segments:
    .quad   0, 0x00209b0000000000, 0x0000930000000000
direct_segments_pointer:
    .short  . - direct_segments - 1
    .long   direct_segments - {BASE}

.section .text.a9n_direct, "ax", @progbits
.code32
a9n_pvh:
    movl    ${PVH}, %edi
    jmp     2f
a9n_multiboot2:
    movl    ${MULTIBOOT2}, %edi
2:  cli
    cld
    movl    $(a9n_boot_stack - {BASE}), %esp

    // 2048 entries of large pages, present and writable, from address 0 on.
    movl    $(direct_large - {BASE}), %eax
    movl    $0x83, %ecx
3:  movl    %ecx, (%eax)
    addl    $8, %eax
    addl    $0x200000, %ecx
    jnc     3b

    movl    $(direct_large - {BASE} + 0x0003), %eax
    movl    %eax, direct_low - {BASE}
    movl    %eax, direct_high - {BASE} + 510 * 8
    addl    $0x1000, %eax
    movl    %eax, direct_low - {BASE} + 8
    addl    $0x1000, %eax
    movl    %eax, direct_low - {BASE} + 16
    addl    $0x1000, %eax
    movl    %eax, direct_low - {BASE} + 24
    movl    $(direct_low - {BASE} + 3), %eax
    movl    %eax, direct_root - {BASE}
    movl    $(direct_high - {BASE} + 3), %eax
    movl    %eax, direct_root - {BASE} + 511 * 8

    // Physical address extension, root, long mode, paging.
    movl    %cr4, %eax
    orl     $0x20, %eax
    movl    %eax, %cr4
    movl    $(direct_root - {BASE}), %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx
    rdmsr
    orl     $0x100, %eax
    wrmsr
    movl    %cr0, %eax
    orl     $0x80000001, %eax
    movl    %eax, %cr0
    lgdt    direct_segments_pointer - {BASE}
    pushl   $8
    pushl   $(4f - {BASE})
    lret

.code64
4:  movabsq $5f, %rax
    jmpq    *%rax
5:  leaq    a9n_boot_stack(%rip), %rsp
    movl    $0x10, %eax
    movl    %eax, %ss
    movl    %edi, %esi
    movl    %ebx, %edi
    xorl    %ebp, %ebp
    jmp     {START}

.text
"#,
    BASE = const KERNEL_BASE,
    PHYS32_ENTRY = const PHYS32_ENTRY,
    MAGIC = const MULTIBOOT2_MAGIC,
    HEADER_BYTES = const MULTIBOOT2_HEADER_BYTES,
    CHECKSUM = const MULTIBOOT2_CHECKSUM,
    PVH = const Protocol::Pvh as u32,
    MULTIBOOT2 = const Protocol::Multiboot2 as u32,
    START = sym start,
    options(att_syntax),
);
