//! A guest that means no good: in the shape of a Linux kernel, but what it executes is random.

use std::fs;

use anyhow::{Context, Result};

use crate::repository::Repository;

/// Where its code begins in the file, and its entry in that.
const CODE: usize = 5 * 512;
const ENTRY: usize = 512;

/// Fills memory with random bytes, and goes on there, with interrupts allowed and no way to take one: by
/// the next tick at the latest there is a fault, which resets the machine, and it begins again.
const PROGRAM: &[u8] = &[
    0x48, 0xc7, 0xc4, 0x00, 0x00, 0x00, 0x02, // mov rsp, 0x2000000
    0xb0, 0x34, 0xe6, 0x43, // mov al, 0x34; out 0x43, al: the timer ticks
    0xb0, 0x00, 0xe6, 0x40, // mov al, 0; out 0x40, al
    0xb0, 0x80, 0xe6, 0x40, // mov al, 0x80; out 0x40, al
    0x0f, 0x31, // rdtsc: where random numbers begin
    0x48, 0xc1, 0xe2, 0x20, // shl rdx, 32
    0x48, 0x09, 0xd0, // or rax, rdx
    0x48, 0xc7, 0xc7, 0x00, 0x00, 0x80, 0x01, // mov rdi, 0x1800000
    0xb9, 0x10, 0x00, 0x00, 0x00, // mov ecx, 16
    0x48, 0x89, 0xc2, // again: mov rdx, rax
    0x48, 0xc1, 0xe2, 0x0d, // shl rdx, 13
    0x48, 0x31, 0xd0, // xor rax, rdx
    0x48, 0x89, 0xc2, // mov rdx, rax
    0x48, 0xc1, 0xea, 0x07, // shr rdx, 7
    0x48, 0x31, 0xd0, // xor rax, rdx
    0x48, 0x89, 0xc2, // mov rdx, rax
    0x48, 0xc1, 0xe2, 0x11, // shl rdx, 17
    0x48, 0x31, 0xd0, // xor rax, rdx
    0x48, 0xab, // stosq
    0xe2, 0xde, // loop again
    0xfb, // sti
    0x48, 0xc7, 0xc2, 0x00, 0x00, 0x80, 0x01, // mov rdx, 0x1800000
    0xff, 0xe2, // jmp rdx
];

/// Writes it; answers its file.
pub fn write(repository: &Repository) -> Result<String> {
    let path = repository.products().join("hostile-guest");
    fs::write(&path, kernel()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.display().to_string())
}

/// A kernel by the header that Linux's boot protocol demands.
fn kernel() -> Vec<u8> {
    let mut file = vec![0; CODE + 2 * ENTRY];
    let mut put = |offset: usize, bytes: &[u8]| {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0x1f1, &[4]);
    put(0x1fe, &[0x55, 0xaa, 0xeb, 0x6a]);
    put(0x202, b"HdrS");
    put(0x206, &0x020f_u16.to_le_bytes());
    put(0x211, &[0x01]);
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(0x236, &0x0001_u16.to_le_bytes());
    put(0x238, &2047_u32.to_le_bytes());
    put(0x258, &0x100_0000_u64.to_le_bytes());
    put(0x260, &0x10_0000_u32.to_le_bytes());
    put(CODE + ENTRY, PROGRAM);
    file
}
