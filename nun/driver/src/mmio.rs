//! Registers of devices that are mapped into the address space.

use core::ptr::NonNull;

use nun::abi::boot::PAGE_BYTES;
use nun::mapped::Mapped;
use nun::memory::{Maker, Piece, Space};
use nun::{Access, Error, Frame};
use safe_mmio::UniqueMmioPointer;

/// A stretch of mapped registers.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    address: usize,
    bytes: usize,
}

impl Registers {
    /// `bytes` bytes from `address` on.
    ///
    /// # Safety
    /// As long as the value or a pointer made from it is used, they are mapped as device memory,
    /// readable and writable, and hold no Rust object.
    pub const unsafe fn new(address: usize, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// `bytes` bytes of the [workspace](nun::aci::WORKSPACE_ADDRESS) from `address` on, where whoever started
    /// this driver has mapped them. By convention no Rust object lies there.
    pub fn in_workspace(address: u64, bytes: usize) -> Self {
        let mapped = Mapped::in_workspace(address, bytes as u64);
        // SAFETY: it lies in the workspace; what is not mapped there faults.
        unsafe { Self::new(mapped.address() as usize, bytes) }
    }

    /// Maps `pages` pages of the device frame `frame`, from page `offset` on, anywhere in the own
    /// address space `space`, for good.
    pub fn map<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        frame: Frame,
        (offset, pages): (u64, u64),
    ) -> Result<Self, Error> {
        let address = space.reserve(pages, 12)?;
        let access = Access::READ | Access::WRITE;
        let mapped = space.map(maker, &[Piece { address, frame, offset, pages, access }]);
        if mapped.is_err() {
            space.release(maker, address)?;
        }
        // SAFETY: it was just mapped there, as the kernel maps every device frame, and only its
        // manager could release it, who would need its address for that.
        mapped.map(|()| unsafe { Self::new(address as usize, (pages * PAGE_BYTES) as usize) })
    }

    /// Address of the first byte.
    pub const fn address(&self) -> u64 {
        self.address as u64
    }

    /// Length in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// `bytes` bytes from `offset` on; `None` if they do not lie in these.
    pub fn part(&self, offset: usize, bytes: usize) -> Option<Self> {
        let fits = offset.checked_add(bytes)? <= self.bytes;
        fits.then_some(Self { address: self.address + offset, bytes })
    }

    /// The register or block of registers `T` at `offset`; `None` if it does not lie in these, or is
    /// not aligned. `T` consists of the types in [`safe_mmio::fields`].
    ///
    /// Whoever makes several pointers to one register has to know in which order they are used: that
    /// is no question of memory safety, as every access is a volatile one.
    pub fn block<T>(&self, offset: usize) -> Option<UniqueMmioPointer<'static, T>> {
        self.slice::<T>(offset, 1).map(|slice| {
            let first = slice.ptr().cast::<T>().cast_mut();
            // SAFETY: the slice has one element, and is given up here.
            unsafe { UniqueMmioPointer::new(NonNull::new_unchecked(first)) }
        })
    }

    /// `count` equal registers from `offset` on; as [`block`](Self::block).
    pub fn slice<T>(&self, offset: usize, count: usize) -> Option<UniqueMmioPointer<'static, [T]>> {
        let part = self.part(offset, count.checked_mul(size_of::<T>())?)?;
        let first = NonNull::new(part.address as *mut T)?;
        let slice = NonNull::slice_from_raw_parts(first, count);
        // SAFETY: it lies in the stretch, which is mapped as `new` demands, and is aligned.
        first.is_aligned().then(|| unsafe { UniqueMmioPointer::new(slice) })
    }
}
