//! Simulated physical memory with a map of the objects in it.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::hash::{BuildHasher, Hasher};
use std::ptr::NonNull;

use a9n_hal::{KernelAddress, PhysicalAddress};
use foldhash::quality::FixedState;

use crate::claims::{Change, Claims};
use crate::history::{CHUNK, History};

/// Physical address of the first byte of simulated memory.
pub const BASE: u64 = 0x20_0000;

/// What memory holds that nobody has written to, and that of an object which is gone.
const RUBBISH: u8 = 0xa9;

/// Alignment of the memory behind it, so that simulated alignment is real alignment.
const ALIGNMENT: usize = 0x20_0000;

/// Memory from [`BASE`] on.
#[derive(Debug)]
pub struct SimMemory {
    start: NonNull<u8>,
    bytes: usize,
    claims: Claims,
    history: History,
}

impl SimMemory {
    /// `bytes` bytes of memory full of a pattern that is no valid anything.
    pub fn new(bytes: usize) -> Self {
        assert!(bytes > 0 && bytes.is_multiple_of(CHUNK), "a machine needs memory");
        let layout = Self::layout(bytes);
        // SAFETY: the layout has a size other than 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("host out of memory");
        // SAFETY: `start` is valid for `bytes` bytes.
        unsafe { start.write_bytes(RUBBISH, bytes) };
        Self { start, bytes, claims: Claims::new(bytes), history: History::new(bytes) }
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, ALIGNMENT).expect("a sensible size")
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All content, as it is at this moment.
    fn content(&self) -> &[u8] {
        // SAFETY: the memory is valid for `bytes` bytes; objects in it consist of cells, and
        // nobody writes while the slice is looked at, since the machine is on one thread.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    fn chunk(&self, number: usize) -> &[u8] {
        &self.content()[number * CHUNK..][..CHUNK]
    }

    /// A copy of all content.
    pub fn snapshot(&self) -> Vec<u8> {
        self.content().to_vec()
    }

    /// A user process stores `value` into a page that is no kernel object.
    pub fn store_word(&self, address: PhysicalAddress, value: u64) {
        let overlap = self.claims.overlapping(address.0 - BASE, 8);
        assert!(overlap.is_none(), "users never reach kernel objects");
        self.set_word(address, value);
    }

    /// A copy of the content of `[start, end)`.
    pub fn bytes_at(&self, start: u64, end: u64) -> Vec<u8> {
        self.content()[(start - BASE) as usize..(end - BASE) as usize].to_vec()
    }

    /// Whether `[start, end)` holds nothing but zero.
    pub fn is_zero(&self, start: u64, end: u64) -> bool {
        let content = &self.content()[(start - BASE) as usize..(end - BASE) as usize];
        content.chunks(64).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
    }

    /// Objects that live at this moment: address and length.
    pub fn objects(&self) -> Vec<(u64, u64)> {
        let objects = self.claims.objects();
        objects.into_iter().map(|(at, bytes)| (BASE + at, bytes)).collect()
    }

    /// Whether an object of `bytes` bytes lives at `address`.
    pub fn has_object(&self, address: u64, bytes: u64) -> bool {
        address >= BASE && self.claims.length_at(address - BASE) == Some(bytes)
    }

    pub(crate) fn mark(&self) {
        self.history.mark();
    }

    pub(crate) fn rewind(&self) {
        let restore = |chunk: usize, content: &[u8]| {
            // SAFETY: the chunk lies in the memory; objects in it consist of cells, and no
            // reference to one that is not there any more is left.
            unsafe {
                let to = self.start.add(chunk * CHUNK).as_ptr();
                to.copy_from_nonoverlapping(content.as_ptr(), content.len());
            }
        };
        self.history.rewind(restore, |change| self.claims.apply(change));
    }

    pub(crate) fn unmark(&self) {
        self.history.unmark();
    }

