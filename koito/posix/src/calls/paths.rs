//! What paths lead to; opening files by them.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{Credentials, DentryId, Flags, Last, OnExec, Resolve, Status, Wish};

use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// Longest path, in bytes, without its final zero.
pub const PATH_BYTES: usize = koito_vfs::PATH_BYTES - 1;
/// The working directory, where a descriptor of a directory could stand (`AT_FDCWD`).
pub const HERE: u64 = -100_i64 as u64;
/// `AT_SYMLINK_NOFOLLOW`.
pub const NO_FOLLOW: u64 = 0x100;
/// `AT_EMPTY_PATH`.
pub const EMPTY_PATH: u64 = 0x1000;
/// `AT_EACCESS`.
const EFFECTIVE: u64 = 0x200;

/// A path, and from where it counts.
pub type From = (DentryId, Vec<u8>);

impl Server {
    /// The path at `address`, from a directory on.
    pub fn path(&mut self, task: TaskKey, directory: u64, address: u64) -> Result<From, Errno> {
        let path = self.read_string(task, address, PATH_BYTES)?;
        let is_absolute = path.first() == Some(&b'/') && !self.resolve.contains(Resolve::IN_ROOT);
        let start = if directory as u32 == HERE as u32 || is_absolute {
            self.opened(task)?.place.directory
        } else {
            let file = self.file(task, directory)?;
            self.world.vfs.directory_of(file).map_err(|_| Errno::ENOTDIR)?
        };
        Ok((start, path))
    }

    /// The name that a path leads to.
    pub fn name(
        &mut self,
        task: TaskKey,
        (start, path): &From,
        last: Last,
    ) -> Result<DentryId, Stop> {
        match self.file_call(task, |vfs, context| vfs.find(context, *start, path, last))? {
            Came::Value(name) => Ok(name),
            _ => Err(Errno::EIO.into()),
        }
    }

    /// The same; with `AT_EMPTY_PATH`, an empty path means what the descriptor leads to.
    pub fn name_at(
        &mut self,
        task: TaskKey,
        (directory, address): (u64, u64),
        flags: u64,
    ) -> Result<DentryId, Stop> {
        let from = self.place_at(task, (directory, address), flags)?;
        let last = if flags & NO_FOLLOW == 0 { Last::Follow } else { Last::Keep };
        if from.1.is_empty() { Ok(from.0) } else { self.name(task, &from, last) }
    }

    /// A path, and from where it counts; with `AT_EMPTY_PATH`, and only then, it may be empty, and what the
    /// descriptor leads to is meant.
    pub fn place_at(
        &mut self,
        task: TaskKey,
        (directory, address): (u64, u64),
        flags: u64,
    ) -> Result<From, Errno> {
        if flags & EMPTY_PATH != 0 && self.read_string(task, address, PATH_BYTES)?.is_empty() {
            let place = if directory as u32 == HERE as u32 {
                self.opened(task)?.place.directory
            } else {
                let file = self.file(task, directory)?;
                self.world.vfs.place_of(file).ok_or(Errno::EBADF)?
            };
            return Ok((place, Vec::new()));
        }
        let from = self.path(task, directory, address)?;
        if from.1.is_empty() { Err(Errno::ENOENT) } else { Ok(from) }
    }

    /// What is known of what a path leads to; with `AT_EMPTY_PATH`, an empty path means the descriptor.
    pub fn status_at(
        &mut self,
        task: TaskKey,
        (directory, address): (u64, u64),
        flags: u64,
    ) -> Result<Status, Stop> {
        if flags & EMPTY_PATH != 0
            && directory as u32 != HERE as u32
            && self.read_string(task, address, PATH_BYTES)?.is_empty()
        {
            let file = self.file(task, directory)?;
            return Ok(self.world.vfs.file_status(file));
        }
        let (start, path) = self.path(task, directory, address)?;
        let last = if flags & NO_FOLLOW == 0 { Last::Follow } else { Last::Keep };
        match self.file_call(task, |vfs, context| vfs.status_at(context, start, &path, last))? {
            Came::Value(status) => Ok(status),
            _ => Err(Errno::EIO.into()),
        }
    }

    /// What a descriptor leads to, which has a name.
    pub fn named_file(&self, task: TaskKey, file: u64) -> Result<DentryId, Errno> {
        let file = self.file(task, file)?;
        self.world.vfs.place_of(file).ok_or(Errno::EBADF)
    }
}

/// Opens a file, and makes it if it is to be made.
pub fn openat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, flags, mode, ..]: &Arguments,
) -> Answer {
    let flags = Flags::from_bits_truncate(flags as u32);
    let (start, path) = server.path(task, at, path)?;
    let file = match server.tasks[task].opening {
        // It was opened, and waits for the other end of a named pipe.
        Some(file) => file,
        None => {
            let mode = mode as u16 & 0o7777;
            let came = server
                .file_call(task, |vfs, context| vfs.open(context, start, &path, flags, mode))?;
            match came {
                Came::Value(file) => file,
                Came::Made(name) => {
                    let opened = server
                        .file_call(task, |vfs, context| vfs.open_made(context, name, flags))?;
                    let Came::Value(file) = opened else { return Err(Errno::EIO.into()) };
                    file
                }
                Came::Done => return Err(Errno::EIO.into()),
            }
        }
    };
    if flags.contains(Flags::TRUNCATE) {
        server.settle_cuts();
    }
    server.tasks[task].opening = Some(file);
    server.number_call(task, |vfs, _| vfs.is_met(file).map(|()| 0))?;
    server.tasks[task].opening = None;
    let on_exec = if flags.contains(Flags::CLOSE_ON_EXEC) { OnExec::Close } else { OnExec::Keep };
    server.add_descriptor(task, file, on_exec, 0)
}

/// Opens a file.
pub fn open(server: &mut Server, task: TaskKey, &[path, flags, mode, ..]: &Arguments) -> Answer {
    openat(server, task, &[HERE, path, flags, mode, 0, 0])
}

/// Makes a file, or empties it, and opens it.
pub fn creat(server: &mut Server, task: TaskKey, &[path, mode, ..]: &Arguments) -> Answer {
    let flags = Flags::CREATE | Flags::WRITE | Flags::TRUNCATE;
    openat(server, task, &[HERE, path, flags.bits().into(), mode, 0, 0])
}

/// Whether the process may use a path so, in its real name.
pub fn faccessat2(
    server: &mut Server,
    task: TaskKey,
    &[at, path, mode, flags, ..]: &Arguments,
) -> Answer {
    if mode & !7 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = server.name_at(task, (at, path), flags)?;
    let owner = server.process_of(task).owner.clone();
    let which = if flags & EFFECTIVE != 0 { 1 } else { 0 };
    let (user, group) = (owner.users[which], owner.groups[which]);
    server.number_call(task, |vfs, context| {
        let credentials = Credentials { user, group, groups: &owner.others };
        let context = koito_vfs::Context { credentials, ..*context };
        vfs.check_access(&context, name, Wish(mode as u16)).map(|()| 0)
    })
}

/// The same without flags.
pub fn faccessat(server: &mut Server, task: TaskKey, &[at, path, mode, ..]: &Arguments) -> Answer {
    faccessat2(server, task, &[at, path, mode, 0, 0, 0])
}

/// The same from the working directory.
pub fn access(server: &mut Server, task: TaskKey, &[path, mode, ..]: &Arguments) -> Answer {
    faccessat2(server, task, &[HERE, path, mode, 0, 0, 0])
}
