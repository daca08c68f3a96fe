//! Files that tell what happens to others (`inotify`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bitflags::bitflags;
use koito_linux::Errno;

use crate::arena::Id;
use crate::buffer::Target;
use crate::dentry::DentryId;
use crate::file::{File, FileId, Flags, Object};
use crate::inode::{InodeId, Kind};
use crate::page::Pages;
use crate::queue::QueueId;
use crate::stop::{Result, fail};
use crate::vfs::Vfs;

bitflags! {
    /// What happens to a file, as Linux numbers it; and how it is watched.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Happening: u32 {
        /// It was read.
        const ACCESS = 0x1;
        /// It was written, or its length changed.
        const MODIFY = 0x2;
        /// Its attributes changed.
        const ATTRIBUTES = 0x4;
        /// It was closed by who could write.
        const CLOSE_WRITE = 0x8;
        /// It was closed by who could not.
        const CLOSE_OTHER = 0x10;
        /// It was opened.
        const OPEN = 0x20;
        /// It lost its name in this directory to another place.
        const MOVED_FROM = 0x40;
        /// It got a name in this directory, from another place.
        const MOVED_TO = 0x80;
        /// It was made, in this directory.
        const CREATE = 0x100;
        /// It was removed from this directory.
        const DELETE = 0x200;
        /// The watched file itself was removed.
        const DELETE_SELF = 0x400;
        /// It was moved itself.
        const MOVE_SELF = 0x800;
        /// All that can be asked for.
        const ALL = 0xfff;
        /// More happened than there was room for.
        const OVERFLOW = 0x4000;
        /// It is watched no more.
        const IGNORED = 0x8000;
        /// Only a directory is to be watched.
        const ONLY_DIRECTORY = 0x0100_0000;
        /// A link itself is to be watched.
        const NO_FOLLOW = 0x0200_0000;
        /// Names that were removed are of no interest.
        const NOT_UNLINKED = 0x0400_0000;
        /// It is not watched yet.
        const NEW = 0x1000_0000;
        /// This is wanted beside what is wanted already.
        const ADD = 0x2000_0000;
        /// It concerns a directory.
        const DIRECTORY = 0x4000_0000;
        /// The first thing that happens is the last that is told.
        const ONCE = 0x8000_0000;
    }
}

/// What waits to be read, at most.
const MOST_EVENTS: usize = 4096;
/// Bytes before the name of an event.
const HEADER: usize = 16;

#[derive(Clone, Debug)]
struct Watch {
    number: i32,
    /// Held.
    inode: InodeId,
    wanted: Happening,
}

/// What a file tells, and of what.
#[derive(Clone, Debug)]
pub struct Watcher {
    watches: Vec<Watch>,
    /// What happened, as it is read.
    events: VecDeque<Vec<u8>>,
    last_number: i32,
    pub(crate) queue: QueueId,
}

/// Number of a watcher.
pub type WatcherId = Id<Watcher>;

impl Watcher {
    /// Whether there is something to read.
    pub(crate) fn is_ready(&self) -> bool {
        !self.events.is_empty()
    }

    /// Bytes that could be read.
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(Vec::len).sum()
    }

    fn tell(&mut self, number: i32, what: Happening, cookie: u32, name: &[u8]) {
        let full = self.events.len() == MOST_EVENTS;
        let (number, what, name) = match full {
            false => (number, what, name),
            true => (-1, Happening::OVERFLOW, &[][..]),
        };
        let length = if name.is_empty() { 0 } else { (name.len() + 1).next_multiple_of(HEADER) };
        let mut event = Vec::with_capacity(HEADER + length);
        event.extend(number.to_le_bytes());
        for word in [what.bits(), cookie, length as u32] {
            event.extend(word.to_le_bytes());
        }
        event.extend_from_slice(name);
        event.resize(HEADER + length, 0);
        // What was told last is not told again.
        if self.events.back() != Some(&event) && self.events.len() <= MOST_EVENTS {
            self.events.push_back(event);
        }
    }
}

impl<P: Pages> Vfs<P> {
    /// A file that tells nothing yet.
    pub fn watcher(&mut self, flags: Flags) -> FileId {
        let queue = self.queues.add();
        let watcher =
            Watcher { watches: Vec::new(), events: VecDeque::new(), last_number: 0, queue };
        let watcher = self.watchers.insert(watcher);
        let flags = flags & Flags::NONBLOCK;
        self.add_file(File::new(Object::Watcher(watcher), flags, None))
    }

    fn watcher_of(&self, file: FileId) -> Result<WatcherId> {
        match self.files[file].object {
            Object::Watcher(watcher) => Ok(watcher),
            _ => fail(Errno::EINVAL),
        }
    }

    /// Has a file tell what happens to what is at `dentry`; answers the number of the watch.
    pub fn watch(&mut self, file: FileId, dentry: DentryId, wanted: Happening) -> Result<i32> {
        let watcher = self.watcher_of(file)?;
        let inode = self.inode_id(dentry)?;
        let is_directory = self.inodes[inode].attributes.kind == Kind::Directory;
        if wanted.contains(Happening::ONLY_DIRECTORY) && !is_directory {
            return fail(Errno::ENOTDIR);
        }
        let kept = wanted & (Happening::ALL | Happening::ONCE);
        if (kept & Happening::ALL).is_empty() || wanted.contains(Happening::NEW | Happening::ADD) {
            return fail(Errno::EINVAL);
        }
        let it = &mut self.watchers[watcher];
        if let Some(watch) = it.watches.iter_mut().find(|watch| watch.inode == inode) {
            if wanted.contains(Happening::NEW) {
                return fail(Errno::EEXIST);
            }
            let before = if wanted.contains(Happening::ADD) { watch.wanted } else { kept };
            watch.wanted = kept | before;
            return Ok(watch.number);
        }
        it.last_number += 1;
        let number = it.last_number;
        it.watches.push(Watch { number, inode, wanted: kept });
        self.watches += 1;
        self.hold_inode(inode);
        Ok(number)
    }

