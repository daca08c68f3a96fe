//! What is known of nodes, and setting it.

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::{FileId, Object};
use crate::inode::{Attributes, Body, Changes, InodeId, Kind, Time};
use crate::page::{PAGE_BYTES, Pages};
use crate::permission::Wish;
use crate::remote::{Ask, Reported, Request};
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Origin, Vfs};
use crate::watch::Happening;

/// Pipes, sockets and the like have this number of a file system.
const ANONYMOUS: u64 = 0xf;
/// Times of access are noted if they are older than this, or than the contents (`relatime`).
const DAY: i64 = 24 * 60 * 60;

/// What is known of a node, and where it lies (`stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Number of the file system.
    pub device: u64,
    /// Number in it.
    pub number: u64,
    /// All else.
    pub attributes: Attributes,
}

impl Status {
    /// Kind and permissions in one.
    pub const fn mode(&self) -> u32 {
        self.attributes.kind.mode() | self.attributes.permissions as u32
    }
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// It stays.
    Keep,
    /// That of the call.
    Now,
    /// This.
    At(Time),
}

/// What is known of a file system (`statfs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceStatus {
    /// Number that tells its type.
    pub magic: u64,
    /// Space.
    pub space: Reported,
}

impl<P: Pages> Vfs<P> {
    fn status_of(&self, inode: InodeId) -> Status {
        let it = &self.inodes[inode];
        let device = self.filesystems[it.filesystem].device;
        let mut attributes = it.attributes;
        if let Body::Fifo(Some(pipe)) = it.body {
            attributes.size = self.pipe_length(pipe) as u64;
        }
        Status { device, number: it.number, attributes }
    }

    /// What a name leads to.
    pub fn status(&self, dentry: DentryId) -> Result<Status> {
        self.inode_id(dentry).map(|inode| self.status_of(inode))
    }

    /// What is open.
    pub fn file_status(&self, file: FileId) -> Status {
        let it = &self.files[file];
        let inode = match it.object {
            Object::File(inode) => Some(inode),
            _ => it.dentry.and_then(|dentry| self.dentries[dentry].inode),
        };
        if let Some(inode) = inode {
            return self.status_of(inode);
        }
        let kind = match it.object {
            Object::Pipe(..) => Kind::Fifo,
            Object::Socket(_) => Kind::Socket,
            _ => Kind::File,
        };
        let attributes = Attributes::new(kind, 0o600, (0, 0), Time::default());
        Status { device: ANONYMOUS, number: it.anonymous, attributes }
    }

    /// Whether the process may do that (`access`).
    pub fn check_access(&self, context: &Context<'_>, dentry: DentryId, wish: Wish) -> Result<()> {
        context.credentials.check(&self.inode(dentry)?.attributes, wish)
    }

    /// Sets attributes, and has the file server told.
    fn change(&mut self, inode: InodeId, changes: Changes, now: Time) {
        let it = &mut self.inodes[inode];
        let attributes = &mut it.attributes;
        attributes.permissions = changes.permissions.unwrap_or(attributes.permissions);
        attributes.user = changes.user.unwrap_or(attributes.user);
        attributes.group = changes.group.unwrap_or(attributes.group);
        attributes.accessed = changes.accessed.unwrap_or(attributes.accessed);
        attributes.modified = changes.modified.unwrap_or(attributes.modified);
        attributes.changed = now;
        if let Some(remote) = &mut it.remote {
            let all = &mut remote.changes;
            all.permissions = changes.permissions.or(all.permissions);
            all.user = changes.user.or(all.user);
            all.group = changes.group.or(all.group);
            all.accessed = changes.accessed.or(all.accessed);
            all.modified = changes.modified.or(all.modified);
        }
        self.list_dirty(inode);
    }

    fn changeable(&self, dentry: DentryId) -> Result<InodeId> {
        let inode = self.inode_id(dentry)?;
        match self.filesystems[self.inodes[inode].filesystem].origin {
            Origin::Proc => fail(Errno::EPERM),
            _ => Ok(inode),
        }
    }

