//! A stretch of a program's memory, for files to read into and to write from.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{PAGE_BYTES, Page, Source, Target};
use nun::mapped::Mapped;

/// Pages of a stretch, at most: what one call of the VFS moves, and what sticks out at both ends.
pub const MOST_PARTS: usize = koito_vfs::MOST_AT_ONCE / 4096 + 1;

/// A stretch of a program's memory: its pages are there, and are the program's for as long as nothing else
/// is done in its name.
#[derive(Default)]
pub struct Buffer {
    parts: Vec<Mapped>,
    /// The memory that all pages lie in, if it knows.
    memory: Option<Mapped>,
    /// The part that is next, and how much of it is done.
    next: usize,
    done: usize,
    left: usize,
}

impl Buffer {
    /// An empty one, with room that another one had.
    pub const fn over(parts: Vec<Mapped>) -> Self {
        Self { parts, memory: None, next: 0, done: 0, left: 0 }
    }

    /// Its room, for another one.
    pub fn into_room(mut self) -> Vec<Mapped> {
        self.parts.clear();
        self.parts
    }

    /// Makes it empty.
    pub fn clear(&mut self) {
        self.parts.clear();
        (self.next, self.done, self.left) = (0, 0, 0);
    }

    /// Tells it where pages lie, so that bytes go there and come from there without a stop.
    pub const fn know(&mut self, memory: Mapped) {
        self.memory = Some(memory);
    }

    /// A part of a page, if it is known where pages lie.
    fn part_of(&self, page: Page, offset: usize, length: usize) -> Option<Mapped> {
        Some(self.memory?.part(page.0 as usize * PAGE_BYTES + offset, length))
    }

    /// Adds a part of a page; `false` if there is no room for it.
    pub fn push(&mut self, part: Mapped) -> bool {
        if self.parts.len() >= MOST_PARTS {
            return false;
        }
        self.parts.push(part);
        self.left += part.bytes();
        true
    }

    /// Adds all of another one; `false` if there is no room for all of it.
    pub fn append(&mut self, other: Self) -> bool {
        other.parts.iter().all(|part| self.push(*part))
    }

    /// The next piece of up to `most` bytes.
    fn advance(&mut self, most: usize) -> Option<Mapped> {
        let part = self.parts.get(self.next)?;
        let piece = part.part(self.done, most);
        self.done += piece.bytes();
        self.left -= piece.bytes();
        if self.done == part.bytes() {
            (self.next, self.done) = (self.next + 1, 0);
        }
        Some(piece)
    }
}

impl Target for Buffer {
    fn room(&self) -> usize {
        self.left
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = self.advance(rest.len()).ok_or(Errno::EFAULT)?;
            let (now, later) = rest.split_at(piece.bytes());
            piece.copy_from(0, now);
            rest = later;
        }
        Ok(())
    }

    fn put_page(&mut self, page: Page, offset: usize, length: usize) -> Result<bool, Errno> {
        let Some(from) = self.part_of(page, offset, length) else { return Ok(false) };
        let mut done = 0;
        while done < length {
            let piece = self.advance(length - done).ok_or(Errno::EFAULT)?;
            piece.copy_of(&from.part(done, piece.bytes()));
            done += piece.bytes();
        }
        Ok(true)
    }
}

impl Source for Buffer {
    fn left(&self) -> usize {
        self.left
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = self.advance(rest.len()).ok_or(Errno::EFAULT)?;
            let (now, later) = rest.split_at_mut(piece.bytes());
            piece.copy_to(0, now);
            rest = later;
        }
        Ok(())
    }

    fn take_to_page(&mut self, page: Page, offset: usize, length: usize) -> Result<bool, Errno> {
        let Some(to) = self.part_of(page, offset, length) else { return Ok(false) };
        let mut done = 0;
        while done < length {
            let piece = self.advance(length - done).ok_or(Errno::EFAULT)?;
            to.part(done, piece.bytes()).copy_of(&piece);
            done += piece.bytes();
        }
        Ok(true)
    }
}
