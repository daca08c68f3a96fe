//! Renaming.

use alloc::boxed::Box;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::inode::{Attributes, Kind, Time};
use crate::page::Pages;
use crate::permission::Wish;
use crate::remote::{Ask, Rename};
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Origin, Vfs};
use crate::walk::Last;
use crate::watch::Happening;

impl<P: Pages> Vfs<P> {
    /// Renames: `from` and `to` are paths from their starts.
    pub fn rename(
        &mut self,
        context: &Context<'_>,
        (start, path): (DentryId, &[u8]),
        (new_start, new_path): (DentryId, &[u8]),
        how: Rename,
    ) -> Result<()> {
        let from = self.walk(context, start, path, Last::Keep)?;
        let to = self.walk(context, new_start, new_path, Last::Keep)?;
        if from.name.is_empty() || to.name.is_empty() {
            return fail(Errno::EBUSY);
        }
        let dentry = from.existing()?;
        let (source, destination) = (self.inode_id(from.parent)?, self.inode_id(to.parent)?);
        if self.inodes[source].filesystem != self.inodes[destination].filesystem {
            return fail(Errno::EXDEV);
        }
        let node = self.inode(dentry)?.attributes;
        let is_directory = node.kind == Kind::Directory;
        if (from.slash || to.slash) && !is_directory {
            return fail(Errno::ENOTDIR);
        }
        context.credentials.check_removal(&self.inodes[source].attributes, &node)?;
        let directory = self.inodes[destination].attributes;
        context.credentials.check(&directory, Wish::WRITE.and(Wish::EXECUTE))?;
        let replaced = to.dentry;
        match replaced {
            Some(_) if how == Rename::Keep => return fail(Errno::EEXIST),
            None if how == Rename::Exchange => return fail(Errno::ENOENT),
            _ => {}
        }
        if self.lies_in(to.parent, dentry) {
            return fail(Errno::EINVAL);
        }
        if replaced.is_some_and(|it| self.lies_in(from.parent, it)) {
            let exchanges = how == Rename::Exchange;
            return fail(if exchanges { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if let Some(replaced) = replaced {
            if self.inode_id(replaced)? == self.inode_id(dentry)? {
                return Ok(());
            }
            self.check_replacing(context, replaced, &directory, is_directory, how)?;
        }
        if directory.links == 0 {
            return fail(Errno::ENOENT);
        }
        if self.dentries[dentry].covers.is_some() {
            return fail(Errno::EBUSY);
        }
        let now = context.now;
        match self.origin(from.parent) {
            Origin::Proc => fail(Errno::EPERM),
            Origin::Remote => {
                let to_node = self.inodes[destination].remote.as_ref().map_or(0, |it| it.node);
                let (name, new_name, to) = (from.name, to.name, to.parent);
                let ask = Ask::Rename { dentry, name, to, to_node, new_name, replaced, how, now };
                Err(Stop::Commit(self.request(from.parent, ask)?))
            }
            Origin::Memory => {
                self.renamed(dentry, to.parent, &to.name, replaced, how, now);
                Ok(())
            }
        }
    }

    fn check_replacing(
        &self,
        context: &Context<'_>,
        replaced: DentryId,
        directory: &Attributes,
        is_directory: bool,
        how: Rename,
    ) -> Result<()> {
        let it = self.inode(replaced)?.attributes;
        context.credentials.check_removal(directory, &it)?;
        if self.dentries[replaced].covers.is_some() {
            return fail(Errno::EBUSY);
        }
        if how == Rename::Exchange {
            return Ok(());
        }
        match (is_directory, it.kind == Kind::Directory) {
            (true, false) => fail(Errno::ENOTDIR),
            (false, true) => fail(Errno::EISDIR),
            (true, true) if !self.is_empty(replaced)? => fail(Errno::ENOTEMPTY),
            _ => Ok(()),
        }
    }

    /// Whether `dentry` is `root` or lies below.
    fn lies_in(&self, dentry: DentryId, root: DentryId) -> bool {
        let mut here = dentry;
        loop {
            if here == root {
                return true;
            }
            let parent = self.dentries[here].parent;
            if parent == here {
                return false;
            }
            here = parent;
        }
    }

    /// A name has moved, and what had its new name is gone, or has its old one.
    pub(crate) fn renamed(
        &mut self,
        dentry: DentryId,
        to: DentryId,
        new_name: &[u8],
        replaced: Option<DentryId>,
        how: Rename,
        now: Time,
    ) {
        let from = self.dentries[dentry].parent;
        let old_name = self.dentries[dentry].name.clone();
        let in_memory = self.origin(from) == Origin::Memory;
        self.pin(from);
        self.pin(to);
        self.take_out(from, dentry);
        if let Some(replaced) = replaced {
            self.take_out(to, replaced);
            if how == Rename::Exchange {
                self.move_name(replaced, from, old_name.clone());
                self.enter(from, replaced);
            } else {
                if let Some(directory) = self.dentries[to].inode {
                    self.removed(directory, replaced, now);
                }
                if in_memory {
                    self.unpin(replaced);
                }
            }
        }
        // The server's names may include one that is known not to be.
        if let Some(stale) = self.cached(to, new_name).filter(|it| *it != dentry) {
            self.detach(stale);
        }
        self.move_name(dentry, to, new_name.into());
        self.enter(to, dentry);
        for directory in [from, to] {
            if let Some(inode) = self.dentries[directory].inode {
                self.inodes[inode].attributes.touch(now);
            }
        }
        if let Some(inode) = self.dentries[dentry].inode {
            self.inodes[inode].attributes.changed = now;
            if self.watches > 0 {
                let (kind, cookie) = (self.inodes[inode].attributes.kind, self.next_move());
                self.name_happened(from, &old_name, (Happening::MOVED_FROM, cookie), kind);
                self.name_happened(to, new_name, (Happening::MOVED_TO, cookie), kind);
                self.happened(inode, Happening::MOVE_SELF, (0, &[]));
            }
        }
        self.unpin(to);
        self.unpin(from);
    }

    fn move_name(&mut self, dentry: DentryId, to: DentryId, name: Box<[u8]>) {
        self.hash_out(dentry);
        self.pin(to);
        let it = &mut self.dentries[dentry];
        let from = core::mem::replace(&mut it.parent, to);
        it.name = name;
        self.hash_in(dentry);
        self.unpin(from);
    }
}
