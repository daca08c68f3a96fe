//! Memory that devices reach.
//!
//! One physically contiguous frame, of which pages are handed out. Its physical addresses are known
//! to whoever has the right `DMA` for it; a device that masters the bus is trusted with all memory
//! all the same, as long as there is no IOMMU.

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use nun::lock::Mutex;
use nun::mapped::Mapped;
use nun::memory::{Maker, Piece, Space};
use nun::{Access, Error, Frame};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Most pages of a pool.
const PAGES: usize = 1024;

/// Pages that a driver shares with its device.
#[derive(Debug)]
pub struct DmaPool {
    address: usize,
    physical: u64,
    pages: usize,
    /// Whether each is handed out.
    used: [bool; PAGES],
}

impl DmaPool {
    /// `pages` pages, at most 1024, at `address` and at `physical`.
    ///
    /// # Safety
    /// As long as the pool is used, they are mapped there, readable and writable, and nobody else
    /// uses them.
    pub const unsafe fn new(address: usize, physical: u64, pages: usize) -> Self {
        Self {
            address,
            physical,
            pages: if pages < PAGES { pages } else { PAGES },
            used: [false; PAGES],
        }
    }

    /// `pages` pages at `physical`, which whoever started this driver has mapped for it, writable and
    /// for it alone, at `address` in the [workspace](nun::aci::WORKSPACE_ADDRESS). By convention no Rust
    /// object lies there.
    pub fn in_workspace(address: u64, physical: u64, pages: usize) -> Self {
        let mapped = Mapped::in_workspace(address, (pages * PAGE_SIZE) as u64);
        // SAFETY: it lies in the workspace; what is not mapped there faults.
        unsafe { Self::new(mapped.address() as usize, physical, pages) }
    }

    /// Makes a frame of 2^`size_bits` bytes and maps it in the caller's own address space `space`, for good.
    /// What it is made from must have the right `DMA`.
    pub fn map<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        size_bits: u8,
    ) -> Result<Self, Error> {
        let frame: Frame = maker.make(size_bits)?;
        let pages = (1u64 << size_bits) / PAGE_SIZE as u64;
        let mapped = frame.address().and_then(|physical| {
            let address = space.reserve(pages, 12)?;
            let access = Access::READ | Access::WRITE;
            let mapped = space.map(maker, &[Piece { address, frame, offset: 0, pages, access }]);
            if mapped.is_err() {
                space.release(maker, address)?;
            }
            mapped.map(|()| (address, physical))
        });
        match mapped {
            Ok((address, physical)) => {
                // SAFETY: the frame is new, was just mapped there, and nobody knows of it to unmap it.
                Ok(unsafe { Self::new(address as usize, physical, pages as usize) })
            }
            Err(error) => {
                maker.discard(frame)?;
                Err(error)
            }
        }
    }

    /// `pages` consecutive pages, all zero: their physical address and where they are mapped.
    pub fn allocate(&mut self, pages: usize) -> Option<(u64, NonNull<u8>)> {
        let last = self.pages.checked_sub(pages)?;
        let first = (0..=last).find(|first| !self.used[*first..first + pages].contains(&true))?;
        self.used[first..first + pages].fill(true);
        let start = NonNull::new((self.address + first * PAGE_SIZE) as *mut u8)?;
        // SAFETY: the pages lie in the pool, and nobody else has them.
        unsafe { start.write_bytes(0, pages * PAGE_SIZE) };
        Some((self.physical + (first * PAGE_SIZE) as u64, start))
    }

    /// Takes back `pages` pages at physical `address`.
    pub fn free(&mut self, address: u64, pages: usize) {
        let first = (address.wrapping_sub(self.physical) as usize) / PAGE_SIZE;
        self.used.iter_mut().skip(first).take(pages).for_each(|page| *page = false);
    }

    /// Pages that are not handed out.
    pub fn free_pages(&self) -> usize {
        self.used.iter().take(self.pages).filter(|used| !**used).count()
    }

    /// Physical address of what lies at `address`, if all of its `bytes` bytes are the pool's.
    fn physical(&self, address: usize, bytes: usize) -> Option<u64> {
        let offset = address.checked_sub(self.address)?;
        let inside = offset.checked_add(bytes)? <= self.pages * PAGE_SIZE;
        inside.then_some(self.physical + offset as u64)
    }

    /// Makes it the pool that [`SharedDma`] stands for, unless there is one already.
    pub fn install(self) {
        POOL.lock().get_or_insert(self);
    }
}

