//! Locks on files: on parts of them by owner (`fcntl`), on all of them by open file (`flock`).

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::file::{FileId, Object};
use crate::inode::InodeId;
use crate::page::Pages;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// Whose a lock on a part of a file is: a process's number, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub u64);

/// Locks that an owner has on parts of a file, at most; one more when it cuts one in two.
const MOST: usize = 512;
/// What makes an owner of an open file's number.
const FILE: u64 = 1 << 32;

impl Owner {
    /// The owner that an open file is, beside processes (`F_OFD_SETLK`).
    pub const fn of_file(file: FileId) -> Self {
        Self(FILE | file.value() as u64)
    }

    /// Whether it is an open file.
    pub const fn is_file(self) -> bool {
        self.0 & FILE != 0
    }
}

/// How a lock excludes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// Those that want it exclusively.
    Shared,
    /// Everybody.
    Exclusive,
}

/// A lock on a part of a file: from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub owner: Owner,
    /// Its first byte.
    pub start: u64,
    /// The first byte behind.
    pub end: u64,
    /// How it excludes.
    pub exclusion: Exclusion,
}

/// Whether to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Yes.
    Wait,
    /// No.
    Fail,
}

/// The locks on a file.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    records: Vec<Record>,
    whole: Vec<(FileId, Exclusion)>,
}

impl Record {
    fn excludes(&self, other: &Self) -> bool {
        let one = self.exclusion == Exclusion::Exclusive || other.exclusion == Exclusion::Exclusive;
        one && self.owner != other.owner && self.start < other.end && other.start < self.end
    }
}

impl Locks {
    /// A lock that keeps somebody from having `wanted`.
    pub fn conflict(&self, wanted: &Record) -> Option<Record> {
        self.records.iter().find(|it| it.excludes(wanted)).copied()
    }

    /// Takes away what `owner` has from `start` to before `end`; what reaches beyond stays.
    fn cut(&mut self, owner: Owner, start: u64, end: u64) {
        let mut kept = Vec::with_capacity(self.records.len() + 1);
        for it in self.records.drain(..) {
            if it.owner != owner || it.end <= start || end <= it.start {
                kept.push(it);
                continue;
            }
            if it.start < start {
                kept.push(Record { end: start, ..it });
            }
            if end < it.end {
                kept.push(Record { start: end, ..it });
            }
        }
        self.records = kept;
    }
}

impl<P: Pages> Vfs<P> {
    fn lockable(&self, file: FileId) -> Result<InodeId> {
        match self.files[file].object {
            Object::File(inode) => Ok(inode),
            _ => match self.files[file].dentry {
                Some(dentry) => self.inode_id(dentry),
                None => fail(Errno::EBADF),
            },
        }
    }

    /// The lock that keeps `wanted` from being set, if there is one (`F_GETLK`).
    pub fn find_lock(&self, file: FileId, wanted: &Record) -> Result<Option<Record>> {
        Ok(self.inodes[self.lockable(file)?].locks.conflict(wanted))
    }

    /// Sets a lock on a part of a file, in place of what its owner had there; `ENOLCK` if it has too many.
    pub fn lock(&mut self, file: FileId, wanted: Record, patience: Patience) -> Result<()> {
        let inode = self.lockable(file)?;
        if self.inodes[inode].locks.conflict(&wanted).is_some() {
            return match patience {
                Patience::Fail => fail(Errno::EAGAIN),
                Patience::Wait => Err(Stop::Wait(self.queue_of_inode(inode))),
            };
        }
        let locks = &mut self.inodes[inode].locks;
        let own = locks.records.iter().filter(|it| it.owner == wanted.owner);
        if own.count() >= MOST {
            return fail(Errno::ENOLCK);
        }
        locks.cut(wanted.owner, wanted.start, wanted.end);
        locks.records.push(wanted);
        self.wake_lockers(inode);
        Ok(())
    }

    /// Takes away what `owner` has from `start` to before `end`.
    pub fn unlock(&mut self, file: FileId, owner: Owner, start: u64, end: u64) -> Result<()> {
        let inode = self.lockable(file)?;
        self.inodes[inode].locks.cut(owner, start, end);
        self.wake_lockers(inode);
        Ok(())
    }

    /// A process closes a descriptor of this file: all that it had locked there is free.
    pub fn unlock_all(&mut self, file: FileId, owner: Owner) {
        if let Ok(inode) = self.lockable(file)
            && !self.inodes[inode].locks.records.is_empty()
        {
            self.inodes[inode].locks.cut(owner, 0, u64::MAX);
            self.wake_lockers(inode);
        }
    }

    /// Locks all of a file for an open file (`flock`), or gives the lock back.
    pub fn lock_whole(
        &mut self,
        file: FileId,
        exclusion: Option<Exclusion>,
        patience: Patience,
    ) -> Result<()> {
        let inode = self.lockable(file)?;
        if let Some(exclusion) = exclusion {
            let excludes = |(other, its): &(FileId, Exclusion)| {
                let one = *its == Exclusion::Exclusive || exclusion == Exclusion::Exclusive;
                one && *other != file
            };
            if self.inodes[inode].locks.whole.iter().any(excludes) {
                return match patience {
                    Patience::Fail => fail(Errno::EAGAIN),
                    Patience::Wait => Err(Stop::Wait(self.queue_of_inode(inode))),
                };
            }
        }
        let whole = &mut self.inodes[inode].locks.whole;
        whole.retain(|(other, _)| *other != file);
        whole.extend(exclusion.map(|exclusion| (file, exclusion)));
        self.wake_lockers(inode);
        Ok(())
    }

    /// An open file is closed.
    pub(crate) fn unlock_file(&mut self, file: FileId) {
        if let Ok(inode) = self.lockable(file) {
            let whole = &mut self.inodes[inode].locks.whole;
            let before = whole.len();
            whole.retain(|(other, _)| *other != file);
            if whole.len() != before {
                self.wake_lockers(inode);
            }
            self.unlock_all(file, Owner::of_file(file));
        }
    }

    fn wake_lockers(&mut self, inode: InodeId) {
        if let Some(queue) = self.inodes[inode].queue {
            self.queues.wake(queue);
        }
    }
}
