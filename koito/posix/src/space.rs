//! The address space of a program: what its addresses mean, which pages are there, and what of that the
//! kernel maps.
//!
//! Pages come on demand. A private page has one user or is not written: who writes to one that others use
//! gets a copy first. The kernel maps a page for writing only if that may be done at once.

use alloc::vec::Vec;
use core::ops::Range;

use koito_linux::Errno;
use koito_posix_core::{
    Area, Areas, Backing, Entry, PAGE_BYTES, Page, PageMap, Protection, Sharing, page_of,
};
use nun::Access;
use nun::mapped::Mapped;

use crate::disk::{Acting, Ticket};
use crate::machine::{Mapping, Memory, Runs};
use crate::mapped::FileKey;
use crate::server::World;

/// Pages that are mapped around one that was needed, if they are there.
const AROUND: usize = 16;
/// Pages that are remembered.
const RECENT: usize = 4;

/// Why an access cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is there.
    Nothing,
    /// It is there, but not for this.
    Forbidden,
    /// The file does not reach so far.
    PastEnd,
    /// There is no memory left.
    NoMemory,
    /// It comes with the answer to this request to the file server.
    Awaited(Ticket),
}

/// An address space. Several threads may use it, and after `vfork` several processes.
#[derive(Debug)]
pub struct Space {
    /// What the addresses mean.
    pub areas: Areas<FileKey>,
    /// Which pages are there.
    pub pages: PageMap,
    /// What the kernel maps.
    pub mapping: Mapping,
    /// Where the heap that `brk` moves begins, and where it ends.
    pub heap: Range<u64>,
    /// Below this the next mapping is put.
    pub top: u64,
    /// Processes that use it.
    pub users: u32,
    /// Pages that were reached lately, to be reached again without a search.
    recent: [Recent; RECENT],
    /// Where arguments and environment stand.
    pub arguments: (u64, u64, u64),
}

/// A page that the server reached in the program's name.
#[derive(Clone, Copy, Debug)]
struct Recent {
    address: u64,
    page: Page,
    /// Whether it was reached to be written.
    writable: bool,
}

impl Recent {
    /// None: no page has this address.
    const NONE: Self = Self { address: u64::MAX, page: Page(0), writable: false };
}

impl Space {
    /// One in which nothing is.
    pub const fn new(mapping: Mapping, top: u64) -> Self {
        Self {
            areas: Areas::new(),
            pages: PageMap::new(),
            mapping,
            heap: 0..0,
            top,
            users: 1,
            recent: [Recent::NONE; RECENT],
            arguments: (0, 0, 0),
        }
    }

    /// The program tried to do what is in `tried` at `address`, and the kernel refused. Afterwards it can
    /// be tried again.
    pub fn fault(
        &mut self,
        world: &mut World,
        address: u64,
        tried: Protection,
    ) -> Result<(), Refusal> {
        let page = page_of(address);
        let (start, area) = self.areas.find(page).ok_or(Refusal::Nothing)?;
        if !area.protection.contains(tried) {
            return Err(Refusal::Forbidden);
        }
        let writes = tried.contains(Protection::WRITE);
        let area = area.clone();
        let before = self.pages.get(page);
        let entry = self.provide(world, (start, &area), page, writes)?;
        if !entry.is_mapped() {
            // Where others are there, too, it is worth mapping them with it.
            let alone = match area.backing {
                Backing::Zero => before.is_none_or(|before| before.page() != entry.page()),
                Backing::File { .. } => false,
            };
            return match alone {
                true => self.map_one(world, &area, (page, entry), tried),
                false => self.map_around(world, (start, &area), page, tried),
            };
        }
        let access = access(&area, may_write(&area, &world.vfs.pages, entry), tried);
        let protected = self.mapping.protect_one(&world.objects, page, entry.page(), access);
        protected.map_err(|_| Refusal::NoMemory)?;
        self.pages.set(page, entry.mapped(access.contains(Access::WRITE)));
        Ok(())
    }

    /// Has the kernel map the page at `page`.
    fn map_one(
        &mut self,
        world: &mut World,
        area: &Area<FileKey>,
        (page, entry): (u64, Entry),
        tried: Protection,
    ) -> Result<(), Refusal> {
        let access = access(area, may_write(area, &world.vfs.pages, entry), tried);
        let mapped = self.mapping.map(&mut world.objects, page, entry.page(), access);
        mapped.map_err(|_| Refusal::NoMemory)?;
        self.pages.set(page, entry.mapped(access.contains(Access::WRITE)));
        Ok(())
    }

