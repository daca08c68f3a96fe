//! Opening files.

use koito_linux::Errno;

use crate::buffer::Target;
use crate::dentry::DentryId;
use crate::device::Device;
use crate::file::{File, FileId, Flags, Object};
use crate::inode::{Attributes, Body, Kind};
use crate::list::Listing;
use crate::page::Pages;
use crate::permission::Wish;
use crate::remote::New;
use crate::stop::{Result, fail};
use crate::vfs::{Context, Origin, Vfs};
use crate::walk::Last;
use crate::watch::Happening;

impl<P: Pages> Vfs<P> {
    /// Opens what is at a path, and makes it if the flags say so. After [`Stop::Commit`](crate::Stop::Commit)
    /// it is opened with [`open_made`](Self::open_made). See [`is_met`](Self::is_met) for named pipes.
    pub fn open(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        flags: Flags,
        mode: u16,
    ) -> Result<FileId> {
        let makes = flags.contains(Flags::CREATE) && !flags.contains(Flags::PATH);
        let must_not_be = makes && flags.contains(Flags::EXCLUSIVE);
        if flags.contains(Flags::TEMPORARY) {
            return self.open_temporary(context, (start, path), flags, mode);
        }
        let keep = must_not_be || flags.contains(Flags::NO_FOLLOW);
        let last = if keep { Last::Keep } else { Last::Follow };
        let found = self.walk(context, start, path, last)?;
        if let Some(open) = found.open {
            return self.open_again(context, open, flags);
        }
        let Some(dentry) = found.dentry else {
            if !makes {
                return fail(Errno::ENOENT);
            }
            if found.slash {
                return fail(Errno::EISDIR);
            }
            let made = self.make(context, &found, New::File, mode)?;
            return self.open_made(context, made, flags);
        };
        if must_not_be {
            return fail(Errno::EEXIST);
        }
        if makes && found.slash {
            return fail(Errno::EISDIR);
        }
        if found.slash && self.inode(dentry)?.attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        self.open_name(context, dentry, flags, makes)
    }

    /// Opens what was just made, whatever its permissions say, and takes over the hold on its name.
    pub fn open_made(
        &mut self,
        context: &Context<'_>,
        made: DentryId,
        flags: Flags,
    ) -> Result<FileId> {
        let opened = self.open_node(context, made, flags - Flags::TRUNCATE);
        self.unpin(made);
        opened
    }

    /// Opens a name that exists, if its permissions allow it.
    pub fn open_name(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        flags: Flags,
        makes: bool,
    ) -> Result<FileId> {
        let attributes = self.inode(dentry)?.attributes;
        let path_only = flags.contains(Flags::PATH);
        if attributes.kind == Kind::Link && !path_only {
            return fail(Errno::ELOOP);
        }
        if flags.contains(Flags::DIRECTORY) && attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        if path_only {
            return Ok(self.add_file(File::new(Object::Path, flags, Some(dentry))));
        }
        let writes = flags.writes() || flags.contains(Flags::TRUNCATE);
        if attributes.kind == Kind::Directory && (writes || makes) {
            return fail(Errno::EISDIR);
        }
        let wish = match (flags.reads(), writes) {
            (true, true) => Wish::READ.and(Wish::WRITE),
            (false, _) => Wish::WRITE,
            (true, false) => Wish::READ,
        };
        context.credentials.check(&attributes, wish)?;
        if flags.contains(Flags::NO_ACCESS_TIME) && !context.credentials.is_owner(attributes.user) {
            return fail(Errno::EPERM);
        }
        self.open_node(context, dentry, flags)
    }

