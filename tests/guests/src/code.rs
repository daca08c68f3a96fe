//! The programs of the guests: assembled with this one, run somewhere else.

/// A guest's program: `guest_code!(NAME, "label", ".code16", "hlt")`. It is copied to
/// [`CODE`](crate::guest::CODE) and has to do without absolute addresses of its own.
macro_rules! guest_code {
    ($name:ident, $label:literal, $($line:literal),+ $(,)?) => {
        core::arch::global_asm!(
            ".pushsection .rodata.guests, \"a\", @progbits",
            concat!(".globl guest_", $label),
            concat!("guest_", $label, ":"),
            $($line,)+
            ".code64",
            concat!(".globl guest_end_", $label),
            concat!("guest_end_", $label, ":"),
            ".popsection",
        );

        #[allow(non_snake_case, reason = "named as a constant, which it is but for the linker")]
        fn $name() -> &'static [u8] {
            // SAFETY: the block above defines both symbols.
            unsafe extern "C" {
                #[link_name = concat!("guest_", $label)]
                static START: u8;
                #[link_name = concat!("guest_end_", $label)]
                static END: u8;
            }
            let (start, end) = (&raw const START, &raw const END);
            // SAFETY: the bytes between the two symbols are constants of this program.
            unsafe { core::slice::from_raw_parts(start, end as usize - start as usize) }
        }
    };
}

/// Whether the processor is AMD's, or poses as one.
pub fn is_amd() -> bool {
    const OF_AUTHENTIC_AMD: u32 = u32::from_le_bytes(*b"Auth");
    core::arch::x86_64::__cpuid(0).ebx == OF_AUTHENTIC_AMD
}

/// XCR0 of the machine.
pub fn machine_extended() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: reads a register. The kernel allows it where there is one, as on all machines with
    // virtualisation.
    unsafe {
        core::arch::asm!(
            "xgetbv", in("ecx") 0, out("rax") low, out("rdx") high,
            options(nomem, nostack, preserves_flags)
        );
    }
    high << 32 | low
}

/// What the machine's own `rdtscp` tells beside the time.
pub fn machine_auxiliary() -> u64 {
    let auxiliary: u32;
    // SAFETY: reads the time. All machines with virtual CPUs have the instruction.
    unsafe {
        core::arch::asm!(
            "rdtscp", out("ecx") auxiliary, out("eax") _, out("edx") _,
            options(nomem, nostack, preserves_flags)
        );
    }
    auxiliary.into()
}
