//! Memory at boot: what is cut off for init's kernel objects, and which pieces of the rest init gets.

use a9n_abi::boot::{MemoryKind as RegionKind, MemoryRegion, Module};
use a9n_abi::init::INIT_GENERICS;
use a9n_hal::PhysicalAddress;
use a9n_store::MemoryKind;

use super::{Boot, BootError, PAGE_BITS, PAGE_BYTES};
use crate::generic::MAXIMUM_SIZE_BITS;

/// Cuts objects off the front of a region.
pub(super) struct Carver {
    pub(super) next: u64,
    pub(super) end: u64,
}

impl Carver {
    /// 2^`bits` bytes, aligned to as many.
    pub(super) fn take(&mut self, bits: u32) -> Result<PhysicalAddress, BootError> {
        let bytes = 1u64.checked_shl(bits).ok_or(BootError::NotEnoughMemory)?;
        let start = self.next.checked_add(bytes.wrapping_sub(1)).map(|end| end & !(bytes - 1));
        let start = start.ok_or(BootError::NotEnoughMemory)?;
        let end = start.checked_add(bytes).ok_or(BootError::NotEnoughMemory)?;
        if end > self.end {
            return Err(BootError::NotEnoughMemory);
        }
        self.next = end;
        Ok(PhysicalAddress(start))
    }
}

/// Naturally aligned powers of two that make up a stretch of memory, ascending.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Iterator for Pieces {
    /// Address and logarithm of the size.
    type Item = (u64, u8);

    fn next(&mut self) -> Option<(u64, u8)> {
        let length = self.end.checked_sub(self.start)?;
        let bits = length.checked_ilog2()?.min(self.start.trailing_zeros());
        let bits = bits.min(u32::from(MAXIMUM_SIZE_BITS));
        let address = self.start;
        self.start = address.wrapping_add(1 << (bits & 63));
        Some((address, bits as u8))
    }
}

/// First address past a region.
pub(super) fn region_end(region: &MemoryRegion) -> u64 {
    region.start.wrapping_add(region.pages << PAGE_BITS)
}

/// The pages of a module.
pub(super) fn module_pieces(module: &Module) -> Pieces {
    let end = module.address.wrapping_add(module.bytes).wrapping_add(PAGE_BYTES - 1);
    Pieces { start: module.address, end: end & !(PAGE_BYTES - 1) }
}

/// Address, size and kind of every Generic of init; `[start, used_up_to)` is in use.
pub(super) fn generics<'a>(
    boot: &'a Boot<'a>,
    start: u64,
    used_up_to: u64,
) -> impl Iterator<Item = (u64, u8, MemoryKind)> + 'a {
    // Of a memory map in many pieces the smallest are left out, so that all large ones fit.
    let listed = |bits: u8| {
        pieces(boot, start, used_up_to).filter(move |(_, size_bits, _)| *size_bits >= bits)
    };
    let smallest = (PAGE_BITS as u8..MAXIMUM_SIZE_BITS)
        .find(|bits| listed(*bits).count() <= INIT_GENERICS)
        .unwrap_or(MAXIMUM_SIZE_BITS);
    listed(smallest).take(INIT_GENERICS)
}

/// Address, size and kind of every piece of memory that is not in use.
fn pieces<'a>(
    boot: &'a Boot<'a>,
    start: u64,
    used_up_to: u64,
) -> impl Iterator<Item = (u64, u8, MemoryKind)> + 'a {
    boot.memory
        .iter()
        .filter_map(move |region| {
            let kind = match RegionKind::from_number(region.kind)? {
                RegionKind::Usable | RegionKind::Loader => MemoryKind::Ordinary,
                RegionKind::Device | RegionKind::AcpiTables => MemoryKind::Device,
                _ => return None,
            };
            let first = if region.start == start { used_up_to } else { region.start };
            // Address 0 cannot be told from no address.
            Some((Pieces { start: first.max(PAGE_BYTES), end: region_end(region) }, kind))
        })
        .flat_map(|(pieces, kind)| pieces.map(move |(address, bits)| (address, bits, kind)))
}
