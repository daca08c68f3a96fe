//! Contents of files, page by page. Of files in memory they are all there is; of the file server's they are a
//! cache, read when needed and written back later.

use alloc::collections::BTreeMap;

use koito_linux::Errno;

use crate::buffer::{Source, Target};
use crate::inode::{Body, Inode, InodeId, Time};
use crate::page::{PAGE_BYTES, Page, Pages};
use crate::remote::{Ask, pages_of};
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// Bytes that one call moves at most; callers go on.
pub const MOST_AT_ONCE: usize = 256 << 10;
/// Pages of one request.
pub const MOST_PAGES: u32 = 16;
/// The largest file.
pub const MOST_BYTES: u64 = (u32::MAX as u64) * PAGE_BYTES as u64;

/// Units of 512 bytes in a page.
const PAGE_SECTORS: u64 = PAGE_BYTES as u64 / 512;

/// A page in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cached {
    pub page: Page,
    pub dirty: bool,
    pub recent: bool,
    /// It has its place on the disk; until it is dirty, it is not known whether one that has none needs one.
    pub placed: bool,
}

impl Cached {
    /// Whether its place on the disk is a promise only.
    const fn is_promised(&self) -> bool {
        self.dirty && !self.placed
    }
}

/// The pages of a file.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub(crate) pages: BTreeMap<u32, Cached>,
    pub(crate) dirty: usize,
}

impl Content {
    /// The first run of pages to write back: the first of them, and how many.
    pub(crate) fn dirty_run(&self) -> Option<(u32, u32)> {
        if self.dirty == 0 {
            return None;
        }
        let mut dirty = self.pages.iter().filter(|(_, it)| it.dirty).map(|(index, _)| *index);
        let first = dirty.next()?;
        let more = dirty.zip(first + 1..).take_while(|(index, next)| index == next);
        Some((first, more.take(MOST_PAGES as usize - 1).count() as u32 + 1))
    }
}

/// A part of a page: index, offset within, length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u32, usize, usize)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % PAGE_BYTES as u64) as usize;
        let now = (PAGE_BYTES - within).min(length - done);
        done += now;
        (now > 0).then_some(((at / PAGE_BYTES as u64) as u32, within, now))
    })
}

impl Inode {
    pub(crate) fn content(&self) -> Result<&Content> {
        match &self.body {
            Body::File(content) => Ok(content),
            _ => fail(Errno::EINVAL),
        }
    }

    pub(crate) fn content_mut(&mut self) -> Result<&mut Content> {
        match &mut self.body {
            Body::File(content) => Ok(content),
            _ => fail(Errno::EINVAL),
        }
    }

    /// Whether a page that is not in memory has contents with the server.
    fn is_stored(&self, index: u32) -> bool {
        let start = u64::from(index) * PAGE_BYTES as u64;
        self.remote.as_ref().is_some_and(|it| start < it.size.min(it.cut.unwrap_or(u64::MAX)))
    }
}

impl<P: Pages> Vfs<P> {
    /// Reads from a file, and answers how many bytes it were.
    pub(crate) fn read_content(
        &mut self,
        inode: InodeId,
        offset: u64,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let size = self.inodes[inode].attributes.size;
        let most = target.room().min(MOST_AT_ONCE) as u64;
        let length = size.saturating_sub(offset).min(most) as usize;
        self.need(inode, offset, length)?;
        let mut done = 0;
        for (index, within, now) in parts(offset, length) {
            let put = match self.inodes[inode].content_mut()?.pages.get_mut(&index) {
                Some(cached) => {
                    cached.recent = true;
                    let page = cached.page;
                    self.put_page(page, within, now, target)
                }
                None => put_zeros(now, target),
            };
            match put {
                Err(_) if done > 0 => return Ok(done),
                put => put?,
            }
            done += now;
        }
        Ok(length)
    }

    fn put_page(
        &self,
        page: Page,
        within: usize,
        length: usize,
        target: &mut dyn Target,
    ) -> Result<(), Errno> {
        if target.put_page(page, within, length)? {
            return Ok(());
        }
        let mut bytes = [0; 1024];
        for start in (0..length).step_by(bytes.len()) {
            let now = (length - start).min(bytes.len());
            self.pages.read(page, within + start, &mut bytes[..now]);
            target.put(&bytes[..now])?;
        }
        Ok(())
    }

    /// Asks for the pages of a part of a file that the server has and we have not.
    fn need(&mut self, inode: InodeId, offset: u64, length: usize) -> Result<()> {
        let it = &self.inodes[inode];
        if it.remote.is_none() {
            return Ok(());
        }
        let content = it.content()?;
        let is_missing = |index: &u32| it.is_stored(*index) && !content.pages.contains_key(index);
        let mut needed = parts(offset, length).map(|(index, ..)| index);
        let Some(first) = needed.find(is_missing) else { return Ok(()) };
        // What follows comes along: whoever reads a page mostly reads the next.
        let count = (first..).take(MOST_PAGES as usize).take_while(is_missing).count() as u32;
        Err(Stop::Fetch(self.request_of(inode, Ask::Read { first, count })))
    }