/// The program's pool.
static POOL: Mutex<Option<DmaPool>> = Mutex::new(None);

/// Pages of the installed pool: memory that driver and device share.
#[derive(Debug)]
pub struct DmaBuffer {
    physical: u64,
    start: NonNull<u8>,
    pages: usize,
    /// Bytes that are used, of those of the pages.
    bytes: usize,
}

// SAFETY: it is the only one that names its pages, and they belong to the whole program.
unsafe impl Send for DmaBuffer {}

impl DmaBuffer {
    /// `pages` pages, all zero; `None` if the pool has no so many in a row.
    pub fn new(pages: usize) -> Option<Self> {
        let (physical, start) = POOL.lock().as_mut()?.allocate(pages)?;
        Some(Self { physical, start, pages, bytes: pages * PAGE_SIZE })
    }

    /// Only the first `bytes` bytes of it, for a transfer that is no whole number of pages.
    pub fn shortened(mut self, bytes: usize) -> Self {
        self.bytes = bytes.min(self.bytes);
        self
    }

    /// Its physical address.
    pub const fn physical(&self) -> u64 {
        self.physical
    }
}

impl Deref for DmaBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the pages are mapped and this buffer's alone. That no device writes to them at this
        // moment is what whoever tells a device their address sees to, by keeping the buffer.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for DmaBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for DmaBuffer {
    fn drop(&mut self) {
        if let Some(pool) = POOL.lock().as_mut() {
            pool.free(self.physical, self.pages);
        }
    }
}

/// The pool that was [installed](DmaPool::install), as the drivers of `virtio-drivers` want it.
///
/// Buffers that lie in the pool are shared as they are; others go through pages of the pool that
/// they are copied to and from.
#[derive(Debug)]
pub struct SharedDma;

// SAFETY: pages come from the pool: they are mapped, zero, aligned, and nobody else's.
unsafe impl Hal for SharedDma {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let pages = POOL.lock().as_mut().and_then(|pool| pool.allocate(pages));
        // Physical address 0 says that there is none.
        pages.unwrap_or((0, NonNull::dangling()))
    }

    // SAFETY: the caller gives back what it was given; the pool keeps its books by page.
    unsafe fn dma_dealloc(address: PhysAddr, _mapped: NonNull<u8>, pages: usize) -> i32 {
        if let Some(pool) = POOL.lock().as_mut() {
            pool.free(address, pages);
        }
        0
    }

    // SAFETY: nothing is asked of the caller, who gets nothing either.
    unsafe fn mmio_phys_to_virt(address: PhysAddr, _bytes: usize) -> NonNull<u8> {
        // Only the transport of that crate asks, in whose place there is our own.
        panic!("registers at {address:#x} are to be mapped by whoever has the frame")
    }

    // SAFETY: the caller promises that the buffer is valid, and nobody else's during the call.
    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let bytes = buffer.len();
        let mut pool = POOL.lock();
        let pool = pool.as_mut().expect("a driver installs its pool first");
        if let Some(physical) = pool.physical(buffer.addr().get(), bytes) {
            return physical;
        }
        let pages = bytes.div_ceil(PAGE_SIZE);
        let (physical, copy) = pool.allocate(pages).expect("the pool is large enough");
        if direction != BufferDirection::DeviceToDriver {
            // SAFETY: the caller promises that the buffer can be read; the copy is new and as long.
            unsafe { copy.copy_from_nonoverlapping(buffer.cast(), bytes) };
        }
        physical
    }

    // SAFETY: as for `share`, and that `address` is what that answered.
    unsafe fn unshare(address: PhysAddr, buffer: NonNull<[u8]>, direction: BufferDirection) {
        let bytes = buffer.len();
        let mut pool = POOL.lock();
        let Some(pool) = pool.as_mut() else { return };
        if pool.physical(buffer.addr().get(), bytes).is_some() {
            return;
        }
        let offset = (address - pool.physical) as usize;
        if direction != BufferDirection::DriverToDevice
            && let Some(copy) = NonNull::new((pool.address + offset) as *mut u8)
        {
            // SAFETY: the caller promises that the buffer can be written; `share` made the copy.
            unsafe { buffer.cast().copy_from_nonoverlapping(copy, bytes) };
        }
        pool.free(address, bytes.div_ceil(PAGE_SIZE));
    }
}
