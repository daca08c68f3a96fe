//! A heap within the program itself: for processes that have no memory to allocate from but what their
//! programs contain.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use nun::lock::YieldingLock;
use talc::TalcLock;
use talc::source::Manual;

/// The books of the program's one such heap. They are apart from its memory, which is all zero and so
/// takes no room in the program's file.
static BOOKS: TalcLock<YieldingLock, Manual> = TalcLock::new(Manual);

/// A heap of `BYTES` bytes, to be the `#[global_allocator]` of a program. There is one in a program.
#[repr(C, align(4096))]
pub struct Inside<const BYTES: usize> {
    memory: UnsafeCell<[u8; BYTES]>,
    claimed: AtomicBool,
}

impl<const BYTES: usize> Inside<BYTES> {
    /// One of which nothing is used.
    #[expect(clippy::new_without_default, reason = "it can only be a static")]
    pub const fn new() -> Self {
        Self { memory: UnsafeCell::new([0; BYTES]), claimed: AtomicBool::new(false) }
    }
}

// SAFETY: the memory is reached through the allocator alone, which has a lock.
unsafe impl<const BYTES: usize> Sync for Inside<BYTES> {}

// SAFETY: memory comes from `talc`, which is given the array once, under its lock, and for good: a
// global allocator is a static.
unsafe impl<const BYTES: usize> GlobalAlloc for Inside<BYTES> {
    // SAFETY: the caller promises a layout of some bytes.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut books = BOOKS.lock();
        if !self.claimed.swap(true, Ordering::Relaxed) {
            // SAFETY: nobody else has the array; from here on it is the allocator's.
            unsafe { books.claim(self.memory.get().cast(), BYTES) };
        }
        // SAFETY: the caller's promise.
        let place = unsafe { books.allocate(layout) };
        place.map_or(ptr::null_mut(), ptr::NonNull::as_ptr)
    }

    // SAFETY: the caller gives back what `alloc` answered, with its layout.
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let mut books = BOOKS.lock();
        // SAFETY: the caller's promise.
        unsafe { books.deallocate(start, layout) }
    }
}
