//! Making, linking, renaming and removing names.

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::inode::{Attributes, Body, InodeId, Kind, Time};
use crate::list::OLDEST;
use crate::page::Pages;
use crate::permission::{SET_GROUP, Wish};
use crate::remote::{Ask, Maker, New};
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Origin, Vfs};
use crate::walk::{Found, Last};
use crate::watch::Happening;

impl<P: Pages> Vfs<P> {
    /// Makes a node at a place where nothing is. Its name is held for the caller.
    pub(crate) fn make(
        &mut self,
        context: &Context<'_>,
        found: &Found,
        new: New,
        mode: u16,
    ) -> Result<DentryId> {
        let directory = self.inode(found.parent)?.attributes;
        if directory.links == 0 {
            return fail(Errno::ENOENT);
        }
        context.credentials.check(&directory, Wish::WRITE.and(Wish::EXECUTE))?;
        let kind = new.kind();
        let inherits = directory.permissions & SET_GROUP != 0;
        let mut permissions =
            if kind == Kind::Link { 0o777 } else { mode & 0o7777 & !context.umask };
        if inherits && kind == Kind::Directory {
            permissions |= SET_GROUP;
        }
        let group = if inherits { directory.group } else { context.credentials.group };
        let (user, now) = (context.credentials.user, context.now);
        match self.origin(found.parent) {
            Origin::Proc => fail(Errno::ENOENT),
            Origin::Remote => {
                let maker = Maker { user, group, permissions, now };
                let (parent, name) = (found.parent, found.name.clone());
                let ask = Ask::Create { parent, name, new, maker, exclusive: kind != Kind::File };
                let inode = self.inode_id(found.parent)?;
                self.find_room_for_name(inode)?;
                Err(Stop::Commit(self.request(found.parent, ask)?))
            }
            Origin::Memory => {
                let mut attributes = Attributes::new(kind, permissions, (user, group), now);
                let body = match new {
                    New::File => Body::File(Default::default()),
                    New::Directory => Body::Directory(Default::default(), OLDEST),
                    New::Link(target) => {
                        attributes.size = target.len() as u64;
                        Body::Link(Some(target.into()))
                    }
                    New::Fifo => Body::Fifo(None),
                    New::Socket => Body::Socket(None),
                    New::Device(_, major, minor) => {
                        attributes.device = (major, minor);
                        Body::Plain
                    }
                };
                let made = self.add_entry(found.parent, &found.name, attributes, body);
                if let Some(directory) = self.dentries[found.parent].inode {
                    self.inodes[directory].attributes.touch(now);
                }
                self.name_happened(found.parent, &found.name, (Happening::CREATE, 0), kind);
                self.pin(made);
                Ok(made)
            }
        }
    }

    /// Adds a node to a directory in memory, under a name that is not there. The entry holds the name.
    pub(crate) fn add_entry(
        &mut self,
        parent: DentryId,
        name: &[u8],
        mut attributes: Attributes,
        body: Body,
    ) -> DentryId {
        let directory = self.dentries[parent].inode.map_or(0, |it| self.inodes[it].filesystem);
        if attributes.kind == Kind::Directory {
            attributes.links = 2;
        }
        let inode = self.add_inode(directory, attributes, body);
        let dentry = self.add_name(parent, name, Some(inode));
        self.enter(parent, dentry);
        dentry
    }

    /// Puts a name into the list of its directory in memory.
    pub(crate) fn enter(&mut self, parent: DentryId, dentry: DentryId) {
        let is_directory = self.inode(dentry).is_ok_and(|it| it.attributes.kind == Kind::Directory);
        if let Some(inode) = self.dentries[parent].inode {
            let it = &mut self.inodes[inode];
            it.attributes.links += u32::from(is_directory);
            if let Body::Directory(entries, next) = &mut it.body {
                entries.insert(*next, dentry);
                self.dentries[dentry].cookie = *next;
                *next -= 1;
            }
        }
    }

    /// Takes a name out of the list of its directory in memory.
    pub(crate) fn take_out(&mut self, parent: DentryId, dentry: DentryId) {
        let is_directory = self.inode(dentry).is_ok_and(|it| it.attributes.kind == Kind::Directory);
        if let Some(inode) = self.dentries[parent].inode {
            let it = &mut self.inodes[inode];
            it.attributes.links -= u32::from(is_directory && it.attributes.links > 0);
            if let Body::Directory(entries, _) = &mut it.body {
                entries.remove(&self.dentries[dentry].cookie);
            }
        }
    }

    /// Makes a node of any kind but a directory or link (`mknod`).
    pub fn make_node(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        new: New,
        mode: u16,
    ) -> Result<()> {
        if matches!(new, New::Device(..)) && context.credentials.user != 0 {
            return fail(Errno::EPERM);
        }
        let found = self.walk(context, start, path, Last::Keep)?;
        if found.dentry.is_some() || found.open.is_some() {
            return fail(Errno::EEXIST);
        }
        if found.slash && !matches!(new, New::Directory) {
            return fail(Errno::ENOENT);
        }
        let made = self.make(context, &found, new, mode)?;
        self.unpin(made);
        Ok(())
    }

    /// Makes a directory.
    pub fn make_directory(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        mode: u16,
    ) -> Result<()> {
        self.make_node(context, start, path, New::Directory, mode & 0o1777)
    }

    /// Makes a symbolic link.
    pub fn make_link(
        &mut self,
        context: &Context<'_>,
        target: &[u8],
        start: DentryId,
        path: &[u8],
    ) -> Result<()> {
        if target.is_empty() {
            return fail(Errno::ENOENT);
        }
        self.make_node(context, start, path, New::Link(target.into()), 0o777)
    }

