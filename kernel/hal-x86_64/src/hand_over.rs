//! Taking over what the loader hands to the kernel (see [`a9n_abi::boot`]).

use core::{ptr, slice};

use a9n_abi::ABI_HASH;
use a9n_abi::boot::{BOOT_MAGIC, BOOT_VERSION, BootInfo, InitSegment, MemoryRegion, Module, Span};

use crate::boot_error::BootError;

/// The boot information and the arrays that it names, as the kernel sees them.
pub struct HandOver {
    /// The structure itself.
    pub info: BootInfo,
    /// Memory that is the portable kernel's to give away, and all the rest.
    pub memory: &'static [MemoryRegion],
    /// Segments of the first user program.
    pub segments: &'static [InitSegment],
    /// Files for the first user program.
    pub modules: &'static [Module],
    /// The command line, as bytes.
    pub command_line: &'static [u8],
}

/// Whether `info` is one that this kernel understands.
pub fn check(info: &BootInfo) -> Result<(), BootError> {
    if info.magic != BOOT_MAGIC {
        return Err(BootError::NotBootInformation);
    }
    if info.version != BOOT_VERSION || (info.bytes as usize) < size_of::<BootInfo>() {
        return Err(BootError::Version(info.version));
    }
    if info.abi_hash != ABI_HASH {
        return Err(BootError::AbiHash(info.abi_hash));
    }
    Ok(())
}

/// The array that `span` names, seen at `window` + physical address.
///
/// # Safety
/// `span` is one that the loader gave for elements of type `T`, its memory is mapped there, and
/// nobody writes to it as long as the result is used.
pub unsafe fn array<'a, T>(span: Span, window: u64) -> &'a [T] {
    if span.count == 0 {
        return &[];
    }
    let first = ptr::with_exposed_provenance((window + span.address) as usize);
    // SAFETY: the caller's promise; the loader aligns what it names.
    unsafe { slice::from_raw_parts(first, span.count as usize) }
}

/// The memory map that `span` names, to be changed.
///
/// # Safety
/// As for [`array()`], and there is no other reference to it while the result lives.
pub unsafe fn memory_map(span: Span, window: u64) -> &'static mut [MemoryRegion] {
    if span.count == 0 {
        return &mut [];
    }
    let first = ptr::with_exposed_provenance_mut((window + span.address) as usize);
    // SAFETY: the caller's promise; the loader aligns what it names.
    unsafe { slice::from_raw_parts_mut(first, span.count as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> BootInfo {
        BootInfo {
            magic: BOOT_MAGIC,
            version: BOOT_VERSION,
            bytes: size_of::<BootInfo>() as u32,
            abi_hash: ABI_HASH,
            ..BootInfo::default()
        }
    }

    #[test]
    fn only_our_own_boot_information_is_taken() {
        assert!(check(&good()).is_ok());
        let spoiled = |spoil: fn(&mut BootInfo)| {
            let mut info = good();
            spoil(&mut info);
            check(&info)
        };
        assert_eq!(spoiled(|info| info.magic = 0), Err(BootError::NotBootInformation));
        assert_eq!(spoiled(|info| info.version = 9), Err(BootError::Version(9)));
        assert_eq!(spoiled(|info| info.bytes = 8), Err(BootError::Version(BOOT_VERSION)));
        assert_eq!(spoiled(|info| info.abi_hash = 5), Err(BootError::AbiHash(5)));
    }

    #[test]
    fn an_array_is_seen_through_the_window() {
        let words = [7u64, 8, 9];
        let span = Span { address: (&raw const words).expose_provenance() as u64 - 64, count: 3 };
        // SAFETY: the words live longer than the result is used.
        let seen: &[u64] = unsafe { array(span, 64) };
        assert_eq!(seen, words);
        // SAFETY: there is nothing to be seen.
        let empty: &[u64] = unsafe { array(Span::default(), 0) };
        assert!(empty.is_empty());
    }
}