    /// Takes pages that the server has read.
    pub(crate) fn fill_pages(
        &mut self,
        inode: InodeId,
        first: u32,
        count: u32,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        for (index, number) in (first..).zip(0..count as usize) {
            let Body::File(content) = &self.inodes[inode].body else { return Ok(()) };
            // What was written meanwhile is newer.
            if content.pages.contains_key(&index) || !self.inodes[inode].is_stored(index) {
                continue;
            }
            let Ok(page) = self.new_page(inode, index) else { return Err(Errno::ENOMEM) };
            let start = (number * PAGE_BYTES).min(bytes.len());
            let end = (start + PAGE_BYTES).min(bytes.len());
            self.pages.write(page, 0, &bytes[start..end]);
        }
        Ok(())
    }

    /// Adds a page of zeros to a file; `ENOSPC` if there is none to be had.
    fn new_page(&mut self, inode: InodeId, index: u32) -> Result<Page, Errno> {
        let is_cache = self.inodes[inode].remote.is_some();
        let full = match is_cache {
            true => self.cached_pages >= self.most_cached,
            false => self.memory_pages >= self.most_pages,
        };
        if full && !(is_cache && self.forget_page()) {
            return Err(Errno::ENOSPC);
        }
        let page = match self.pages.allocate() {
            Some(page) => page,
            None if self.forget_page() => self.pages.allocate().ok_or(Errno::ENOSPC)?,
            None => return Err(Errno::ENOSPC),
        };
        let it = &mut self.inodes[inode];
        let placed = it.remote.as_ref().is_some_and(|remote| index < remote.dense);
        if let Body::File(content) = &mut it.body {
            content.pages.insert(index, Cached { page, dirty: false, recent: true, placed });
        }
        if is_cache {
            self.cached_pages += 1;
            self.note_cached(inode, index);
        } else {
            self.memory_pages += 1;
            it.attributes.sectors += PAGE_SECTORS;
        }
        Ok(page)
    }

    /// All pages have to be written back first, or there are none to be had.
    pub(crate) fn wait_for_room(&mut self) -> Result<()> {
        if let Some(request) = self.write_back() {
            return Err(Stop::Fetch(request));
        }
        if self.dirty.is_empty() { fail(Errno::ENOSPC) } else { Err(Stop::Wait(self.written)) }
    }

    /// Writes to a file, and answers how many bytes it were.
    pub(crate) fn write_content(
        &mut self,
        inode: InodeId,
        offset: u64,
        source: &mut dyn Source,
        now: Time,
    ) -> Result<usize> {
        let length = source.left().min(MOST_AT_ONCE);
        let end = offset.checked_add(length as u64).filter(|end| *end <= MOST_BYTES);
        let Some(end) = end else { return fail(Errno::EFBIG) };
        if length == 0 {
            return Ok(0);
        }
        let is_cache = self.inodes[inode].remote.is_some();
        if is_cache {
            if self.dirty_pages > self.most_pages / 2 {
                self.wait_for_room()?;
            }
            let whole = |at: u64| at.is_multiple_of(PAGE_BYTES as u64);
            if !whole(offset) {
                self.need(inode, offset, 1)?;
            }
            if !whole(end) {
                self.need(inode, end - 1, 1)?;
            }
            let page = |at: u64| (at / PAGE_BYTES as u64) as u32;
            self.find_room(inode, page(offset)..page(end - 1) + 1)?;
        }
        let mut done = 0;
        for (index, within, part) in parts(offset, length) {
            match self.write_part(inode, index, within, part, source) {
                Ok(()) => done += part,
                Err(_) if done > 0 => break,
                Err(Errno::ENOSPC) if is_cache => return self.wait_for_room().map(|()| 0),
                Err(errno) => return fail(errno),
            }
        }
        let attributes = &mut self.inodes[inode].attributes;
        attributes.size = attributes.size.max(offset + done as u64);
        attributes.touch(now);
        Ok(done)
    }

    fn write_part(
        &mut self,
        inode: InodeId,
        index: u32,
        within: usize,
        length: usize,
        source: &mut dyn Source,
    ) -> Result<(), Errno> {
        let page = match self.cached_page(inode, index) {
            Some(page) => page,
            None => self.new_page(inode, index)?,
        };
        if source.take_to_page(page, within, length)? {
            self.mark_dirty(inode, index);
            return Ok(());
        }
        let mut bytes = [0; 1024];
        for start in (0..length).step_by(bytes.len()) {
            let now = (length - start).min(bytes.len());
            source.take(&mut bytes[..now])?;
            self.pages.write(page, within + start, &bytes[..now]);
        }
        self.mark_dirty(inode, index);
        Ok(())
    }