    /// Sets permissions.
    pub fn change_mode(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        mode: u16,
    ) -> Result<()> {
        let inode = self.changeable(dentry)?;
        let attributes = self.inodes[inode].attributes;
        if attributes.kind == Kind::Link {
            return fail(Errno::EOPNOTSUPP);
        }
        if !context.credentials.is_owner(attributes.user) {
            return fail(Errno::EPERM);
        }
        let foreign =
            context.credentials.user != 0 && !context.credentials.is_member(attributes.group);
        let lost = if foreign { crate::permission::SET_GROUP } else { 0 };
        let permissions = Some(mode & 0o7777 & !lost);
        self.change(inode, Changes { permissions, ..Changes::default() }, context.now);
        self.happened_at(dentry, Happening::ATTRIBUTES);
        Ok(())
    }

    /// Sets owner and group, as far as they are given.
    pub fn change_owner(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        user: Option<u32>,
        group: Option<u32>,
    ) -> Result<()> {
        let inode = self.changeable(dentry)?;
        let attributes = self.inodes[inode].attributes;
        let credentials = context.credentials;
        let keeps_user = user.is_none_or(|user| user == attributes.user);
        let joins = group.is_none_or(|group| credentials.is_member(group));
        let may = credentials.user == attributes.user && keeps_user && joins;
        if credentials.user != 0 && !may {
            return fail(Errno::EPERM);
        }
        let file = attributes.kind == Kind::File;
        let nobody = crate::permission::Credentials { user: 1, ..Default::default() };
        let permissions = file.then(|| nobody.without_identity(attributes.permissions));
        self.change(inode, Changes { user, group, permissions, ..Changes::default() }, context.now);
        self.happened_at(dentry, Happening::ATTRIBUTES);
        Ok(())
    }

