//! Names in memory. In a file system in memory they are all there is; of the file server's they are a cache,
//! of names that exist and of such that do not.

use alloc::boxed::Box;
use core::hash::BuildHasher;

use koito_linux::Errno;

use crate::arena::Id;
use crate::inode::{Inode, InodeId, Kind};
use crate::page::Pages;
use crate::stop::{Result, fail};
use crate::vfs::{Origin, Vfs};

/// Names of the file server that nobody uses, kept at most.
const MOST_IDLE: usize = 4096;

/// A name.
#[derive(Clone, Debug)]
pub struct Dentry {
    /// The directory that it stands in; the root is its own.
    pub parent: DentryId,
    /// The name; empty for roots.
    pub name: Box<[u8]>,
    /// What it leads to; `None` if it is known that there is nothing.
    pub inode: Option<InodeId>,
    /// Names in it, and everybody who holds it.
    pub uses: u32,
    /// The root that is mounted here.
    pub mounted: Option<DentryId>,
    /// Of a mounted root, the name that it covers.
    pub covers: Option<DentryId>,
    /// Its place in a directory in memory.
    pub cookie: u64,
    /// It can be found; else it was removed, and lives on for those who hold it.
    pub found: bool,
    /// It was used since the last search for something to forget.
    pub recent: bool,
    /// It stands in the list of what can be forgotten.
    pub idle: bool,
}

impl Dentry {
    /// One that somebody holds, with nothing in it or mounted on it.
    fn held_once(parent: DentryId, name: Box<[u8]>, inode: Option<InodeId>) -> Self {
        Self {
            parent,
            name,
            inode,
            uses: 1,
            mounted: None,
            covers: None,
            cookie: 0,
            found: true,
            recent: true,
            idle: false,
        }
    }
}

/// Number of a name.
pub type DentryId = Id<Dentry>;

