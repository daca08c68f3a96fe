//! Files by path.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{
    Credentials, DentryId, Flags, Kind, Last, New, NewTime, OnExec, Rename, Status, Time, Wish,
};

use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// Longest path, in bytes, without its final zero.
const PATH_BYTES: usize = koito_vfs::PATH_BYTES - 1;
/// The working directory, where a descriptor of a directory could stand (`AT_FDCWD`).
const HERE: u64 = -100_i64 as u64;
/// `AT_SYMLINK_NOFOLLOW`, `AT_REMOVEDIR` (or `AT_EACCESS`), `AT_SYMLINK_FOLLOW`, `AT_EMPTY_PATH`.
const NO_FOLLOW: u64 = 0x100;
const REMOVE_DIRECTORY: u64 = 0x200;
const EFFECTIVE: u64 = 0x200;
const FOLLOW: u64 = 0x400;
const EMPTY_PATH: u64 = 0x1000;

/// A path, and from where it counts.
type From = (DentryId, Vec<u8>);

impl Server {
    /// The path at `address`, from a directory on.
    fn path(&mut self, task: TaskKey, directory: u64, address: u64) -> Result<From, Errno> {
        let path = self.read_string(task, address, PATH_BYTES)?;
        let start = if directory as u32 == HERE as u32 || path.first() == Some(&b'/') {
            self.opened(task)?.place.directory
        } else {
            let file = self.file(task, directory)?;
            self.world.vfs.directory_of(file).map_err(|_| Errno::ENOTDIR)?
        };
        Ok((start, path))
    }

    /// The name that a path leads to.
    fn name(&mut self, task: TaskKey, (start, path): &From, last: Last) -> Result<DentryId, Stop> {
        match self.file_call(task, |vfs, context| vfs.find(context, *start, path, last))? {
            Came::Value(name) => Ok(name),
            _ => Err(Errno::EIO.into()),
        }
    }

    /// The same; with `AT_EMPTY_PATH`, an empty path means what the descriptor leads to.
    fn name_at(
        &mut self,
        task: TaskKey,
        (directory, address): (u64, u64),
        flags: u64,
    ) -> Result<DentryId, Stop> {
        if flags & EMPTY_PATH != 0 && self.read_string(task, address, PATH_BYTES)?.is_empty() {
            if directory as u32 == HERE as u32 {
                return Ok(self.opened(task)?.place.directory);
            }
            let file = self.file(task, directory)?;
            return self.world.vfs.place_of(file).ok_or_else(|| Errno::EBADF.into());
        }
        let from = self.path(task, directory, address)?;
        let last = if flags & NO_FOLLOW == 0 { Last::Follow } else { Last::Keep };
        self.name(task, &from, last)
    }

    /// What is known of what a path leads to; with `AT_EMPTY_PATH`, an empty path means the descriptor.
    fn status_at(
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
    fn named_file(&self, task: TaskKey, file: u64) -> Result<DentryId, Errno> {
        let file = self.file(task, file)?;
        self.world.vfs.place_of(file).ok_or(Errno::EBADF)
    }

    /// Writes a `struct stat`.
    fn write_status(&mut self, task: TaskKey, to: u64, status: &Status) -> Answer {
        let it = &status.attributes;
        let time = |time: Time| [time.seconds as u64, time.nanoseconds.into()];
        let [[a, b], [c, d], [e, f]] = [time(it.accessed), time(it.modified), time(it.changed)];
        let words = [
            status.device,
            status.number,
            it.links.into(),
            u64::from(it.user) << 32 | u64::from(status.mode()),
            it.group.into(),
            device_number(it.device),
            it.size,
            4096,
            it.sectors,
            a,
            b,
            c,
            d,
            e,
            f,
            0,
            0,
            0,
        ];
        self.write_words(task, to, &words)?;
        Ok(0)
    }
}

/// A device as one number.
const fn device_number((major, minor): (u32, u32)) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
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

/// What is known of a path.
pub fn newfstatat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, to, flags, ..]: &Arguments,
) -> Answer {
    let status = server.status_at(task, (at, path), flags)?;
    server.write_status(task, to, &status)
}

