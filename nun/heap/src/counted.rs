//! A heap that knows how much of it is used: for programs that have to refuse work before it is used up.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

use talc::TalcLock;
use talc::source::GlobalAllocSource;

use crate::{Heap, Pages};

/// A [`Heap`], to be the `#[global_allocator]` of a program, that counts.
pub struct Counted {
    heap: Heap,
    used: AtomicUsize,
}

impl Counted {
    /// One without memory, which will grow by blocks of at least `bytes` bytes. Until [`start`](crate::start) every
    /// allocation fails.
    pub const fn growing_by(bytes: usize) -> Self {
        let pages = GlobalAllocSource::with_block_size(Pages, bytes);
        Self { heap: TalcLock::new(pages), used: AtomicUsize::new(0) }
    }

    /// Bytes that are allocated. What the heap itself needs for that comes on top.
    #[inline]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

// SAFETY: what is asked goes to the heap as it is, and its answers come back so.
unsafe impl GlobalAlloc for Counted {
    // SAFETY: the caller promises a layout of some bytes.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let place = unsafe { self.heap.alloc(layout) };
        if !place.is_null() {
            self.used.fetch_add(layout.size(), Ordering::Relaxed);
        }
        place
    }

    // SAFETY: the caller gives back what `alloc` answered, with its layout.
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.heap.dealloc(start, layout) }
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
    }
}
