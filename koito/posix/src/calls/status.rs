//! What is known of files and of the file systems that they are on.

use koito_linux::Errno;
use koito_vfs::{DentryId, Status, Time};

use super::paths::{HERE, NO_FOLLOW};
use crate::call::{Answer, Arguments};
use crate::files::Came;
use crate::server::{Server, TaskKey};

impl Server {
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