/// What is known of a path.
pub fn stat(server: &mut Server, task: TaskKey, &[path, to, ..]: &Arguments) -> Answer {
    newfstatat(server, task, &[HERE, path, to, 0, 0, 0])
}

/// What is known of a path, or of the link that it is.
pub fn lstat(server: &mut Server, task: TaskKey, &[path, to, ..]: &Arguments) -> Answer {
    newfstatat(server, task, &[HERE, path, to, NO_FOLLOW, 0, 0])
}

/// What is known of an open file.
pub fn fstat(server: &mut Server, task: TaskKey, &[file, to, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let status = server.world.vfs.file_status(file);
    server.write_status(task, to, &status)
}

/// What is known of a path, in the newer layout.
pub fn statx(
    server: &mut Server,
    task: TaskKey,
    &[at, path, flags, _, to, _]: &Arguments,
) -> Answer {
    let status = server.status_at(task, (at, path), flags)?;
    let it = &status.attributes;
    let mut words = [0_u64; 32];
    // The basic fields.
    words[0] = 0x7ff | 4096 << 32;
    words[2] = u64::from(it.links) | u64::from(it.user) << 32;
    words[3] = u64::from(it.group) | u64::from(status.mode()) << 32;
    (words[4], words[5], words[6]) = (status.number, it.size, it.sectors);
    for (place, time) in [(8, it.accessed), (12, it.changed), (14, it.modified)] {
        words[place] = time.seconds as u64;
        words[place + 1] = time.nanoseconds.into();
    }
    words[16] = u64::from(it.device.0) | u64::from(it.device.1) << 32;
    words[17] = status.device >> 8 | (status.device & 0xff) << 32;
    server.write_words(task, to, &words)?;
    Ok(0)
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

/// The target of a link.
pub fn readlinkat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, to, bytes, ..]: &Arguments,
) -> Answer {
    if bytes as i32 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = server.name_at(task, (at, path), NO_FOLLOW | EMPTY_PATH)?;
    let came = server.file_call(task, |vfs, context| vfs.read_link(context, name))?;
    let Came::Value(target) = came else { return Err(Errno::EIO.into()) };
    let target = &target[..target.len().min(bytes as u32 as usize)];
    server.write_bytes(task, to, target)?;
    Ok(target.len() as u64)
}

/// The target of a link.
pub fn readlink(server: &mut Server, task: TaskKey, &[path, to, bytes, ..]: &Arguments) -> Answer {
    readlinkat(server, task, &[HERE, path, to, bytes, 0, 0])
}

/// Makes a directory.
pub fn mkdirat(server: &mut Server, task: TaskKey, &[at, path, mode, ..]: &Arguments) -> Answer {
    let (start, path) = server.path(task, at, path)?;
    let mode = mode as u16;
    server.number_call(task, |vfs, context| {
        vfs.make_directory(context, start, &path, mode).map(|()| 0)
    })
}

/// Makes a directory.
pub fn mkdir(server: &mut Server, task: TaskKey, &[path, mode, ..]: &Arguments) -> Answer {
    mkdirat(server, task, &[HERE, path, mode, 0, 0, 0])
}

/// Makes a node that is no directory.
pub fn mknodat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, mode, device, ..]: &Arguments,
) -> Answer {
    let (start, path) = server.path(task, at, path)?;
    let major = (device >> 8 & 0xfff) as u32;
    let minor = (device & 0xff | device >> 12 & 0xf_ff00) as u32;
    let new = match Kind::from_mode(mode as u32).ok_or(Errno::EINVAL)? {
        Kind::File => New::File,
        Kind::Fifo => New::Fifo,
        Kind::Socket => New::Socket,
        kind @ (Kind::CharacterDevice | Kind::BlockDevice) => New::Device(kind, major, minor),
        Kind::Directory => return Err(Errno::EPERM.into()),
        Kind::Link => return Err(Errno::EINVAL.into()),
    };
    server.number_call(task, |vfs, context| {
        vfs.make_node(context, start, &path, new.clone(), mode as u16).map(|()| 0)
    })
}