    fn open_node(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        flags: Flags,
    ) -> Result<FileId> {
        let id = self.inode_id(dentry)?;
        let attributes = self.inodes[id].attributes;
        let object = match attributes.kind {
            Kind::File => match self.inodes[id].body {
                Body::Proc(node) => Object::Text(self.proc_text(context, node)?),
                _ => {
                    if flags.contains(Flags::TRUNCATE) && attributes.size > 0 {
                        self.resize(id, 0, context.now)?;
                        self.drop_identity(context, id);
                        self.happened_at(dentry, Happening::MODIFY);
                    }
                    Object::File(id)
                }
            },
            Kind::Directory => Object::Directory(Listing::new()),
            Kind::Fifo => return self.open_fifo(id, dentry, flags),
            Kind::Socket => return fail(Errno::ENXIO),
            Kind::Link => return fail(Errno::ELOOP),
            Kind::CharacterDevice => match Device::new(attributes.device) {
                Some(device) => Object::Device(device),
                None => Object::Terminal(self.open_terminal(context, attributes.device, flags)?),
            },
            Kind::BlockDevice => return fail(Errno::ENXIO),
        };
        self.happened_at(dentry, Happening::OPEN);
        Ok(self.add_file(File::new(object, flags, Some(dentry))))
    }

    /// Opens once more what is open already and has no name.
    fn open_again(&mut self, context: &Context<'_>, open: FileId, flags: Flags) -> Result<FileId> {
        match self.files[open].object {
            Object::Pipe(pipe, _) => Ok(self.open_pipe_again(pipe, flags)),
            _ if flags.contains(Flags::PATH) || context.process == 0 => fail(Errno::EOPNOTSUPP),
            _ => fail(Errno::ENXIO),
        }
    }

    /// A file without a name on the file system of a directory, which is to be in memory.
    fn open_temporary(
        &mut self,
        context: &Context<'_>,
        (start, path): (DentryId, &[u8]),
        flags: Flags,
        mode: u16,
    ) -> Result<FileId> {
        if !flags.writes() || !flags.contains(Flags::DIRECTORY) {
            return fail(Errno::EINVAL);
        }
        let parent = self.find(context, start, path, Last::Follow)?;
        let directory = self.inode(parent)?;
        let (attributes, filesystem) = (directory.attributes, directory.filesystem);
        if attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        context.credentials.check(&attributes, Wish::WRITE.and(Wish::EXECUTE))?;
        if self.origin(parent) != Origin::Memory {
            return fail(Errno::EOPNOTSUPP);
        }
        let owner = (context.credentials.user, context.credentials.group);
        let permissions = mode & 0o7777 & !context.umask;
        let mut own = Attributes::new(Kind::File, permissions, owner, context.now);
        own.links = 0;
        let inode = self.add_inode(filesystem, own, Body::File(Default::default()));
        self.inodes[inode].may_be_named = !flags.contains(Flags::EXCLUSIVE);
        let dentry = self.add_name(parent, b"#tmpfile", Some(inode));
        self.hash_out(dentry);
        let file = self.add_file(File::new(Object::File(inode), flags, Some(dentry)));
        self.unpin(dentry);
        Ok(file)
    }

    /// A file without a name, in memory (`memfd_create`).
    pub fn open_memory(&mut self, context: &Context<'_>, name: &[u8]) -> FileId {
        let (user, group) = (context.credentials.user, context.credentials.group);
        let attributes = Attributes::new(Kind::File, 0o777, (user, group), context.now);
        let inode = self.add_inode(0, attributes, Body::File(Default::default()));
        let root = self.filesystems[0].root;
        debug_assert_eq!(self.filesystems[0].origin, Origin::Memory);
        let dentry = self.add_name(root, name, Some(inode));
        self.hash_out(dentry);
        let file = File::new(Object::File(inode), Flags::READ_WRITE, Some(dentry));
        let file = self.add_file(file);
        self.unpin(dentry);
        file
    }

    /// Sends from one open file to a target elsewhere, without moving it, for `sendfile`.
    pub fn copy_out(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        offset: Option<u64>,
        target: &mut dyn Target,
    ) -> Result<usize> {
        match offset {
            Some(offset) => self.read_at(context, file, offset, target),
            None => self.read(context, file, target),
        }
    }
}