    /// A page that is in memory was written to.
    pub fn mark_dirty(&mut self, inode: InodeId, index: u32) {
        let it = &mut self.inodes[inode];
        if it.remote.is_none() {
            return;
        }
        if let Body::File(content) = &mut it.body
            && let Some(cached) = content.pages.get_mut(&index)
        {
            cached.recent = true;
            if !core::mem::replace(&mut cached.dirty, true) {
                self.room.promised += u64::from(cached.is_promised());
                content.dirty += 1;
                self.dirty_pages += 1;
            }
        }
        self.list_dirty(inode);
    }

    /// A page of a file, for a mapping: the caller takes a hold of his own before he lets go of the lock.
    pub fn page(&mut self, inode: InodeId, index: u32) -> Result<Page> {
        self.need(inode, u64::from(index) * PAGE_BYTES as u64, 1)?;
        match self.cached_page(inode, index) {
            Some(page) => Ok(page),
            None => match self.new_page(inode, index) {
                Ok(page) => Ok(page),
                Err(errno) => self.wait_for_room().and(fail(errno)),
            },
        }
    }

    /// A page of a file, if it is in memory.
    pub fn cached_page(&self, inode: InodeId, index: u32) -> Option<Page> {
        match &self.inodes[inode].body {
            Body::File(content) => content.pages.get(&index).map(|cached| cached.page),
            _ => None,
        }
    }

    /// Those of a file's pages from `first` on that are in memory.
    pub fn cached_pages(&self, inode: InodeId, first: u32, pages: &mut [Option<Page>]) {
        let Body::File(content) = &self.inodes[inode].body else { return };
        let end = first.saturating_add(pages.len() as u32);
        for (index, cached) in content.pages.range(first..end) {
            pages[(index - first) as usize] = Some(cached.page);
        }
    }

    /// Frees all pages of a node that goes.
    pub(crate) fn drop_contents(&mut self, inode: InodeId) {
        let it = &mut self.inodes[inode];
        let is_cache = it.remote.is_some();
        let Body::File(content) = &mut it.body else { return };
        self.dirty_pages -= core::mem::take(&mut content.dirty);
        let pages = core::mem::take(&mut content.pages);
        let used = if is_cache { &mut self.cached_pages } else { &mut self.memory_pages };
        *used -= pages.len();
        for cached in pages.into_values() {
            self.room.promised -= u64::from(cached.is_promised());
            self.pages.release(cached.page);
        }
    }

    /// Sets the size of a file.
    pub(crate) fn resize(&mut self, inode: InodeId, size: u64, now: Time) -> Result<()> {
        if size > MOST_BYTES {
            return fail(Errno::EFBIG);
        }
        let keep = pages_of(size)?;
        let within = (size % PAGE_BYTES as u64) as usize;
        let shrinks = size < self.inodes[inode].attributes.size;
        if shrinks && within > 0 {
            self.need(inode, size, 1)?;
        }
        let it = &mut self.inodes[inode];
        let is_cache = it.remote.is_some();
        let content = it.content_mut()?;
        let cut = content.pages.split_off(&keep);
        let used = if is_cache { &mut self.cached_pages } else { &mut self.memory_pages };
        *used -= cut.len();
        for cached in cut.values() {
            self.room.promised -= u64::from(cached.is_promised());
            content.dirty -= usize::from(cached.dirty);
            self.dirty_pages -= usize::from(cached.dirty);
            self.pages.release(cached.page);
        }
        let last =
            keep.checked_sub(1).and_then(|last| Some((last, content.pages.get(&last)?.page)));
        let attributes = &mut it.attributes;
        if !is_cache {
            attributes.sectors -= cut.len() as u64 * PAGE_SECTORS;
        }
        attributes.size = size;
        attributes.touch(now);
        if shrinks {
            self.cuts.push((inode, size));
        }
        if let Some(remote) = &mut it.remote
            && shrinks
        {
            remote.cut = Some(remote.cut.map_or(size, |cut| cut.min(size)));
            remote.dense = remote.dense.min(keep);
        }
        if let Some((index, page)) = last.filter(|_| shrinks && within > 0) {
            self.pages.write(page, within, &[0; PAGE_BYTES][within..]);
            self.mark_dirty(inode, index);
        }
        self.list_dirty(inode);
        Ok(())
    }
}

fn put_zeros(length: usize, target: &mut dyn Target) -> Result<(), Errno> {
    let zeros = [0; 1024];
    for start in (0..length).step_by(zeros.len()) {
        target.put(&zeros[..(length - start).min(zeros.len())])?;
    }
    Ok(())
}
