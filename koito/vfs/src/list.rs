//! Listing directories.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::{FileId, Object};
use crate::inode::{Body, Kind};
use crate::page::Pages;
use crate::remote::Ask;
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Vfs};

/// Where entries of a directory in memory begin: before are `.` and `..`.
const FIRST: u64 = 2;
/// Where the first entry of a directory in memory is put. Each one goes before the last: a listing begins with the
/// newest, as that of Linux does.
pub(crate) const OLDEST: u64 = 1 << 62;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Box<[u8]>,
    /// Number of what it names.
    pub number: u64,
    /// What that is, if the entry says so.
    pub kind: Option<Kind>,
    /// Where to go on after it.
    pub next: u64,
}

/// How far a directory was listed: what the file server has said and nobody has read.
#[derive(Clone, Debug)]
pub struct Listing {
    entries: VecDeque<Listed>,
    /// Where the first of them stands.
    cookie: u64,
    /// There is nothing behind them.
    complete: bool,
}

impl Listing {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self { entries: VecDeque::new(), cookie: 0, complete: false })
    }
}

impl<P: Pages> Vfs<P> {
    /// Gives `take` the entries of a directory from where the file stands, until that answers `false` for
    /// one, which comes again.
    pub fn list(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        take: &mut dyn FnMut(&Listed) -> bool,
    ) -> Result<()> {
        let Object::Directory(_) = self.files[file].object else { return fail(Errno::ENOTDIR) };
        let dentry = self.directory_of(file)?;
        let inode = self.inode_id(dentry)?;
        if self.inodes[inode].attributes.links == 0 {
            return fail(Errno::ENOENT);
        }
        self.note_access(inode, context.now);
        if self.inodes[inode].remote.is_some() {
            return self.list_remote(file, take);
        }
        loop {
            let at = self.files[file].offset;
            let entry = match at {
                0 => Some(self.listed(b".", dentry, 1)?),
                1 => Some(self.listed(b"..", self.up(context, dentry), FIRST)?),
                _ => match self.inodes[inode].body {
                    Body::Proc(node) => self.list_proc(context, node, at),
                    _ => self.listed_after(dentry, at)?,
                },
            };
            let Some(entry) = entry else { return Ok(()) };
            if !take(&entry) {
                return Ok(());
            }
            self.files[file].offset = entry.next;
        }
    }

    fn listed(&self, name: &[u8], dentry: DentryId, next: u64) -> Result<Listed> {
        let inode = self.inode(dentry)?;
        let (number, kind) = (inode.number, Some(inode.attributes.kind));
        Ok(Listed { name: name.into(), number, kind, next })
    }

    /// The first entry of a directory in memory from `at` on.
    fn listed_after(&self, directory: DentryId, at: u64) -> Result<Option<Listed>> {
        let Body::Directory(entries, _) = &self.inode(directory)?.body else { return Ok(None) };
        let Some((place, dentry)) = entries.range(at..).next() else { return Ok(None) };
        let name = &self.dentries[*dentry].name;
        self.listed(name, *dentry, place + 1).map(Some)
    }

    fn list_remote(&mut self, file: FileId, take: &mut dyn FnMut(&Listed) -> bool) -> Result<()> {
        let mut given = false;
        loop {
            let it = &mut self.files[file];
            let (dentry, at) = (it.dentry, it.offset);
            let Object::Directory(listing) = &mut it.object else { return Ok(()) };
            if listing.cookie != at {
                *listing = Listing::new();
                listing.cookie = at;
            }
            let Some(entry) = listing.entries.front() else {
                if listing.complete || given {
                    listing.complete = false;
                    return Ok(());
                }
                let ask = Ask::List { file, cookie: at };
                let dentry = dentry.map_or_else(|| fail(Errno::ENOTDIR), Ok)?;
                return Err(Stop::Fetch(self.request(dentry, ask)?));
            };
            if !take(entry) {
                return Ok(());
            }
            given = true;
            let next = entry.next;
            listing.entries.pop_front();
            listing.cookie = next;
            it.offset = next;
        }
    }

    /// Keeps what the server has listed from `cookie` on.
    pub(crate) fn keep_listed(
        &mut self,
        file: FileId,
        cookie: u64,
        entries: alloc::vec::Vec<Listed>,
    ) {
        if let Object::Directory(listing) = &mut self.files[file].object {
            let complete = entries.is_empty();
            **listing = Listing { entries: entries.into(), cookie, complete };
        }
    }
}
