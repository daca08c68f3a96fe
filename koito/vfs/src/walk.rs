//! From paths to names.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::attributes::Status;
use crate::dentry::DentryId;
use crate::file::FileId;
use crate::inode::{Body, Kind};
use crate::page::Pages;
use crate::permission::Wish;
use crate::proc::ProcTarget;
use crate::remote::{Ask, Request};
use crate::resolve::Resolve;
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Origin, Vfs};

/// Longest path, in bytes, with its final zero.
pub const PATH_BYTES: usize = 4096;
/// Longest name, in bytes.
pub const NAME_BYTES: usize = 255;
/// Symbolic links on the way, at most.
const MOST_LINKS: usize = 40;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It is.
    Follow,
    /// The link itself is meant.
    Keep,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Found {
    /// The directory of the last name.
    pub parent: DentryId,
    /// The last name; empty for `/`, `.` and `..`.
    pub name: Box<[u8]>,
    /// What it is, if it exists.
    pub dentry: Option<DentryId>,
    /// It ends in a slash, so that a directory is meant.
    pub slash: bool,
    /// It is an open file that has no name: `/proc/self/fd/0` of a pipe, say.
    pub open: Option<FileId>,
}

impl Found {
    /// What exists there; `ENOENT` else.
    pub fn existing(&self) -> Result<DentryId> {
        self.dentry.map_or_else(|| fail(Errno::ENOENT), Ok)
    }
}

/// What a link leads to.
enum Target {
    Path(Vec<u8>),
    Name(DentryId),
    Open(FileId),
}

impl<P: Pages> Vfs<P> {
    /// Goes along a path from `start`, if it is not absolute. All but the last name exist.
    pub(crate) fn walk(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        last: Last,
    ) -> Result<Found> {
        if path.is_empty() {
            return fail(Errno::ENOENT);
        }
        if path.len() >= PATH_BYTES {
            return fail(Errno::ENAMETOOLONG);
        }
        let mut rest = Cow::Borrowed(path);
        let mut at = 0;
        let mut links = 0;
        let mut here = start;
        if rest.first() == Some(&b'/') {
            here = self.begin_anew(context, start)?;
        }
        loop {
            at += rest[at..].iter().take_while(|byte| **byte == b'/').count();
            let length = rest[at..].iter().take_while(|byte| **byte != b'/').count();
            let end = at + length;
            let slash = end < rest.len();
            let is_last = rest[end..].iter().all(|byte| *byte == b'/');
            let name = &rest[at..end];
            if name.is_empty() || name == b"." || name == b".." {
                self.check_search(context, here, !name.is_empty())?;
                if name == b".." {
                    here = self.up_within(context, start, here)?;
                }
                if is_last {
                    let dentry = Some(here);
                    let name = Box::default();
                    return Ok(Found { parent: here, name, dentry, slash: true, open: None });
                }
                at = end;
                continue;
            }
            if name.len() > NAME_BYTES {
                return fail(Errno::ENAMETOOLONG);
            }
            self.check_search(context, here, true)?;
            let next = self.look_up(context, here, name)?;
            next.into_iter().try_for_each(|next| self.check_same_mount(context, here, next))?;
            let follows = !is_last || last == Last::Follow || slash;
            if let Some(link) = next.filter(|_| follows)
                && self.inode(link)?.attributes.kind == Kind::Link
            {
                links += 1;
                if links > MOST_LINKS || context.resolve.contains(Resolve::NO_LINKS) {
                    return fail(Errno::ELOOP);
                }
                let target = self.follow(context, link)?;
                if !matches!(target, Target::Path(_)) {
                    context.resolve.check_wonder()?;
                }
                match target {
                    Target::Path(mut target) => {
                        if target.first() == Some(&b'/') {
                            here = self.begin_anew(context, start)?;
                        }
                        if target.is_empty() {
                            return fail(Errno::ENOENT);
                        }
                        target.extend_from_slice(&rest[end..]);
                        (rest, at) = (Cow::Owned(target), 0);
                    }
                    Target::Name(dentry) => {
                        here = dentry;
                        if is_last {
                            let name = Box::default();
                            let dentry = Some(here);
                            return Ok(Found { parent: here, name, dentry, slash, open: None });
                        }
                        at = end;
                    }
                    Target::Open(file) if is_last && !slash => {
                        let name = Box::default();
                        let open = Some(file);
                        return Ok(Found { parent: here, name, dentry: None, slash, open });
                    }
                    Target::Open(_) => return fail(Errno::ENOTDIR),
                }
                continue;
            }
            if is_last {
                let name = name.into();
                return Ok(Found { parent: here, name, dentry: next, slash, open: None });
            }
            here = next.map_or_else(|| fail(Errno::ENOENT), Ok)?;
            at = end;
        }
    }