/// Makes a node that is no directory.
pub fn mknod(server: &mut Server, task: TaskKey, &[path, mode, device, ..]: &Arguments) -> Answer {
    mknodat(server, task, &[HERE, path, mode, device, 0, 0])
}

/// Removes a name.
pub fn unlinkat(server: &mut Server, task: TaskKey, &[at, path, flags, ..]: &Arguments) -> Answer {
    let (start, path) = server.path(task, at, path)?;
    server.number_call(task, |vfs, context| {
        let removed = if flags & REMOVE_DIRECTORY == 0 {
            vfs.unlink(context, start, &path)
        } else {
            vfs.remove_directory(context, start, &path)
        };
        removed.map(|()| 0)
    })
}

/// Removes a name that is no directory's.
pub fn unlink(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    unlinkat(server, task, &[HERE, path, 0, 0, 0, 0])
}

/// Removes an empty directory.
pub fn rmdir(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    unlinkat(server, task, &[HERE, path, REMOVE_DIRECTORY, 0, 0, 0])
}

/// Renames.
pub fn renameat2(
    server: &mut Server,
    task: TaskKey,
    &[at, path, to_at, to, flags, _]: &Arguments,
) -> Answer {
    let how = match flags {
        0 => Rename::Replace,
        1 => Rename::Keep,
        2 => Rename::Exchange,
        _ => return Err(Errno::EINVAL.into()),
    };
    let (start, path) = server.path(task, at, path)?;
    let (new_start, new_path) = server.path(task, to_at, to)?;
    server.number_call(task, |vfs, context| {
        vfs.rename(context, (start, &path), (new_start, &new_path), how).map(|()| 0)
    })
}

/// Renames.
pub fn renameat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, to_at, to, ..]: &Arguments,
) -> Answer {
    renameat2(server, task, &[at, path, to_at, to, 0, 0])
}

/// Renames.
pub fn rename(server: &mut Server, task: TaskKey, &[path, to, ..]: &Arguments) -> Answer {
    renameat2(server, task, &[HERE, path, HERE, to, 0, 0])
}

/// Gives a file a further name.
pub fn linkat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, to_at, to, flags, _]: &Arguments,
) -> Answer {
    let follows = if flags & FOLLOW == 0 { NO_FOLLOW } else { 0 };
    let old = server.name_at(task, (at, path), follows | flags & EMPTY_PATH)?;
    let (start, path) = server.path(task, to_at, to)?;
    server.number_call(task, |vfs, context| vfs.link(context, old, start, &path).map(|()| 0))
}

/// Gives a file a further name.
pub fn link(server: &mut Server, task: TaskKey, &[path, to, ..]: &Arguments) -> Answer {
    linkat(server, task, &[HERE, path, HERE, to, 0, 0])
}

/// Makes a symbolic link.
pub fn symlinkat(
    server: &mut Server,
    task: TaskKey,
    &[target, at, path, ..]: &Arguments,
) -> Answer {
    let target = server.read_string(task, target, PATH_BYTES)?;
    let (start, path) = server.path(task, at, path)?;
    server
        .number_call(task, |vfs, context| vfs.make_link(context, &target, start, &path).map(|()| 0))
}

/// Makes a symbolic link.
pub fn symlink(server: &mut Server, task: TaskKey, &[target, path, ..]: &Arguments) -> Answer {
    symlinkat(server, task, &[target, HERE, path, 0, 0, 0])
}

fn set_mode(server: &mut Server, task: TaskKey, name: DentryId, mode: u64) -> Answer {
    server.number_call(task, |vfs, context| vfs.change_mode(context, name, mode as u16).map(|()| 0))
}

/// Sets permissions.
pub fn fchmodat(server: &mut Server, task: TaskKey, &[at, path, mode, ..]: &Arguments) -> Answer {
    let name = server.name_at(task, (at, path), 0)?;
    set_mode(server, task, name, mode)
}

/// Sets permissions.
pub fn chmod(server: &mut Server, task: TaskKey, &[path, mode, ..]: &Arguments) -> Answer {
    fchmodat(server, task, &[HERE, path, mode, 0, 0, 0])
}

/// Sets permissions of an open file.
pub fn fchmod(server: &mut Server, task: TaskKey, &[file, mode, ..]: &Arguments) -> Answer {
    let name = server.named_file(task, file)?;
    set_mode(server, task, name, mode)
}

