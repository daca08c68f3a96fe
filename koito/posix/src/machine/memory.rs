//! The memory of programs, which the server keeps mapped as a whole.

use koito_posix_core::{PAGE_BYTES, Page, Pool};
use nun::mapped::Mapped;

/// All pages that programs can have.
pub struct Memory {
    /// Who uses which, of those that are mapped.
    pub pool: Pool,
    mapped: Mapped,
    /// How many can still be mapped.
    later: usize,
}

impl Memory {
    /// What is mapped, and how many pages come when they are needed.
    pub fn new(mapped: Mapped, later: usize) -> Self {
        Self { pool: Pool::new(pages(mapped)), mapped, later }
    }

    /// More is mapped, from where it was on; so many pages are still to come.
    pub fn grow(&mut self, mapped: Mapped, later: usize) {
        self.pool.grow(pages(mapped) - self.pool.len());
        (self.mapped, self.later) = (mapped, later);
    }

    /// How many pages there are, those included that are still to come, and how many of them nobody uses.
    pub fn pages(&self) -> (usize, usize) {
        (self.pool.len() + self.later, self.pool.free() + self.later)
    }

    /// All of it. Programs may write there at any time.
    pub const fn all(&self) -> Mapped {
        self.mapped
    }

    /// The contents of a page. Programs may write there at any time.
    #[inline]
    pub fn page(&self, page: Page) -> Mapped {
        self.mapped.part(page.0 as usize * PAGE_BYTES as usize, PAGE_BYTES as usize)
    }

    /// `bytes` bytes of a page from `offset` on, which are not more than it has.
    #[inline]
    pub fn part(&self, page: Page, offset: usize, bytes: usize) -> Mapped {
        self.mapped.part(page.0 as usize * PAGE_BYTES as usize + offset, bytes)
    }

    /// A page of zeros; `None` if there is none left.
    pub fn take_zero(&mut self) -> Option<Page> {
        let page = self.pool.take()?;
        self.page(page).clear();
        Some(page)
    }

    /// A page with the contents of another one; `None` if there is none left.
    pub fn take_copy(&mut self, of: Page) -> Option<Page> {
        let page = self.pool.take()?;
        self.page(page).copy_of(&self.page(of));
        Some(page)
    }
}

const fn pages(mapped: Mapped) -> usize {
    mapped.bytes() / PAGE_BYTES as usize
}

/// Contents of files lie in the same pages, so that programs can map them.
impl koito_vfs::Pages for Memory {
    fn allocate(&mut self) -> Option<koito_vfs::Page> {
        self.take_zero().map(|page| koito_vfs::Page(page.0))
    }

    fn release(&mut self, page: koito_vfs::Page) {
        self.pool.release(Page(page.0));
    }

    fn is_shared(&self, page: koito_vfs::Page) -> bool {
        self.pool.users(Page(page.0)) > 1
    }

    fn read(&self, page: koito_vfs::Page, offset: usize, into: &mut [u8]) {
        self.page(Page(page.0)).copy_to(offset, into);
    }

    fn write(&mut self, page: koito_vfs::Page, offset: usize, from: &[u8]) {
        self.page(Page(page.0)).copy_from(offset, from);
    }
}
