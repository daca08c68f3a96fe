//! Thread-local words, as the x86-64 ABI has them (section 3.4.6): stable Rust has no way to declare
//! some without an operating system. All unsafe code of this program is here.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tdata, \"awT\", @progbits",
    ".p2align 5",
    "a9n_initialised: .quad {initial}",
    ".popsection",
    ".pushsection .tbss, \"awT\", @nobits",
    ".p2align 3",
    "a9n_zeroed: .quad 0",
    ".popsection",
    initial = const crate::protocol::INITIAL,
);

/// The own thread's initialised word, and its zeroed one.
pub fn read() -> [u64; 2] {
    let (initialised, zeroed);
    // SAFETY: whoever started the thread gave it its copy of both words.
    unsafe {
        asm!(
            "mov {0}, qword ptr fs:[a9n_initialised@tpoff]",
            "mov {1}, qword ptr fs:[a9n_zeroed@tpoff]",
            out(reg) initialised,
            out(reg) zeroed,
            options(nostack, readonly, preserves_flags),
        );
    }
    [initialised, zeroed]
}

/// Adds to the zeroed word.
pub fn add(amount: u64) {
    // SAFETY: as for `read`; only this module knows the word.
    unsafe {
        asm!("add qword ptr fs:[a9n_zeroed@tpoff], {0}", in(reg) amount, options(nostack));
    }
}