fn set_owner(server: &mut Server, task: TaskKey, name: DentryId, ids: [u64; 2]) -> Answer {
    let [user, group] = ids.map(|id| Some(id as u32).filter(|id| *id != u32::MAX));
    server
        .number_call(task, |vfs, context| vfs.change_owner(context, name, user, group).map(|()| 0))
}

/// Sets owner and group.
pub fn fchownat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, user, group, flags, _]: &Arguments,
) -> Answer {
    let name = server.name_at(task, (at, path), flags)?;
    set_owner(server, task, name, [user, group])
}

/// Sets owner and group.
pub fn chown(server: &mut Server, task: TaskKey, &[path, user, group, ..]: &Arguments) -> Answer {
    fchownat(server, task, &[HERE, path, user, group, 0, 0])
}

/// Sets owner and group of a link itself.
pub fn lchown(server: &mut Server, task: TaskKey, &[path, user, group, ..]: &Arguments) -> Answer {
    fchownat(server, task, &[HERE, path, user, group, NO_FOLLOW, 0])
}

/// Sets owner and group of an open file.
pub fn fchown(server: &mut Server, task: TaskKey, &[file, user, group, ..]: &Arguments) -> Answer {
    let name = server.named_file(task, file)?;
    set_owner(server, task, name, [user, group])
}

/// A time to be set, as `utimensat` says it.
fn new_time([seconds, nanoseconds]: [u64; 2]) -> Result<NewTime, Errno> {
    const NOW: u64 = 0x3fff_ffff;
    const OMIT: u64 = 0x3fff_fffe;
    Ok(match nanoseconds {
        NOW => NewTime::Now,
        OMIT => NewTime::Keep,
        0..1_000_000_000 => {
            NewTime::At(Time { seconds: seconds.cast_signed(), nanoseconds: nanoseconds as u32 })
        }
        _ => return Err(Errno::EINVAL),
    })
}

/// Sets times.
pub fn utimensat(
    server: &mut Server,
    task: TaskKey,
    &[at, path, times, flags, ..]: &Arguments,
) -> Answer {
    let (accessed, modified) = match times {
        0 => (NewTime::Now, NewTime::Now),
        _ => {
            let [a, b, c, d] = server.read_words(task, times)?;
            (new_time([a, b])?, new_time([c, d])?)
        }
    };
    let name = match path {
        0 => server.named_file(task, at)?,
        _ => server.name_at(task, (at, path), flags)?,
    };
    server.number_call(task, |vfs, context| {
        vfs.change_times(context, name, accessed, modified).map(|()| 0)
    })
}

/// Sets the length of a file.
pub fn truncate(server: &mut Server, task: TaskKey, &[path, size, ..]: &Arguments) -> Answer {
    if size > i64::MAX as u64 {
        return Err(Errno::EINVAL.into());
    }
    let name = server.name_at(task, (HERE, path), 0)?;
    server.number_call(task, |vfs, context| vfs.truncate(context, name, size).map(|()| 0))
}

/// The path of the working directory.
pub fn getcwd(server: &mut Server, task: TaskKey, &[to, bytes, ..]: &Arguments) -> Answer {
    let directory = server.opened(task)?.place.directory;
    let came = server.file_call(task, |vfs, context| Ok(vfs.path_of(context, directory)))?;
    let Came::Value(mut path) = came else { return Err(Errno::EIO.into()) };
    path.push(0);
    if path.ends_with(b" (deleted)\0") {
        return Err(Errno::ENOENT.into());
    }
    if path.len() as u64 > bytes {
        return Err(Errno::ERANGE.into());
    }
    server.write_bytes(task, to, &path)?;
    Ok(path.len() as u64)
}

/// Takes a directory for the working directory.
fn go_to(server: &mut Server, task: TaskKey, directory: DentryId) -> Answer {
    server.number_call(task, |vfs, context| {
        if vfs.status(directory)?.attributes.kind != Kind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        vfs.check_access(context, directory, Wish::EXECUTE).map(|()| 0)
    })?;
    server.world.vfs.pin(directory);
    let old = core::mem::replace(&mut server.opened(task)?.place.directory, directory);
    server.world.vfs.unpin(old);
    Ok(0)
}

