//! Pages of memory, and how many use each.

use alloc::vec::Vec;

/// A page of the pool, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(pub u32);

/// Pages of a word.
const WORD: usize = u64::BITS as usize;

/// All pages that programs can have. Several users may share a page; it is free again when the last one
/// has released it.
///
/// The lowest free page is given out first, so that pages taken one after the other mostly lie so, too: the
/// kernel maps those at one go.
#[derive(Clone, Debug)]
pub struct Pool {
    /// A bit for each page that is free.
    free: Vec<u64>,
    /// A bit for each word of those that is not 0.
    some: Vec<u64>,
    /// All words of these before this one are 0.
    first: usize,
    /// How many are free.
    count: usize,
    users: Vec<u32>,
}

impl Pool {
    /// `pages` pages, all free.
    pub fn new(pages: usize) -> Self {
        let mut pool =
            Self { free: Vec::new(), some: Vec::new(), first: 0, count: 0, users: Vec::new() };
        pool.grow(pages);
        pool
    }

    /// `pages` more of them, all free.
    pub fn grow(&mut self, pages: usize) {
        let first = self.users.len();
        let all = first + pages;
        let words = all.div_ceil(WORD);
        self.users.resize(all, 0);
        self.free.resize(words, 0);
        self.some.resize(words.div_ceil(WORD), 0);
        (first..all).for_each(|page| self.put(Page(page as u32)));
    }

    /// A free page, for one user; `None` if there is none.
    #[inline]
    pub fn take(&mut self) -> Option<Page> {
        let mut groups = self.some.iter_mut().enumerate().skip(self.first);
        let (group, some) = groups.find(|(_, some)| **some != 0)?;
        self.first = group;
        let place = group * WORD + some.trailing_zeros() as usize;
        let free = self.free.get_mut(place)?;
        let page = Page((place * WORD) as u32 + free.trailing_zeros());
        *free &= *free - 1;
        if *free == 0 {
            *some &= *some - 1;
        }
        self.count -= 1;
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
            self.put(page);
        }
        users == 1
    }

    /// How many use it.
    #[inline]
    pub fn users(&self, page: Page) -> u32 {
        self.users.get(page.0 as usize).copied().unwrap_or(0)
    }

    /// Free pages.
    pub const fn free(&self) -> usize {
        self.count
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

    /// Makes a page of the pool free that is not.
    #[inline]
    fn put(&mut self, page: Page) {
        let place = page.0 as usize / WORD;
        self.free[place] |= 1 << (page.0 as usize % WORD);
        self.some[place / WORD] |= 1 << (place % WORD);
        self.first = self.first.min(place / WORD);
        self.count += 1;
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

    #[test]
    fn the_lowest_free_page_comes_first() {
        const PAGES: u32 = 5000;
        let mut pool = Pool::new(PAGES as usize);
        assert!((0..PAGES).all(|page| pool.take() == Some(Page(page))));
        assert_eq!((pool.take(), pool.free()), (None, 0));
        let released = [4999, 64, 4096, 63, 0, 4095];
        assert!(released.iter().all(|page| pool.release(Page(*page))));
        assert_eq!(pool.free(), released.len());
        let mut sorted = released;
        sorted.sort_unstable();
        assert!(sorted.iter().all(|page| pool.take() == Some(Page(*page))));
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn pages_that_come_later_are_like_others() {
        let mut pool = Pool::new(70);
        assert!((0..70).all(|page| pool.take() == Some(Page(page))));
        pool.grow(60);
        assert_eq!((pool.len(), pool.free(), pool.users(Page(69))), (130, 60, 1));
        assert!(pool.release(Page(3)));
        let expected = [3].into_iter().chain(70..130);
        assert!(expected.into_iter().all(|page| pool.take() == Some(Page(page))));
        assert_eq!(pool.take(), None);
    }
}
