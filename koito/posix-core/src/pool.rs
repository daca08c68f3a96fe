//! Pages of memory, and how many use each.

use alloc::vec::Vec;

/// A page of the pool, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(pub u32);

/// All pages that programs can have. Several users may share a page; it is free again when the last one
/// has released it.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The next to be given out is the last.
    free: Vec<Page>,
    users: Vec<u32>,
}

impl Pool {
    /// `pages` pages, all free. The lowest are given out first.
    pub fn new(pages: u32) -> Self {
        Self { free: (0..pages).rev().map(Page).collect(), users: (0..pages).map(|_| 0).collect() }
    }

    /// A free page, for one user; `None` if there is none.
    #[inline]
    pub fn take(&mut self) -> Option<Page> {
        let page = self.free.pop()?;
        self.set(page, 1);
        Some(page)
    }

    /// One more user of a page that is in use.
    #[inline]
    pub fn share(&mut self, page: Page) {
        let users = self.users(page);
        self.set(page, users + 1);
    }

    /// One user less; answers whether it was the last.
    #[inline]
    pub fn release(&mut self, page: Page) -> bool {
        let users = self.users(page);
        self.set(page, users.saturating_sub(1));
        if users == 1 {
            self.free.push(page);
        }
        users == 1
    }

    /// How many use it.
    #[inline]
    pub fn users(&self, page: Page) -> u32 {
        self.users.get(page.0 as usize).copied().unwrap_or(0)
    }

    /// Free pages.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// All pages.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether it has no page at all.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    #[inline]
    fn set(&mut self, page: Page, users: u32) {
        if let Some(place) = self.users.get_mut(page.0 as usize) {
            *place = users;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_free_again_after_its_last_user() {
        let mut pool = Pool::new(2);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert_eq!((first, second, pool.take()), (Page(0), Page(1), None));
        pool.share(first);
        assert!(!pool.release(first) && pool.free() == 0);
        assert!(pool.release(first) && pool.free() == 1);
        assert!(!pool.release(first), "it has no user any more");
        assert_eq!((pool.free(), pool.take(), pool.users(second)), (1, Some(first), 1));
    }
}