    /// Gives what `old` leads to a further name.
    pub fn link(
        &mut self,
        context: &Context<'_>,
        old: DentryId,
        start: DentryId,
        path: &[u8],
    ) -> Result<()> {
        let found = self.walk(context, start, path, Last::Keep)?;
        if found.dentry.is_some() || found.open.is_some() {
            return fail(Errno::EEXIST);
        }
        if found.slash {
            return fail(Errno::ENOENT);
        }
        let target = self.inode_id(old)?;
        let directory = self.inode_id(found.parent)?;
        if self.inodes[target].filesystem != self.inodes[directory].filesystem {
            return fail(Errno::EXDEV);
        }
        if self.inodes[target].attributes.kind == Kind::Directory {
            return fail(Errno::EPERM);
        }
        if self.inodes[target].attributes.links == 0 && !self.inodes[target].may_be_named {
            return fail(Errno::ENOENT);
        }
        let attributes = self.inodes[directory].attributes;
        context.credentials.check(&attributes, Wish::WRITE.and(Wish::EXECUTE))?;
        let (parent, name, now) = (found.parent, found.name, context.now);
        match self.origin(parent) {
            Origin::Proc => fail(Errno::EPERM),
            Origin::Remote => {
                let node = self.inodes[target].remote.as_ref().map_or(0, |it| it.node);
                let ask = Ask::Link { parent, name, target, node, now };
                Err(Stop::Commit(self.request(parent, ask)?))
            }
            Origin::Memory => {
                self.hold_inode(target);
                let dentry = self.add_name(parent, &name, Some(target));
                self.enter(parent, dentry);
                self.inodes[directory].attributes.touch(now);
                let it = &mut self.inodes[target];
                it.may_be_named = false;
                it.attributes.links += 1;
                it.attributes.changed = now;
                self.happened(target, Happening::ATTRIBUTES, (0, &[]));
                self.name_happened(parent, &name, (Happening::CREATE, 0), Kind::File);
                Ok(())
            }
        }
    }

    /// Removes a name that is no directory's.
    pub fn unlink(&mut self, context: &Context<'_>, start: DentryId, path: &[u8]) -> Result<()> {
        let found = self.walk(context, start, path, Last::Keep)?;
        let dentry = found.existing()?;
        if self.inode(dentry)?.attributes.kind == Kind::Directory {
            return fail(Errno::EISDIR);
        }
        if found.slash {
            return fail(Errno::ENOTDIR);
        }
        self.remove(context, &found, dentry, false)
    }

    /// Removes an empty directory.
    pub fn remove_directory(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
    ) -> Result<()> {
        let found = self.walk(context, start, path, Last::Keep)?;
        let dentry = found.existing()?;
        if found.name.is_empty() {
            let is_dot = path.ends_with(b".") && !path.ends_with(b"..");
            let is_up = path.ends_with(b"..");
            return fail(match (is_dot, is_up) {
                (true, _) => Errno::EINVAL,
                (_, true) => Errno::ENOTEMPTY,
                _ => Errno::EBUSY,
            });
        }
        if self.inode(dentry)?.attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        if self.dentries[dentry].covers.is_some() {
            return fail(Errno::EBUSY);
        }
        self.remove(context, &found, dentry, true)
    }

    fn remove(
        &mut self,
        context: &Context<'_>,
        found: &Found,
        dentry: DentryId,
        directory: bool,
    ) -> Result<()> {
        let parent = self.inode_id(found.parent)?;
        let attributes = self.inode(dentry)?.attributes;
        context.credentials.check_removal(&self.inodes[parent].attributes, &attributes)?;
        let now = context.now;
        match self.origin(found.parent) {
            Origin::Proc => fail(Errno::EPERM),
            Origin::Remote => {
                let ask = Ask::Remove { dentry, name: found.name.clone(), directory, now };
                Err(Stop::Commit(self.request(found.parent, ask)?))
            }
            Origin::Memory => {
                if !self.is_empty(dentry)? {
                    return fail(Errno::ENOTEMPTY);
                }
                self.take_out(found.parent, dentry);
                self.removed(parent, dentry, now);
                self.unpin(dentry);
                Ok(())
            }
        }
    }

    pub(crate) fn is_empty(&self, dentry: DentryId) -> Result<bool> {
        Ok(match &self.inode(dentry)?.body {
            Body::Directory(entries, _) => entries.is_empty(),
            _ => true,
        })
    }

    /// A name was removed from `directory`.
    pub(crate) fn removed(&mut self, directory: InodeId, dentry: DentryId, now: Time) {
        if let Some(inode) = self.dentries[dentry].inode {
            let attributes = &mut self.inodes[inode].attributes;
            let is_directory = attributes.kind == Kind::Directory;
            attributes.links = if is_directory { 0 } else { attributes.links.saturating_sub(1) };
            attributes.changed = now;
            let (kind, is_last) = (attributes.kind, attributes.links == 0);
            self.inodes[directory].attributes.touch(now);
            if self.watches > 0 {
                let (parent, name) =
                    (self.dentries[dentry].parent, self.dentries[dentry].name.clone());
                self.happened(inode, Happening::ATTRIBUTES, (0, &[]));
                self.name_happened(parent, &name, (Happening::DELETE, 0), kind);
                if is_last {
                    self.watched_is_gone(inode);
                }
            }
        }
        self.detach(dentry);
    }
}
