//! Memory of programs, as far as operations need it: where bytes go to and come from.

use koito_linux::Errno;

use crate::page::Page;

/// Where a read puts what it reads.
pub trait Target {
    /// Bytes that it still has room for.
    fn room(&self) -> usize;
    /// Takes all of `bytes`, which are no more than there is room for, or fails.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno>;

    /// Takes bytes of a page where they lie, if it knows pages; answers whether it does.
    fn put_page(&mut self, _: Page, _offset: usize, _length: usize) -> Result<bool, Errno> {
        Ok(false)
    }
}

/// Where a write gets what it writes.
pub trait Source {
    /// Bytes that it still has.
    fn left(&self) -> usize;
    /// Fills all of `bytes`, which are no more than it has, or fails.
    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Errno>;

    /// Puts bytes into a page where they shall lie, if it knows pages; answers whether it does.
    fn take_to_page(&mut self, _: Page, _offset: usize, _length: usize) -> Result<bool, Errno> {
        Ok(false)
    }
}

impl Target for &mut [u8] {
    fn room(&self) -> usize {
        self.len()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let (head, tail) = core::mem::take(self).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        *self = tail;
        Ok(())
    }
}

impl Source for &[u8] {
    fn left(&self) -> usize {
        self.len()
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let (head, tail) = self.split_at(bytes.len());
        bytes.copy_from_slice(head);
        *self = tail;
        Ok(())
    }
}