    /// The name that a path leads to, which exists.
    pub fn find(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        last: Last,
    ) -> Result<DentryId> {
        let found = self.walk(context, start, path, last)?;
        self.existing(&found)
    }

    /// What was found, which exists, and is a directory if a slash says so.
    fn existing(&self, found: &Found) -> Result<DentryId> {
        let dentry = found.existing()?;
        if found.slash && self.inode(dentry)?.attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        Ok(dentry)
    }

    /// What is known of what a path leads to: of an open file without a name, too, to which links of `/proc`
    /// lead.
    pub fn status_at(
        &mut self,
        context: &Context<'_>,
        start: DentryId,
        path: &[u8],
        last: Last,
    ) -> Result<Status> {
        let found = self.walk(context, start, path, last)?;
        match found.open {
            Some(file) => Ok(self.file_status(file)),
            None => self.existing(&found).and_then(|name| self.status(name)),
        }
    }

    /// Refuses to look for names in what is no directory, or may not be searched.
    fn check_search(&self, context: &Context<'_>, here: DentryId, looks: bool) -> Result<()> {
        let attributes = &self.inode(here)?.attributes;
        if attributes.kind != Kind::Directory {
            return fail(Errno::ENOTDIR);
        }
        if looks { context.credentials.check(attributes, Wish::EXECUTE) } else { Ok(()) }
    }

    /// The parent of a directory, not beyond the process's root.
    pub(crate) fn up(&self, context: &Context<'_>, from: DentryId) -> DentryId {
        if from == context.place.root {
            return from;
        }
        let mut from = from;
        while let Some(covered) = self.dentries[from].covers {
            from = covered;
        }
        self.dentries[from].parent
    }

    /// What `name` in `parent` is; `None` if there is nothing.
    pub(crate) fn look_up(
        &mut self,
        context: &Context<'_>,
        parent: DentryId,
        name: &[u8],
    ) -> Result<Option<DentryId>> {
        if let Some(dentry) = self.cached(parent, name) {
            if self.origin(parent) == Origin::Proc && !self.is_current(context, dentry) {
                self.detach(dentry);
                return self.look_up_proc(context, parent, name);
            }
            if self.dentries[dentry].inode.is_none() {
                return Ok(None);
            }
            self.dentries[dentry].recent = true;
            return Ok(Some(self.top(dentry)));
        }
        match self.origin(parent) {
            Origin::Memory => Ok(None),
            Origin::Proc => self.look_up_proc(context, parent, name),
            Origin::Remote => {
                let ask = Ask::Lookup { parent, name: name.into() };
                Err(Stop::Fetch(self.request(parent, ask)?))
            }
        }
    }

    /// Makes a request about the node of a name; both are held until it is answered.
    pub(crate) fn request(&mut self, dentry: DentryId, ask: Ask) -> Result<Request> {
        let inode = self.inode_id(dentry)?;
        Ok(self.request_of(inode, ask))
    }

    fn follow(&mut self, context: &Context<'_>, link: DentryId) -> Result<Target> {
        let inode = self.inode(link)?;
        if let Body::Proc(node) = inode.body {
            return Ok(match self.proc_target(context, node)? {
                ProcTarget::Text(text) => Target::Path(text),
                ProcTarget::Name(dentry) => Target::Name(dentry),
                ProcTarget::Open(file) => match self.files[file].dentry {
                    Some(dentry) => Target::Name(dentry),
                    None => Target::Open(file),
                },
            });
        }
        Ok(Target::Path(self.link_target(link)?))
    }

    /// The target of a symbolic link that is no wonder of `/proc`.
    pub(crate) fn link_target(&mut self, link: DentryId) -> Result<Vec<u8>> {
        match &self.inode(link)?.body {
            Body::Link(Some(target)) => Ok(target.clone()),
            Body::Link(None) => Err(Stop::Fetch(self.request(link, Ask::ReadLink)?)),
            _ => fail(Errno::EINVAL),
        }
    }

    /// The path of a name as the process sees it. What was removed says so at the end, what lies outside
    /// its root at the beginning.
    pub fn path_of(&self, context: &Context<'_>, dentry: DentryId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut here = dentry;
        let removed = !self.dentries[dentry].found;
        let mut reached = here == context.place.root;
        while !reached {
            while let Some(covered) = self.dentries[here].covers {
                here = covered;
            }
            let it = &self.dentries[here];
            if it.parent == here {
                break;
            }
            parts.push(&it.name);
            here = it.parent;
            reached = here == context.place.root;
        }
        let mut path = Vec::new();
        if !reached && context.place.root != self.root() {
            path.extend_from_slice(b"(unreachable)");
        }
        for name in parts.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if parts.is_empty() {
            path.push(b'/');
        }
        if removed {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }
}
