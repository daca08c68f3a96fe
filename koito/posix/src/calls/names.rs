//! Names come, go and change: directories, nodes, links; and which there are.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{Kind, Last, New, Rename};

use super::paths::{EMPTY_PATH, HERE, NO_FOLLOW, PATH_BYTES};
use crate::call::{Answer, Arguments};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// `AT_REMOVEDIR`.
const REMOVE_DIRECTORY: u64 = 0x200;
/// `AT_SYMLINK_FOLLOW`.
const FOLLOW: u64 = 0x400;

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
    let old = server.place_at(task, (at, path), flags)?;
    let (start, path) = server.path(task, to_at, to)?;
    let last = if flags & FOLLOW == 0 { Last::Keep } else { Last::Follow };
    // In one: what the file server did once is not looked for again.
    server.number_call(task, |vfs, context| {
        let (from, name) = (old.0, &old.1);
        let old = if name.is_empty() { from } else { vfs.find(context, from, name, last)? };
        vfs.link(context, old, start, &path).map(|()| 0)
    })
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