    /// Has the kernel map the page at `page`, which is there, and those around it that are there.
    fn map_around(
        &mut self,
        world: &mut World,
        (start, area): (u64, &Area<FileKey>),
        page: u64,
        tried: Protection,
    ) -> Result<(), Refusal> {
        let base = page & !(AROUND as u64 * PAGE_BYTES - 1);
        let range = base.max(start)..base.saturating_add(AROUND as u64 * PAGE_BYTES).min(area.end);
        self.share_cached(world, (start, area), range.clone());
        let World { vfs, objects, .. } = world;
        let mut runs = Runs::default();
        self.pages.update(range.clone(), |address, entry| {
            if entry.is_mapped() {
                return entry;
            }
            let access = access(area, may_write(area, &vfs.pages, entry), tried);
            runs.add(objects, address, entry.page(), access);
            entry.mapped(access.contains(Access::WRITE))
        });
        let mapped = self.mapping.map_many(objects, runs);
        mapped.map_err(|_| {
            // Some of them may be.
            self.hide(world, range, |_| true);
            Refusal::NoMemory
        })
    }

    /// Lets it share what is cached of its file in `range`, of up to [`AROUND`] pages.
    fn share_cached(
        &mut self,
        world: &mut World,
        (start, area): (u64, &Area<FileKey>),
        range: Range<u64>,
    ) {
        let Some((file, offset)) = area.file_at(start, range.start) else { return };
        let cached = world.cached_pages::<AROUND>(file, offset);
        let pages = (range.end - range.start) / PAGE_BYTES;
        let pool = &mut world.vfs.pages.pool;
        self.pages.fill(range.start, &cached[..pages as usize], |page| pool.share(page));
    }

    /// Has a page at `page`, for writing if `writes`; the kernel is not told.
    fn provide(
        &mut self,
        world: &mut World,
        (start, area): (u64, &Area<FileKey>),
        page: u64,
        writes: bool,
    ) -> Result<Entry, Refusal> {
        let copies = writes && area.sharing == Sharing::Private;
        if let Some(entry) = self.pages.get(page) {
            if !copies || world.vfs.pages.pool.users(entry.page()) == 1 {
                return Ok(entry);
            }
            let copy = world.vfs.pages.take_copy(entry.page()).ok_or(Refusal::NoMemory)?;
            self.recent = [Recent::NONE; RECENT];
            if entry.is_mapped() {
                // It has to go before somebody else gets it.
                let unmapped = self.mapping.unmap_one(&world.objects, page, entry.page());
                unmapped.map_err(|_| Refusal::NoMemory)?;
            }
            world.vfs.pages.pool.release(entry.page());
            let entry = Entry::new(copy);
            self.pages.set(page, entry);
            return Ok(entry);
        }
        let page_here = match area.file_at(start, page) {
            None => world.vfs.pages.take_zero().ok_or(Refusal::NoMemory)?,
            Some((file, offset)) => {
                let cached =
                    world.file_page(file, offset, writes && area.sharing == Sharing::Shared)?;
                if copies {
                    world.vfs.pages.take_copy(cached).ok_or(Refusal::NoMemory)?
                } else {
                    world.vfs.pages.pool.share(cached);
                    cached
                }
            }
        };
        let entry = Entry::new(page_here);
        self.pages.set(page, entry);
        Ok(entry)
    }

    /// The page at `address`, to be read or written in the program's name.
    #[inline]
    fn reach(&mut self, world: &mut World, address: u64, tried: Protection) -> Result<Page, Errno> {
        let page = page_of(address);
        let place = (address / PAGE_BYTES) as usize % RECENT;
        let recent = self.recent[place];
        let writable = tried.contains(Protection::WRITE);
        if recent.address == page && (recent.writable || !writable) {
            return Ok(recent.page);
        }
        let found = self.search(world, page, tried)?;
        self.recent[place] = Recent { address: page, page: found, writable };
        Ok(found)
    }

    fn search(&mut self, world: &mut World, page: u64, tried: Protection) -> Result<Page, Errno> {
        let (start, area) = self.areas.find(page).ok_or(Errno::EFAULT)?;
        if !area.protection.contains(tried) {
            return Err(Errno::EFAULT);
        }
        let writes = tried.contains(Protection::WRITE);
        if let Some(entry) = self.pages.get(page)
            && (!writes || entry.is_writable())
        {
            return Ok(entry.page());
        }
        let area = area.clone();
        let entry = self.provide(world, (start, &area), page, writes);
        entry.map(Entry::page).map_err(|refusal| match refusal {
            Refusal::NoMemory => Errno::ENOMEM,
            _ => Errno::EFAULT,
        })
    }