    /// Sets the times of access and of the last change.
    pub fn change_times(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<()> {
        let inode = self.changeable(dentry)?;
        let attributes = self.inodes[inode].attributes;
        if (accessed, modified) == (NewTime::Keep, NewTime::Keep) {
            return Ok(());
        }
        if !context.credentials.is_owner(attributes.user) {
            if (accessed, modified) != (NewTime::Now, NewTime::Now) {
                return fail(Errno::EPERM);
            }
            context.credentials.check(&attributes, Wish::WRITE)?;
        }
        let time = |new| match new {
            NewTime::Keep => None,
            NewTime::Now => Some(context.now),
            NewTime::At(time) => Some(time),
        };
        let (accessed, modified) = (time(accessed), time(modified));
        self.change(inode, Changes { accessed, modified, ..Changes::default() }, context.now);
        self.happened_at(dentry, Happening::ATTRIBUTES);
        Ok(())
    }

    /// Sets the size of what is at a path.
    pub fn truncate(&mut self, context: &Context<'_>, dentry: DentryId, size: u64) -> Result<()> {
        let inode = self.inode_id(dentry)?;
        let attributes = self.inodes[inode].attributes;
        match attributes.kind {
            Kind::Directory => return fail(Errno::EISDIR),
            Kind::File => {}
            _ => return fail(Errno::EINVAL),
        }
        context.credentials.check(&attributes, Wish::WRITE)?;
        self.resize(inode, size, context.now)?;
        self.drop_identity(context, inode);
        self.happened_at(dentry, Happening::MODIFY);
        Ok(())
    }

    /// Sets the size of an open file.
    pub fn truncate_file(&mut self, context: &Context<'_>, file: FileId, size: u64) -> Result<()> {
        let it = &self.files[file];
        match it.object {
            Object::File(inode) if it.flags.writes() => {
                self.resize(inode, size, context.now)?;
                self.drop_identity(context, inode);
                self.file_happened(file, Happening::MODIFY);
                Ok(())
            }
            _ => fail(Errno::EINVAL),
        }
    }

    /// Sees to it that an open file is at least so long (`fallocate`). Space is taken when it is written.
    pub fn extend_file(&mut self, context: &Context<'_>, file: FileId, size: u64) -> Result<()> {
        let it = &self.files[file];
        match it.object {
            Object::File(inode) if it.flags.writes() => {
                if size > self.inodes[inode].attributes.size {
                    self.resize(inode, size, context.now)?;
                }
                Ok(())
            }
            Object::Pipe(..) => fail(Errno::ESPIPE),
            Object::File(_) => fail(Errno::EBADF),
            _ => fail(Errno::ENODEV),
        }
    }

    /// Who writes to a file without all rights takes away its set-identity bits.
    pub(crate) fn drop_identity(&mut self, context: &Context<'_>, inode: InodeId) {
        let permissions = self.inodes[inode].attributes.permissions;
        let kept = context.credentials.without_identity(permissions);
        if kept != permissions {
            let changes = Changes { permissions: Some(kept), ..Changes::default() };
            self.change(inode, changes, context.now);
        }
    }

    /// Notes that a node was read, if that is news.
    pub(crate) fn note_access(&mut self, inode: InodeId, now: Time) {
        let it = &mut self.inodes[inode];
        let attributes = &mut it.attributes;
        let is_news = attributes.accessed <= attributes.modified.max(attributes.changed)
            || attributes.accessed.seconds + DAY <= now.seconds;
        if is_news && attributes.accessed != now {
            attributes.accessed = now;
            if let Some(remote) = &mut it.remote {
                remote.changes.accessed = Some(now);
                self.list_dirty(inode);
            }
        }
    }

    /// Notes that somebody typed at a terminal, by the name that it was opened by: `w` tells idle ones by that.
    pub(crate) fn note_typing(&mut self, dentry: Option<DentryId>, now: Time) {
        if let Some(inode) = dentry.and_then(|dentry| self.dentries[dentry].inode) {
            self.inodes[inode].attributes.accessed = now;
        }
    }

    /// The file system that a name belongs to. What the file server has to be asked is asked anew each
    /// time: give `fresh` when it has just been answered.
    pub fn space(&mut self, dentry: DentryId) -> Result<SpaceStatus> {
        let inode = self.inode_id(dentry)?;
        let it = &self.filesystems[self.inodes[inode].filesystem];
        Ok(match it.origin {
            Origin::Proc => {
                let space = Reported { block_bytes: PAGE_BYTES as u64, ..Reported::default() };
                let magic = if it.called.1 == "sysfs" { 0x6265_6572 } else { 0x9fa0 };
                SpaceStatus { magic, space }
            }
            Origin::Memory => {
                let most = self.most_pages as u64;
                let free = most - self.memory_pages.min(self.most_pages) as u64;
                let space = Reported {
                    block_bytes: PAGE_BYTES as u64,
                    blocks: (most, free),
                    nodes: (most, free),
                };
                SpaceStatus { magic: 0x0102_1994, space }
            }
            Origin::Remote => match self.space.take() {
                Some(space) => SpaceStatus { magic: 0xef53, space },
                None => return Err(Stop::Fetch(self.request_of(inode, Ask::Space))),
            },
        })
    }

    /// Has everything last that an open file was told (`fsync`).
    pub fn sync_file(&mut self, file: FileId) -> Result<()> {
        match self.files[file].object {
            Object::File(inode) => self.sync_inode(inode),
            Object::Directory(_) => {
                let dentry = self.directory_of(file)?;
                let inode = self.inode_id(dentry)?;
                self.sync_inode(inode)
            }
            _ => fail(Errno::EINVAL),
        }
    }

    fn sync_inode(&mut self, inode: InodeId) -> Result<()> {
        if self.inodes[inode].remote.is_none() {
            return Ok(());
        }
        if let Some(request) = self.flush_step(inode) {
            return Err(Stop::Fetch(request));
        }
        self.check_written(inode)?;
        Err(Stop::Commit(self.request_of(inode, Ask::Sync)))
    }

    /// Waits until nothing of a node is under way, and tells what went wrong, once.
    fn check_written(&mut self, inode: InodeId) -> Result<()> {
        let queue = self.queue_of_inode(inode);
        let Some(remote) = &mut self.inodes[inode].remote else { return Ok(()) };
        if remote.under_way > 0 {
            return Err(Stop::Wait(queue));
        }
        remote.error.take().map_or(Ok(()), fail)
    }

    /// Has everything last (`sync`).
    pub fn sync_all(&mut self) -> Result<()> {
        if let Some(request) = self.write_back() {
            return Err(Stop::Fetch(request));
        }
        if !self.dirty.is_empty() {
            return Err(Stop::Wait(self.written));
        }
        self.sync_request().map_or(Ok(()), |request| Err(Stop::Commit(request)))
    }

    /// Asks the file server to have everything last that it was told; `None` if there is none.
    pub fn sync_request(&mut self) -> Option<Request> {
        let remote = self.filesystems.iter().find(|it| it.origin == Origin::Remote)?;
        let root = self.dentries[remote.root].inode?;
        Some(self.request_of(root, Ask::Sync))
    }
}
