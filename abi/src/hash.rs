//! The ABI hash: one number that changes whenever the interface does.
//!
//! Every A9N program carries it in an ELF note; loader and kernel compare it before they run
//! anything, so that mixed builds are refused with a message instead of failing strangely.

/// Vendor name in the ELF note.
pub const NOTE_NAME: &str = "A9N";

/// Type of the ELF note that holds the ABI hash as a little-endian 64-bit word.
pub const NOTE_ABI_HASH: u32 = 1;

/// FNV-1a over bytes (Fowler, Noll, Vo; draft-eastlake-fnv), continued from `state`.
pub const fn fnv1a(mut state: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        state ^= bytes[i] as u64;
        state = state.wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    state
}

/// Initial state of [`fnv1a`].
pub const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// An ELF note with the ABI hash (ELF-64 object file format, section "Note Section").
#[repr(C, align(4))]
pub struct AbiNote {
    name_bytes: u32,
    description_bytes: u32,
    kind: u32,
    name: [u8; 4],
    hash: [u8; 8],
}

impl AbiNote {
    /// The note for this build of the interface.
    pub const CURRENT: Self = Self {
        name_bytes: 4,
        description_bytes: 8,
        kind: NOTE_ABI_HASH,
        name: *b"A9N\0",
        hash: crate::ABI_HASH.to_le_bytes(),
    };
}

/// Places the ABI note into the program that uses it. Once per program, at module level;
/// the linker script or the linker's defaults turn section `.note.a9n` into a `PT_NOTE`.
#[macro_export]
macro_rules! abi_note {
    () => {
        #[used]
        #[unsafe(link_section = ".note.a9n")]
        static A9N_ABI_NOTE: $crate::AbiNote = $crate::AbiNote::CURRENT;
    };
}