    /// Goes through `bytes` bytes of the program's memory from `address` on, page by page: `each` gets
    /// the part of a page and where in the stretch it begins.
    pub fn go_through(
        &mut self,
        world: &mut World,
        (address, bytes): (u64, usize),
        tried: Protection,
        mut each: impl FnMut(Mapped, usize),
    ) -> Result<(), Errno> {
        let mut done = 0;
        while done < bytes {
            let at = address.checked_add(done as u64).ok_or(Errno::EFAULT)?;
            let page = self.reach(world, at, tried)?;
            let offset = (at % PAGE_BYTES) as usize;
            let part = world.vfs.pages.page(page).part(offset, bytes - done);
            each(part, done);
            done += part.bytes();
        }
        Ok(())
    }

    /// A stretch of the program's memory that lies in a page which was reached lately.
    #[inline]
    pub fn lately(
        &self,
        world: &World,
        address: u64,
        bytes: usize,
        writes: bool,
    ) -> Option<Mapped> {
        let recent = &self.recent[(address / PAGE_BYTES) as usize % RECENT];
        let offset = (address % PAGE_BYTES) as usize;
        let fits = offset + bytes <= PAGE_BYTES as usize;
        let known = recent.address == page_of(address) && (recent.writable || !writes);
        (known && fits).then(|| world.vfs.pages.part(recent.page, offset, bytes))
    }

    /// Reads the program's memory.
    pub fn read(&mut self, world: &mut World, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let length = bytes.len();
        if let Some(part) = self.lately(world, address, length, false) {
            part.copy_to(0, bytes);
            return Ok(());
        }
        self.go_through(world, (address, length), Protection::READ, |part, at| {
            part.copy_to(0, &mut bytes[at..at + part.bytes()]);
        })
    }

    /// Writes to the program's memory: what a call gives mostly, which is not made again then. So the server
    /// waits for pages that the file server has.
    pub fn write(&mut self, world: &mut World, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        if let Some(part) = self.lately(world, address, bytes.len(), true) {
            part.copy_from(0, bytes);
            return Ok(());
        }
        let acting = core::mem::replace(&mut world.acting, Acting::Nobody);
        let written =
            self.go_through(world, (address, bytes.len()), Protection::WRITE, |part, at| {
                part.copy_from(0, &bytes[at..at + part.bytes()]);
            });
        world.acting = acting;
        written
    }

    /// Enters an area, in place of whatever is there.
    pub fn place(
        &mut self,
        world: &mut World,
        start: u64,
        area: Area<FileKey>,
    ) -> Result<(), Errno> {
        let range = start..area.end;
        if self.areas.within(range.clone()).next().is_some() {
            self.clear(world, range)?;
        }
        self.areas.insert(start, area)
    }

    /// Enters a page of code that is there, and that all programs share.
    pub fn place_code(&mut self, world: &mut World, at: u64, page: Page) -> Result<(), Errno> {
        let area = Area {
            end: at + PAGE_BYTES,
            protection: Protection::READ | Protection::EXECUTE,
            sharing: Sharing::Private,
            backing: Backing::Zero,
        };
        self.place(world, at, area)?;
        world.vfs.pages.pool.share(page);
        self.pages.set(at, Entry::new(page));
        Ok(())
    }

    /// Takes everything in `range` away.
    pub fn clear(&mut self, world: &mut World, range: Range<u64>) -> Result<(), Errno> {
        self.note_written(world, range.clone());
        self.areas.remove(range.clone())?;
        self.drop_pages(world, range);
        Ok(())
    }

    /// Gives the pages in `range` back; what is there next is as the areas say.
    pub fn drop_pages(&mut self, world: &mut World, range: Range<u64>) {
        self.recent = [Recent::NONE; RECENT];
        let World { vfs, objects, .. } = world;
        let mut runs = Runs::default();
        self.pages.drain(range, |address, entry| {
            if entry.is_mapped() {
                runs.add_mapped(objects, address, entry.page(), Access::READ);
            }
            vfs.pages.pool.release(entry.page());
        });
        // Nobody gets one of them before that.
        self.mapping.unmap(runs).expect("the kernel unmaps what it mapped");
    }