    /// Ends a watch; `EINVAL` if there is none with this number.
    pub fn unwatch(&mut self, file: FileId, number: i32) -> Result<()> {
        let watcher = self.watcher_of(file)?;
        let mut watches = self.watchers[watcher].watches.iter();
        match watches.position(|watch| watch.number == number) {
            Some(place) => {
                self.end_watch(watcher, place);
                Ok(())
            }
            None => fail(Errno::EINVAL),
        }
    }

    fn end_watch(&mut self, watcher: WatcherId, place: usize) {
        let it = &mut self.watchers[watcher];
        let watch = it.watches.remove(place);
        it.tell(watch.number, Happening::IGNORED, 0, &[]);
        let queue = it.queue;
        self.watches -= 1;
        self.queues.wake(queue);
        self.release_inode(watch.inode);
    }

    pub(crate) fn close_watcher(&mut self, watcher: WatcherId) {
        while !self.watchers[watcher].watches.is_empty() {
            self.end_watch(watcher, 0);
        }
        if let Some(gone) = self.watchers.remove(watcher) {
            self.queues.remove(gone.queue);
        }
    }

    /// Bytes that could be read from a file that tells what happens.
    pub fn watched_bytes(&self, watcher: WatcherId) -> usize {
        self.watchers[watcher].bytes()
    }

    pub(crate) fn read_watcher(
        &mut self,
        file: FileId,
        watcher: WatcherId,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let it = &mut self.watchers[watcher];
        let Some(first) = it.events.front() else {
            let queue = it.queue;
            return self.would_wait(file, queue);
        };
        if first.len() > target.room() {
            return fail(Errno::EINVAL);
        }
        let mut done = 0;
        while let Some(event) = it.events.front()
            && event.len() <= target.room()
        {
            target.put(event)?;
            done += event.len();
            it.events.pop_front();
        }
        Ok(done)
    }

    /// Something happened to a node, by one of its names if one is given.
    pub(crate) fn happened(
        &mut self,
        inode: InodeId,
        what: Happening,
        (cookie, name): (u32, &[u8]),
    ) {
        if self.watches == 0 {
            return;
        }
        for watcher in self.watchers.ids().collect::<Vec<_>>() {
            let it = &mut self.watchers[watcher];
            let watched = |watch: &Watch| watch.inode == inode && watch.wanted.intersects(what);
            let Some(place) = it.watches.iter().position(watched) else { continue };
            let (number, wanted) = (it.watches[place].number, it.watches[place].wanted);
            it.tell(number, what, cookie, name);
            let queue = it.queue;
            self.queues.wake(queue);
            if wanted.contains(Happening::ONCE) {
                self.end_watch(watcher, place);
            }
        }
    }

    /// Something happened to what is at a name: its directory hears of it, too.
    pub(crate) fn happened_at(&mut self, dentry: DentryId, what: Happening) {
        if self.watches == 0 {
            return;
        }
        let it = &self.dentries[dentry];
        let (Some(inode), parent) = (it.inode, it.parent) else { return };
        let what = match self.inodes[inode].attributes.kind {
            Kind::Directory => what | Happening::DIRECTORY,
            _ => what,
        };
        let name = it.name.clone();
        if let Some(directory) = self.dentries[parent].inode.filter(|_| parent != dentry) {
            self.happened(directory, what, (0, &name));
        }
        self.happened(inode, what, (0, &[]));
    }

    /// Something happened to an open file.
    pub(crate) fn file_happened(&mut self, file: FileId, what: Happening) {
        if let Some(dentry) = self.files[file].dentry {
            self.happened_at(dentry, what);
        }
    }

    /// A name came to a directory, or left it.
    pub(crate) fn name_happened(
        &mut self,
        directory: DentryId,
        name: &[u8],
        (what, cookie): (Happening, u32),
        kind: Kind,
    ) {
        let Some(inode) = self.dentries[directory].inode.filter(|_| self.watches > 0) else {
            return;
        };
        let of_directory =
            if kind == Kind::Directory { Happening::DIRECTORY } else { Happening::empty() };
        self.happened(inode, what | of_directory, (cookie, name));
    }

    /// A node has lost its last name: nobody watches it any more.
    pub(crate) fn watched_is_gone(&mut self, inode: InodeId) {
        if self.watches == 0 {
            return;
        }
        self.happened(inode, Happening::DELETE_SELF, (0, &[]));
        for watcher in self.watchers.ids().collect::<Vec<_>>() {
            let mut watches = self.watchers[watcher].watches.iter();
            if let Some(place) = watches.position(|watch| watch.inode == inode) {
                self.end_watch(watcher, place);
            }
        }
    }

    /// A number that the two halves of a move have in common.
    pub(crate) fn next_move(&mut self) -> u32 {
        self.last_move = self.last_move.wrapping_add(1).max(1);
        self.last_move
    }
}
