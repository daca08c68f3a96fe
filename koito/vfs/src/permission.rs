//! Who may do what: owners, groups and modes.

use koito_linux::Errno;

use crate::inode::{Attributes, Kind};
use crate::stop::{Result, fail};

/// In whose name a program uses files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// User; 0 may do everything.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Further groups.
    pub groups: &'a [u32],
}

/// What is wanted of a node: bits as in a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish(pub u16);

impl Wish {
    /// To execute it, or to search a directory.
    pub const EXECUTE: Self = Self(1);
    /// To write it.
    pub const WRITE: Self = Self(2);
    /// To read it.
    pub const READ: Self = Self(4);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Mode: the group of a directory is that of what is made there.
pub const SET_GROUP: u16 = 0o2000;
const SET_USER: u16 = 0o4000;
const STICKY: u16 = 0o1000;

impl Credentials<'_> {
    /// Whether it is in this group.
    pub fn is_member(&self, group: u32) -> bool {
        self.group == group || self.groups.contains(&group)
    }

    /// Whether it is this user, or may do everything.
    pub fn is_owner(&self, user: u32) -> bool {
        self.user == 0 || self.user == user
    }

    /// Refuses with `EACCES` what the mode does not allow.
    pub fn check(&self, node: &Attributes, wish: Wish) -> Result<()> {
        if self.user == 0 {
            let runs = wish.0 & Wish::EXECUTE.0 == 0
                || node.kind == Kind::Directory
                || node.permissions & 0o111 != 0;
            return if runs { Ok(()) } else { fail(Errno::EACCES) };
        }
        let bits = if self.user == node.user {
            node.permissions >> 6
        } else if self.is_member(node.group) {
            node.permissions >> 3
        } else {
            node.permissions
        };
        if bits & wish.0 == wish.0 { Ok(()) } else { fail(Errno::EACCES) }
    }

    /// Refuses to remove a name of `node` from `directory`: that takes leave to write there, and in sticky
    /// directories to own either.
    pub fn check_removal(&self, directory: &Attributes, node: &Attributes) -> Result<()> {
        self.check(directory, Wish::WRITE.and(Wish::EXECUTE))?;
        let sticky = directory.permissions & STICKY != 0;
        if sticky && !self.is_owner(node.user) && !self.is_owner(directory.user) {
            return fail(Errno::EPERM);
        }
        Ok(())
    }

    /// The permissions of a node after somebody without all rights wrote to it or gave it away.
    pub fn without_identity(&self, permissions: u16) -> u16 {
        let with_group = SET_GROUP | 0o010;
        let kept = if permissions & with_group == with_group {
            permissions & !(SET_USER | SET_GROUP)
        } else {
            permissions & !SET_USER
        };
        if self.user == 0 { permissions } else { kept }
    }
}
