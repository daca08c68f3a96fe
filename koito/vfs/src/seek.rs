//! Where in files something begins: offsets, holes, ends that moved.

use koito_linux::Errno;

use crate::file::{FileId, Object};
use crate::inode::{Body, InodeId};
use crate::page::{PAGE_BYTES, Pages};
use crate::stop::{Result, fail};
use crate::vfs::Vfs;

/// From where an offset counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start.
    Start,
    /// Where the file stands.
    Current,
    /// The end.
    End,
    /// The first data from there on.
    Data,
    /// The first hole from there on.
    Hole,
}

impl<P: Pages> Vfs<P> {
    /// Moves a file to where its next read or write begins.
    pub fn seek(&mut self, file: FileId, offset: i64, whence: Whence) -> Result<u64> {
        let it = &self.files[file];
        let size = match &it.object {
            Object::File(inode) => self.inodes[*inode].attributes.size,
            Object::Text(text) => text.len() as u64,
            Object::Directory(_) => 0,
            Object::Device(_) => return Ok(0),
            _ => return fail(Errno::ESPIPE),
        };
        let from = match whence {
            Whence::Start => 0,
            Whence::Current => it.offset,
            Whence::End => size,
            Whence::Data | Whence::Hole => {
                let within = u64::try_from(offset).ok().filter(|offset| *offset < size);
                let Some(within) = within else { return fail(Errno::ENXIO) };
                let place = match it.object {
                    Object::File(inode) => self.next_kept(inode, within, whence == Whence::Hole),
                    _ if whence == Whence::Data => Some(within),
                    _ => Some(size),
                };
                let Some(place) = place else { return fail(Errno::ENXIO) };
                self.files[file].offset = place;
                return Ok(place);
            }
        };
        let place = from.checked_add_signed(offset).filter(|place| *place <= i64::MAX as u64);
        let Some(place) = place else { return fail(Errno::EINVAL) };
        self.files[file].offset = place;
        Ok(place)
    }

    /// A file that became shorter since this was asked last, and its new size: what is mapped of the rest is
    /// there no more.
    pub fn next_cut(&mut self) -> Option<(InodeId, u64)> {
        self.cuts.pop()
    }

    /// The first byte from `offset` on that is kept, or that is not if a `hole` is looked for; what the file
    /// server has is all taken for kept.
    pub(crate) fn next_kept(&self, inode: InodeId, offset: u64, hole: bool) -> Option<u64> {
        let it = &self.inodes[inode];
        let size = it.attributes.size;
        let Body::File(content) = &it.body else { return None };
        if it.remote.is_some() {
            return Some(if hole { size } else { offset });
        }
        let first = (offset / PAGE_BYTES as u64) as u32;
        let mut kept = content.pages.range(first..).map(|(index, _)| *index);
        let index = if hole {
            let run = kept.zip(first..).take_while(|(index, next)| index == next).count();
            Some(first + run as u32)
        } else {
            kept.next()
        };
        let place = index.map(|index| (u64::from(index) * PAGE_BYTES as u64).max(offset));
        if hole { place.map(|place| place.min(size)) } else { place.filter(|place| *place < size) }
    }
}
