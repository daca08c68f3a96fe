//! A program's heap: `talc` on pages that are mapped when it asks for them.
//!
//! It has memory of its own, a quota, and grows and shrinks within it by whole blocks:
//!
//! ```ignore
//! extern crate alloc;
//!
//! #[global_allocator]
//! static HEAP: nun_heap::Heap = nun_heap::empty();
//!
//! fn main(init: &'static InitInfo) -> Result<(), Error> {
//!     let mut resources = Resources::new(init);
//!     nun_heap::start(HeapMemory::new(&mut resources, 24)?);
//!     let list = alloc::vec![1, 2, 3];
//! }
//! ```
//!
//! The first block holds its books and is never given back. Threads that share it wait for each other by yielding, so they need the same priority.
//!
//! It is a crate of its own because a program that links `alloc` has to have an allocator.

#![no_std]

mod counted;
mod inside;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;

use nun::abi::boot::PAGE_BYTES;
use nun::lock::{Mutex, YieldingLock};
use nun::memory::HeapMemory;
use talc::TalcLock;
use talc::source::GlobalAllocSource;

pub use counted::Counted;
pub use inside::Inside;

/// By how many bytes it grows at least.
const BLOCK_BYTES: usize = 256 * 1024;

/// A program's heap, to be its `#[global_allocator]`.
pub type Heap = TalcLock<YieldingLock, GlobalAllocSource<Pages>>;

/// One without memory. Until [`start`] every allocation fails.
pub const fn empty() -> Heap {
    TalcLock::new(GlobalAllocSource::with_block_size(Pages, BLOCK_BYTES))
}

/// Gives the program's heap its memory; once, and for good.
pub fn start(memory: HeapMemory) {
    MEMORY.lock().get_or_insert(memory);
}

/// Bytes that the program's heap has not taken from its memory.
pub fn reserve() -> u64 {
    MEMORY.lock().as_ref().map_or(0, HeapMemory::free_bytes)
}

/// What the heap takes its blocks from. There is one heap in a program.
static MEMORY: Mutex<Option<HeapMemory>> = Mutex::new(None);

/// The blocks that a heap grows by.
#[derive(Debug)]
pub struct Pages;

// SAFETY: `alloc` answers pages that were just mapped, readable and writable, where nothing else is
// mapped until `dealloc` unmaps them.
unsafe impl GlobalAlloc for Pages {
    // SAFETY: nothing is asked of the caller: a layout of no bytes is a refusal.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let pages = (layout.size() as u64).div_ceil(PAGE_BYTES);
        let mut memory = MEMORY.lock();
        let mapped = memory.as_mut().and_then(|memory| memory.map(pages).ok());
        mapped.map_or(ptr::null_mut(), |address| address as *mut u8)
    }

    // SAFETY: the caller gives back what `alloc` answered.
    unsafe fn dealloc(&self, start: *mut u8, _layout: Layout) {
        if let Some(memory) = MEMORY.lock().as_mut() {
            // What cannot be unmapped stays mapped, and is lost to the heap.
            let _ = memory.unmap(start.addr() as u64);
        }
    }
}
