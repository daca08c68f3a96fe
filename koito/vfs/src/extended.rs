//! Extended attributes (xattr(7)), of files that the file server keeps: in memory no file has any.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::inode::{Extended, InodeId, Kind, Time};
use crate::page::Pages;
use crate::permission::Wish;
use crate::remote::Ask;
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Origin, Vfs};
use crate::watch::Happening;

/// Mode: in this directory only owners may do so.
const STICKY: u16 = 0o1000;

/// Who may use an attribute; the beginning of its name says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Who may read or write the file.
    User,
    /// The superuser alone.
    Trusted,
    /// All may read, the superuser may write.
    Security,
    /// Lists of who may what. They would have to be obeyed, so none can be set.
    AccessLists,
    /// What nobody knows.
    Unknown,
}

/// What becomes of a value that is there when another one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfThere {
    /// It is replaced.
    Replace,
    /// That is an error.
    Fail,
    /// It is replaced; that there is none is an error.
    Need,
}

impl Namespace {
    /// That of a name; `EINVAL` if there is nothing else in it.
    fn of(name: &[u8]) -> Result<Self> {
        const ALL: [(&[u8], Namespace); 3] = [
            (b"user.", Namespace::User),
            (b"trusted.", Namespace::Trusted),
            (b"security.", Namespace::Security),
        ];
        if name.starts_with(b"system.posix_acl_") {
            return Ok(Self::AccessLists);
        }
        let found = ALL.into_iter().find_map(|(prefix, it)| Some((name.strip_prefix(prefix)?, it)));
        match found {
            Some((b"", _)) => fail(Errno::EINVAL),
            Some((_, space)) => Ok(space),
            None => Ok(Self::Unknown),
        }
    }
}

impl<P: Pages> Vfs<P> {
    /// All extended attributes of a node, as soon as they are known.
    fn all_extended(&mut self, inode: InodeId) -> Result<&[Extended]> {
        let it = &self.inodes[inode];
        let known = it.remote.as_ref().is_none_or(|remote| remote.extended.is_some());
        if it.attributes.is_extended && !known {
            return Err(Stop::Fetch(self.request_of(inode, Ask::Extended)));
        }
        let remote = self.inodes[inode].remote.as_ref();
        Ok(remote.and_then(|remote| remote.extended.as_deref()).unwrap_or_default())
    }

    fn extended(&mut self, inode: InodeId, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let all = self.all_extended(inode)?;
        Ok(all.iter().find(|it| *it.0 == *name).map(|it| it.1.to_vec()))
    }

    /// The value of an extended attribute; `ENODATA` if there is none.
    pub fn get_extended(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        name: &[u8],
    ) -> Result<Vec<u8>> {
        let inode = self.inode_id(dentry)?;
        let attributes = self.inodes[inode].attributes;
        let space = Namespace::of(name)?;
        let is_plain = matches!(attributes.kind, Kind::File | Kind::Directory);
        match space {
            Namespace::Trusted if context.credentials.user != 0 => return fail(Errno::ENODATA),
            Namespace::User if !is_plain => return fail(Errno::ENODATA),
            Namespace::User => context.credentials.check(&attributes, Wish::READ)?,
            _ => {}
        }
        let is_kept = self.origin(dentry) == Origin::Remote;
        if space == Namespace::Unknown || (space == Namespace::User && !is_kept) {
            return fail(Errno::EOPNOTSUPP);
        }
        self.extended(inode, name)?.ok_or(Errno::ENODATA.into())
    }

    /// The names of all extended attributes that who asks may see, each with a zero at its end.
    pub fn list_extended(&mut self, context: &Context<'_>, dentry: DentryId) -> Result<Vec<u8>> {
        let inode = self.inode_id(dentry)?;
        let sees_all = context.credentials.user == 0;
        let mut names = Vec::new();
        for (name, _) in self.all_extended(inode)? {
            if sees_all || !name.starts_with(b"trusted.") {
                names.extend_from_slice(name);
                names.push(0);
            }
        }
        Ok(names)
    }

    /// Gives a node an extended attribute.
    pub fn set_extended(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        (name, value): (&[u8], &[u8]),
        if_there: IfThere,
    ) -> Result<()> {
        let inode = self.may_set_extended(context, dentry, name)?;
        match (self.extended(inode, name)?, if_there) {
            (Some(_), IfThere::Fail) => return fail(Errno::EEXIST),
            (None, IfThere::Need) => return fail(Errno::ENODATA),
            _ => {}
        }
        self.ask_to_set(inode, (name, Some(value)), context.now)
    }

    /// Takes an extended attribute from a node; `ENODATA` if there is none.
    pub fn remove_extended(
        &mut self,
        context: &Context<'_>,
        dentry: DentryId,
        name: &[u8],
    ) -> Result<()> {
        let inode = self.may_set_extended(context, dentry, name)?;
        if self.extended(inode, name)?.is_none() {
            return fail(Errno::ENODATA);
        }
        self.ask_to_set(inode, (name, None), context.now)
    }

    fn may_set_extended(
        &self,
        context: &Context<'_>,
        dentry: DentryId,
        name: &[u8],
    ) -> Result<InodeId> {
        let inode = self.inode_id(dentry)?;
        let attributes = self.inodes[inode].attributes;
        let space = Namespace::of(name)?;
        let may = match (space, attributes.kind) {
            (Namespace::User, Kind::Directory) if attributes.permissions & STICKY != 0 => {
                context.credentials.is_owner(attributes.user)
            }
            (Namespace::User, Kind::File | Kind::Directory)
            | (Namespace::AccessLists | Namespace::Unknown, _) => true,
            (Namespace::User, _) => false,
            (Namespace::Trusted | Namespace::Security, _) => context.credentials.user == 0,
        };
        if !may {
            return fail(Errno::EPERM);
        }
        if matches!(space, Namespace::User | Namespace::Unknown) {
            context.credentials.check(&attributes, Wish::WRITE)?;
        }
        // Rights that come with a program would have to be given.
        let is_obeyed = space == Namespace::AccessLists || name == b"security.capability";
        if is_obeyed || space == Namespace::Unknown || self.origin(dentry) != Origin::Remote {
            return fail(Errno::EOPNOTSUPP);
        }
        Ok(inode)
    }

    fn ask_to_set<T>(
        &mut self,
        inode: InodeId,
        (name, value): (&[u8], Option<&[u8]>),
        now: Time,
    ) -> Result<T> {
        let ask = Ask::SetExtended { name: name.into(), value: value.map(Into::into), now };
        Err(Stop::Commit(self.request_of(inode, ask)))
    }

    /// Notes what the file server told.
    pub(crate) fn keep_extended(&mut self, inode: InodeId, all: Vec<Extended>) {
        if let Some(remote) = &mut self.inodes[inode].remote {
            remote.extended = Some(all);
        }
    }

    /// Notes what the file server did.
    pub(crate) fn extended_was_set(
        &mut self,
        inode: InodeId,
        (name, value): (&[u8], Option<&[u8]>),
        now: Time,
    ) {
        let it = &mut self.inodes[inode];
        it.attributes.changed = now;
        let Some(remote) = &mut it.remote else { return };
        let all = remote.extended.get_or_insert_default();
        all.retain(|other| *other.0 != *name);
        all.extend(value.map(|value| (name.into(), value.into())));
        it.attributes.is_extended = !all.is_empty();
        self.happened(inode, Happening::ATTRIBUTES, (0, &[]));
    }
}