/// Goes to another working directory.
pub fn chdir(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    let directory = server.name_at(task, (HERE, path), 0)?;
    go_to(server, task, directory)
}

/// Goes to an open directory.
pub fn fchdir(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let directory = server.named_file(task, file)?;
    go_to(server, task, directory)
}

/// Takes another directory for the root.
pub fn chroot(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    let root = server.name_at(task, (HERE, path), 0)?;
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM.into());
    }
    if server.world.vfs.status(root).is_ok_and(|it| it.attributes.kind != Kind::Directory) {
        return Err(Errno::ENOTDIR.into());
    }
    server.world.vfs.pin(root);
    let old = core::mem::replace(&mut server.opened(task)?.place.root, root);
    server.world.vfs.unpin(old);
    Ok(0)
}

/// Sets the permissions that new files do not get.
pub fn umask(server: &mut Server, task: TaskKey, &[mask, ..]: &Arguments) -> Answer {
    let opened = server.opened(task)?;
    Ok(core::mem::replace(&mut opened.umask, mask as u16 & 0o777).into())
}

fn write_space(server: &mut Server, task: TaskKey, name: DentryId, to: u64) -> Answer {
    let came = server.file_call(task, |vfs, _| vfs.space(name))?;
    let Came::Value(it) = came else { return Err(Errno::EIO.into()) };
    let koito_vfs::Reported { block_bytes, blocks, nodes } = it.space;
    let words = [
        it.magic,
        block_bytes,
        blocks.0,
        blocks.1,
        blocks.1,
        nodes.0,
        nodes.1,
        0,
        255,
        block_bytes,
        0x20,
        0,
        0,
        0,
        0,
    ];
    server.write_words(task, to, &words)?;
    Ok(0)
}

/// What is known of a file system.
pub fn statfs(server: &mut Server, task: TaskKey, &[path, to, ..]: &Arguments) -> Answer {
    let name = server.name_at(task, (HERE, path), 0)?;
    write_space(server, task, name, to)
}

/// What is known of an open file's file system.
pub fn fstatfs(server: &mut Server, task: TaskKey, &[file, to, ..]: &Arguments) -> Answer {
    let name = server.named_file(task, file)?;
    write_space(server, task, name, to)
}

/// Entries of an open directory.
pub fn getdents64(
    server: &mut Server,
    task: TaskKey,
    &[file, to, bytes, ..]: &Arguments,
) -> Answer {
    const HEADER: usize = 19;
    const MOST: u64 = 32 << 10;
    let file = server.file(task, file)?;
    let room = bytes.min(MOST) as usize;
    let mut packed: Vec<u8> = Vec::with_capacity(room);
    let mut first_fits = true;
    server.number_call(task, |vfs, context| {
        vfs.list(context, file, &mut |entry| {
            let length = (HEADER + entry.name.len() + 1).next_multiple_of(8);
            if packed.len() + length > room {
                first_fits = !packed.is_empty();
                return false;
            }
            let end = packed.len() + length;
            packed.extend(entry.number.to_le_bytes());
            packed.extend(entry.next.to_le_bytes());
            packed.extend((length as u16).to_le_bytes());
            packed.push(entry.kind.map_or(0, Kind::entry_type));
            packed.extend_from_slice(&entry.name);
            packed.resize(end, 0);
            true
        })
        .map(|()| 0)
    })?;
    if !first_fits {
        return Err(Errno::EINVAL.into());
    }
    server.write_bytes(task, to, &packed)?;
    Ok(packed.len() as u64)
}

/// No file has extended attributes.
pub fn getxattr(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    server.name_at(task, (HERE, path), 0)?;
    Err(Errno::ENODATA.into())
}

/// Nor has a link.
pub fn lgetxattr(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    server.name_at(task, (HERE, path), NO_FOLLOW)?;
    Err(Errno::ENODATA.into())
}

/// Nor an open file.
pub fn fgetxattr(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    server.file(task, file)?;
    Err(Errno::ENODATA.into())
}