    /// Whether the content is that at the last mark, but for `length` bytes at `address`. There is
    /// one mark.
    pub fn is_unchanged(&self, address: u64, length: usize) -> bool {
        let spared = (address - BASE) as usize..(address - BASE) as usize + length;
        let mut unchanged = true;
        self.history.touched(|chunk, before| {
            let now = self.chunk(chunk).iter().zip(before);
            unchanged &= (chunk * CHUNK..)
                .zip(now)
                .all(|(at, (now, before))| now == before || spared.contains(&at));
        });
        unchanged
    }

    /// A number for what differs from the content at the first mark; 0 if nothing does.
    pub fn difference(&self) -> u64 {
        let mut sum = 0u64;
        self.history.touched(|chunk, before| {
            let now = self.chunk(chunk);
            if now != before {
                let mut hasher = FixedState::default().build_hasher();
                hasher.write_usize(chunk);
                hasher.write(now);
                sum = sum.wrapping_add(hasher.finish());
            }
        });
        sum
    }

    /// Where simulated `address` is on the host.
    ///
    /// # Panics
    /// If the range leaves the memory.
    fn pointer(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let address = address.0.get();
        let end = address.checked_add(bytes as u64).expect("address wraps");
        assert!(
            address >= BASE && end <= BASE + self.bytes as u64,
            "access to {address:#x}..{end:#x} outside of memory"
        );
        let offset = (address - BASE) as usize;
        self.history.touch(offset, bytes, |chunk| self.chunk(chunk));
        // SAFETY: the offset was just checked to lie inside the allocation.
        unsafe { self.start.add(offset) }
    }

    /// Like `pointer`, inside one living object.
    pub(crate) fn object(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let start = address.0.get();
        let inside = start >= BASE && self.claims.is_inside(start - BASE, bytes as u64);
        assert!(inside, "access to {start:#x}, {bytes} bytes, where no object lives");
        self.pointer(address, bytes)
    }

    /// Like `pointer`, where no object lives.
    pub(crate) fn plain(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        let pointer = self.pointer(address, bytes);
        let start = address.0.get();
        let overlap = self.claims.overlapping(start - BASE, bytes as u64);
        assert!(overlap.is_none(), "access to {start:#x}, {bytes} bytes, hits an object");
        pointer
    }

    pub(crate) fn claim(&self, address: KernelAddress, bytes: usize) {
        self.pointer(address, bytes);
        let at = address.0.get() - BASE;
        if let Some(other) = self.claims.overlapping(at, bytes as u64) {
            let other = BASE + other;
            panic!("object at {address:x?}, {bytes} bytes, overlaps the one at {other:#x}");
        }
        self.change(Change::Claimed { at, bytes: bytes as u64 });
    }

    pub(crate) fn release(&self, address: KernelAddress, bytes: usize) {
        let gone = self.claims.beginning_in(address.0.get() - BASE, bytes as u64);
        assert!(!gone.is_empty(), "no object to be destroyed at {address:x?}");
        gone.into_iter().for_each(|(at, bytes)| self.change(Change::Released { at, bytes }));
        // SAFETY: the range lies in the memory, and is no object any more.
        unsafe { self.pointer(address, bytes).write_bytes(RUBBISH, bytes) };
    }

    fn change(&self, change: Change) {
        self.claims.apply(change);
        self.history.note(change);
    }

    /// Reads a word, wherever it is.
    pub(crate) fn word(&self, address: PhysicalAddress) -> u64 {
        assert_eq!(address.0 % 8, 0, "misaligned word");
        let at = (address.0 - BASE) as usize;
        let bytes = self.content()[at..].first_chunk().expect("a word inside of memory");
        u64::from_ne_bytes(*bytes)
    }

    /// Writes a word, wherever it is.
    pub(crate) fn set_word(&self, address: PhysicalAddress, value: u64) {
        assert_eq!(address.0 % 8, 0, "misaligned word");
        let place = std::num::NonZeroU64::new(address.0).expect("not null");
        let pointer = self.pointer(KernelAddress(place), 8).as_ptr().cast::<u64>();
        // SAFETY: `pointer` lies in the memory and is aligned; no reference to such a word exists.
        unsafe { pointer.write_volatile(value) };
    }
}

impl Drop for SimMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`, and nobody refers to it any more.
        unsafe { dealloc(self.start.as_ptr(), Self::layout(self.bytes)) };
    }
}