impl<P: Pages> Vfs<P> {
    fn hash_name(&self, parent: DentryId, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    /// The name in memory.
    pub(crate) fn cached(&self, parent: DentryId, name: &[u8]) -> Option<DentryId> {
        let hash = self.hash_name(parent, name);
        let is_it = |it: &DentryId| {
            let dentry = &self.dentries[*it];
            dentry.parent == parent && *dentry.name == *name
        };
        self.names.find(hash, is_it).copied()
    }

    /// Adds a name, which is not there yet, held once. The use of `inode` passes to it.
    pub(crate) fn add_name(
        &mut self,
        parent: DentryId,
        name: &[u8],
        inode: Option<InodeId>,
    ) -> DentryId {
        let dentry = self.dentries.insert(Dentry::held_once(parent, name.into(), inode));
        self.pin(parent);
        self.hash_in(dentry);
        dentry
    }

    /// Adds a root, held once.
    pub(crate) fn add_root(&mut self, inode: InodeId) -> DentryId {
        let root = DentryId::new(u32::MAX);
        let dentry = self.dentries.insert(Dentry::held_once(root, Box::default(), Some(inode)));
        self.dentries[dentry].parent = dentry;
        dentry
    }

    pub(crate) fn hash_in(&mut self, dentry: DentryId) {
        let Self { dentries, hasher, names, .. } = self;
        let hash = |it: &DentryId| {
            let dentry = &dentries[*it];
            hasher.hash_one((dentry.parent, &*dentry.name))
        };
        names.insert_unique(hash(&dentry), dentry, hash);
        self.dentries[dentry].found = true;
    }

    /// Takes a name out of its directory; it lives on for those who hold it.
    pub(crate) fn hash_out(&mut self, dentry: DentryId) {
        let it = &mut self.dentries[dentry];
        if !core::mem::replace(&mut it.found, false) {
            return;
        }
        let hash = self.hasher.hash_one((it.parent, &*it.name));
        if let Ok(entry) = self.names.find_entry(hash, |other| *other == dentry) {
            entry.remove();
        }
    }

    /// Holds a name.
    pub fn pin(&mut self, dentry: DentryId) {
        self.dentries[dentry].uses += 1;
    }

    /// Gives back one hold.
    pub fn unpin(&mut self, dentry: DentryId) {
        if self.let_go(dentry) {
            self.forget_idle();
        }
    }

    /// The same without a look at others; whether there is one more idle name.
    fn let_go(&mut self, dentry: DentryId) -> bool {
        let mut dentry = dentry;
        loop {
            let it = &mut self.dentries[dentry];
            it.uses -= 1;
            if it.uses > 0 {
                return false;
            }
            let parent = it.parent;
            if it.found && self.origin(parent) != Origin::Memory {
                let is_new = !core::mem::replace(&mut self.dentries[dentry].idle, true);
                if is_new {
                    self.idle.push_back(dentry);
                }
                return is_new;
            }
            self.drop_name(dentry);
            if parent == dentry {
                return false;
            }
            dentry = parent;
        }
    }

    /// Removes a name that nobody holds. The hold of its parent remains to be given back.
    fn drop_name(&mut self, dentry: DentryId) {
        self.hash_out(dentry);
        let gone = self.dentries.remove(dentry);
        if let Some(inode) = gone.and_then(|it| it.inode) {
            self.release_inode(inode);
        }
    }

    /// Forgets a few names of the file server, if there are too many.
    fn forget_idle(&mut self) {
        let mut chances = 64;
        while self.idle.len() > MOST_IDLE && chances > 0 {
            chances -= 1;
            let Some(dentry) = self.idle.pop_front() else { return };
            let Some(it) = self.dentries.get_mut(dentry).filter(|it| it.idle) else { continue };
            if it.uses > 0 {
                it.idle = false;
                continue;
            }
            if core::mem::replace(&mut it.recent, false) && it.found {
                self.idle.push_back(dentry);
                continue;
            }
            let parent = it.parent;
            self.drop_name(dentry);
            // That may be idle now: its turn comes, but not within this one.
            self.let_go(parent);
        }
    }

    /// Forgets names in a directory that was removed: nothing is there, but they would keep it.
    fn forget_children(&mut self, directory: DentryId) {
        for _ in 0..self.idle.len() {
            let Some(dentry) = self.idle.pop_front() else { return };
            match self.dentries.get(dentry).filter(|it| it.idle) {
                Some(it) if it.parent == directory && it.uses == 0 => {
                    self.drop_name(dentry);
                    self.let_go(directory);
                }
                Some(_) => self.idle.push_back(dentry),
                None => {}
            }
        }
    }

    /// A name is not found any more: whoever holds it keeps it, else it goes. A directory is held by the caller.
    pub(crate) fn detach(&mut self, dentry: DentryId) {
        let is_removed = |inode: InodeId| {
            let it = &self.inodes[inode].attributes;
            it.kind == Kind::Directory && it.links == 0
        };
        if self.dentries[dentry].inode.is_some_and(is_removed) && self.dentries[dentry].uses > 1 {
            self.forget_children(dentry);
        }
        self.hash_out(dentry);
        let it = &self.dentries[dentry];
        if it.uses == 0 {
            let parent = it.parent;
            self.drop_name(dentry);
            self.unpin(parent);
        }
    }

    /// What a name leads to; it exists.
    pub(crate) fn inode_id(&self, dentry: DentryId) -> Result<InodeId> {
        self.dentries[dentry].inode.map_or_else(|| fail(Errno::ENOENT), Ok)
    }

    pub(crate) fn inode(&self, dentry: DentryId) -> Result<&Inode> {
        self.inode_id(dentry).map(|id| &self.inodes[id])
    }

    pub(crate) fn hold_inode(&mut self, inode: InodeId) {
        self.inodes[inode].uses += 1;
    }

    /// Gives back one use of a node. Nobody uses it any more: it goes, as soon as nothing of it has to be
    /// written back.
    pub(crate) fn release_inode(&mut self, inode: InodeId) {
        let it = &mut self.inodes[inode];
        it.uses -= 1;
        if it.uses > 0 {
            return;
        }
        if it.remote.is_some() {
            self.forget_node(inode);
        }
        self.drop_contents(inode);
        if let Some(gone) = self.inodes.remove(inode)
            && let Some(queue) = gone.queue
        {
            self.queues.remove(queue);
        }
    }
}
