//! Memory for contents: pages that the caller provides, since he maps them for programs as well.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;

/// Number of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page(pub u32);

/// Pages. Programs may have some of them mapped and write there at any time, so they are copied from and
/// to, never referred to.
pub trait Pages {
    /// A page of zeros, held once; `None` if there is none.
    fn allocate(&mut self) -> Option<Page>;
    /// Gives back one hold. Who holds it last gives it up.
    fn release(&mut self, page: Page);
    /// Whether others hold it, too: it is mapped, and must stay the only one with these contents.
    fn is_shared(&self, page: Page) -> bool;
    /// Copies from a page. `offset` and length lie within.
    fn read(&self, page: Page, offset: usize, into: &mut [u8]);
    /// Copies to a page. `offset` and length lie within.
    fn write(&mut self, page: Page, offset: usize, from: &[u8]);
}

/// Pages on the heap, for tests and to begin with.
#[derive(Clone, Debug)]
pub struct HeapPages {
    pages: Vec<Option<Box<[u8]>>>,
    free: Vec<u32>,
    most: usize,
}

impl HeapPages {
    /// Up to `most` pages.
    pub const fn new(most: usize) -> Self {
        Self { pages: Vec::new(), free: Vec::new(), most }
    }

    /// How many are in use.
    pub fn used(&self) -> usize {
        self.pages.len() - self.free.len()
    }
}

impl Pages for HeapPages {
    fn allocate(&mut self) -> Option<Page> {
        let zeros = || Some(alloc::vec![0; PAGE_BYTES].into_boxed_slice());
        if let Some(index) = self.free.pop() {
            self.pages[index as usize] = zeros();
            return Some(Page(index));
        }
        if self.pages.len() == self.most {
            return None;
        }
        self.pages.push(zeros());
        Some(Page(self.pages.len() as u32 - 1))
    }

    fn release(&mut self, page: Page) {
        if self.pages[page.0 as usize].take().is_some() {
            self.free.push(page.0);
        }
    }

    fn is_shared(&self, _: Page) -> bool {
        false
    }

    fn read(&self, page: Page, offset: usize, into: &mut [u8]) {
        if let Some(bytes) = &self.pages[page.0 as usize] {
            into.copy_from_slice(&bytes[offset..offset + into.len()]);
        }
    }

    fn write(&mut self, page: Page, offset: usize, from: &[u8]) {
        if let Some(bytes) = &mut self.pages[page.0 as usize] {
            bytes[offset..offset + from.len()].copy_from_slice(from);
        }
    }
}
