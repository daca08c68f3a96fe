//! Simulated physical memory with a map of the objects in it.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use a9n_hal::{KernelAddress, PhysicalAddress};

/// Physical address of the first byte of simulated memory.
pub const BASE: u64 = 0x20_0000;

/// Alignment of the memory behind it, so that simulated alignment is real alignment.
const ALIGNMENT: usize = 0x20_0000;

/// Memory from [`BASE`] on.
#[derive(Debug)]
pub struct SimMemory {
    start: NonNull<u8>,
    bytes: usize,
    /// Objects by address, with their length.
    claims: RefCell<BTreeMap<u64, u64>>,
}

impl SimMemory {
    /// `bytes` bytes of memory full of a pattern that is no valid anything.
    pub fn new(bytes: usize) -> Self {
        assert!(bytes > 0, "a machine needs memory");
        let layout = Self::layout(bytes);
        // SAFETY: the layout has a size other than 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("host out of memory");
        // SAFETY: `start` is valid for `bytes` bytes.
        unsafe { start.write_bytes(0xa9, bytes) };
        Self { start, bytes, claims: RefCell::default() }
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, ALIGNMENT).expect("a sensible size")
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A copy of all content.
    pub fn snapshot(&self) -> Vec<u8> {
        // SAFETY: the memory is valid for `bytes` bytes; objects in it consist of cells, and
        // nobody writes during the copy, since the machine is on one thread.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }.to_vec()
    }

    /// A user process stores `value` into a page that is no kernel object.
    pub fn store_word(&self, address: PhysicalAddress, value: u64) {
        assert!(self.overlapping(address.0, 8).is_none(), "users never reach kernel objects");
        self.set_word(address, value);
    }

    /// Copies all content to `copy`.
    pub fn save(&self, copy: &mut Vec<u8>) {
        copy.clear();
        // SAFETY: as for `snapshot`.
        copy.extend_from_slice(unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.bytes)
        });
    }

    /// Whether the content is that of `copy`, but for `length` bytes at `address`.
    pub fn is_still(&self, copy: &[u8], address: u64, length: usize) -> bool {
        // SAFETY: as for `snapshot`.
        let content = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) };
        let (start, end) = ((address - BASE) as usize, (address - BASE) as usize + length);
        content[..start] == copy[..start] && content[end..] == copy[end..]
    }

    /// A copy of the content of `[start, end)`.
    pub fn bytes_at(&self, start: u64, end: u64) -> Vec<u8> {
        let address = KernelAddress(std::num::NonZeroU64::new(start).expect("not null"));
        let pointer = self.pointer(address, (end - start) as usize);
        // SAFETY: as for `snapshot`; `pointer` checked the range.
        unsafe { std::slice::from_raw_parts(pointer.as_ptr(), (end - start) as usize) }.to_vec()
    }

    /// Objects that live at this moment: address and length.
    pub fn objects(&self) -> Vec<(u64, u64)> {
        self.claims.borrow().iter().map(|(address, bytes)| (*address, *bytes)).collect()
    }

    /// Where simulated `address` is on the host.
    ///
    /// # Panics
    /// If the range leaves the memory, or touches an object without lying inside it.
    pub(crate) fn pointer(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let address = address.0.get();
        let end = address.checked_add(bytes as u64).expect("address wraps");
        assert!(
            address >= BASE && end <= BASE + self.bytes as u64,
            "access to {address:#x}..{end:#x} outside of memory"
        );
        // SAFETY: the offset was just checked to lie inside the allocation.
        unsafe { self.start.add((address - BASE) as usize) }
    }

    /// Like `pointer`, inside one living object.
    pub(crate) fn object(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let start = address.0.get();
        let claims = self.claims.borrow();
        let inside = claims
            .range(..=start)
            .next_back()
            .is_some_and(|(at, length)| start + bytes as u64 <= at + length);
        assert!(inside, "access to {start:#x}, {bytes} bytes, where no object lives");
        self.pointer(address, bytes)
    }

    /// Like `pointer`, where no object lives.
    pub(crate) fn plain(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let start = address.0.get();
        let overlap = self.overlapping(start, bytes as u64);
        assert!(overlap.is_none(), "access to {start:#x}, {bytes} bytes, hits an object");
        self.pointer(address, bytes)
    }

    fn overlapping(&self, start: u64, bytes: u64) -> Option<u64> {
        let claims = self.claims.borrow();
        let (at, length) = claims.range(..start + bytes).next_back()?;
        (at + length > start).then_some(*at)
    }

    pub(crate) fn claim(&self, address: KernelAddress, bytes: usize) {
        let start = address.0.get();
        if let Some(other) = self.overlapping(start, bytes as u64) {
            panic!("object at {start:#x}, {bytes} bytes, overlaps the one at {other:#x}");
        }
        self.claims.borrow_mut().insert(start, bytes as u64);
    }

    pub(crate) fn release(&self, address: KernelAddress, bytes: usize) {
        let start = address.0.get();
        let end = start + bytes as u64;
        let mut claims = self.claims.borrow_mut();
        let gone: Vec<u64> = claims.range(start..end).map(|(at, _)| *at).collect();
        assert!(!gone.is_empty(), "no object to be destroyed at {start:#x}");
        for at in gone {
            claims.remove(&at);
        }
    }

    /// Reads a word, wherever it is.
    pub(crate) fn word(&self, address: PhysicalAddress) -> u64 {
        // SAFETY: `checked` points into the memory; it is aligned, since tables are.
        unsafe { self.checked(address).read_volatile() }
    }

    /// Writes a word, wherever it is.
    pub(crate) fn set_word(&self, address: PhysicalAddress, value: u64) {
        // SAFETY: as for `word`; no reference to table words exists.
        unsafe { self.checked(address).write_volatile(value) };
    }

    fn checked(&self, address: PhysicalAddress) -> *mut u64 {
        assert_eq!(address.0 % 8, 0, "misaligned word");
        let address = std::num::NonZeroU64::new(address.0).expect("not null");
        self.pointer(KernelAddress(address), 8).as_ptr().cast()
    }
}

impl Drop for SimMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`, and nobody refers to it any more.
        unsafe { dealloc(self.start.as_ptr(), Self::layout(self.bytes)) };
    }
}