    /// Has the kernel unmap those pages in `range` that are mapped and of which `which` says so.
    pub fn hide(&mut self, world: &World, range: Range<u64>, which: impl Fn(Entry) -> bool) {
        self.recent = [Recent::NONE; RECENT];
        let mut runs = Runs::default();
        self.pages.update(range, |address, entry| {
            if !entry.is_mapped() || !which(entry) {
                return entry;
            }
            runs.add_mapped(&world.objects, address, entry.page(), Access::READ);
            entry.unmapped()
        });
        self.mapping.unmap(runs).expect("the kernel unmaps what it mapped");
    }

    /// Moves what is in `from` to `to`, where nothing is, and which may be longer: the area goes on there.
    /// `from` lies in one area.
    pub fn move_area(
        &mut self,
        world: &mut World,
        from: Range<u64>,
        to: Range<u64>,
    ) -> Result<(), Errno> {
        let (start, area) = self.areas.find(from.start).ok_or(Errno::EFAULT)?;
        let area = Area { end: to.end, ..area.tail(start, from.start) };
        self.areas.insert(to.start, area)?;
        self.hide(world, from.clone(), |_| true);
        let mut moved = Vec::new();
        self.pages.drain(from.clone(), |address, entry| moved.push((address, entry)));
        for (address, entry) in moved {
            self.pages.set(to.start + (address - from.start), entry);
        }
        self.areas.remove(from)
    }

    /// Changes what the program may do in `range`.
    pub fn protect(
        &mut self,
        world: &mut World,
        range: Range<u64>,
        protection: Protection,
    ) -> Result<(), Errno> {
        self.note_written(world, range.clone());
        self.areas.protect(range.clone(), protection)?;
        // What is needed again comes back by a fault, with what is allowed then.
        self.hide(world, range, |_| true);
        Ok(())
    }

    /// A copy of it, with the same pages: who writes to one first gets a copy of the page.
    pub fn fork(&mut self, world: &mut World, mapping: Mapping) -> Self {
        self.recent = [Recent::NONE; RECENT];
        for (start, area) in self.areas.iter() {
            if area.sharing == Sharing::Shared || !area.protection.contains(Protection::WRITE) {
                continue;
            }
            let mut runs = Runs::default();
            self.pages.update(start..area.end, |address, entry| {
                if !entry.is_writable() {
                    return entry;
                }
                runs.add_mapped(&world.objects, address, entry.page(), Access::READ);
                entry.mapped(false)
            });
            self.mapping.protect(runs).expect("the kernel protects what it mapped");
        }
        let mut pages = self.pages.clone();
        pages.update(0..u64::MAX, |_, entry| {
            world.vfs.pages.pool.share(entry.page());
            entry.unmapped()
        });
        Self {
            areas: self.areas.clone(),
            pages,
            mapping,
            heap: self.heap.clone(),
            top: self.top,
            users: 1,
            recent: [Recent::NONE; RECENT],
            arguments: self.arguments,
        }
    }

    /// Whether it shares what is written with others.
    pub fn has_shared(&self) -> bool {
        self.areas.iter().any(|(_, area)| area.sharing == Sharing::Shared)
    }

    /// Gives everything back.
    pub fn dissolve(mut self, world: &mut World) {
        self.note_written(world, 0..u64::MAX);
        self.drop_pages(world, 0..u64::MAX);
        world.objects.put_space(self.mapping);
    }
}

/// Whether the page in `entry` may be written as it is.
fn may_write(area: &Area<FileKey>, memory: &Memory, entry: Entry) -> bool {
    area.protection.contains(Protection::WRITE)
        && (area.sharing == Sharing::Shared || memory.pool.users(entry.page()) == 1)
}

/// What the kernel is to allow. Nothing is both written and executed at a time: an area of which both
/// may be done changes sides with every fault.
fn access(area: &Area<FileKey>, may_write: bool, tried: Protection) -> Access {
    let executes = area.protection.contains(Protection::EXECUTE);
    let mut access = Access::READ;
    if may_write && (!executes || tried.contains(Protection::WRITE)) {
        access |= Access::WRITE;
    } else if executes {
        access |= Access::EXECUTE;
    }
    access
}

/// A fault that the kernel's message of `tried` access means.
pub fn tried(code: u64) -> Protection {
    let access = Access::from_bits_truncate(code);
    let mut tried = Protection::empty();
    tried.set(Protection::WRITE, access.contains(Access::WRITE));
    tried.set(Protection::EXECUTE, access.contains(Access::EXECUTE));
    if tried.is_empty() { Protection::READ } else { tried }
}
