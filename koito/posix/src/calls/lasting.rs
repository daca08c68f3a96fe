//! How long files are, and that they last.

use koito_linux::Errno;
use koito_vfs::Object;

use super::files::offset;
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Has what was written to a file last.
pub fn fsync(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    server.number_call(task, |vfs, _| vfs.sync_file(file).map(|()| 0))
}

/// Has everything last.
pub fn sync(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    server.number_call(task, |vfs, _| vfs.sync_all().map(|()| 0))
}

/// Has all of a file system last.
pub fn syncfs(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    server.file(task, file)?;
    sync(server, task, &[0; 6])
}

/// Has part of a file on its way to the disk: all of it.
pub fn sync_file_range(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    fsync(server, task, &[file, 0, 0, 0, 0, 0])
}

/// Has part of a file read before it is asked for, which changes nothing.
pub fn readahead(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let is_file = matches!(server.world.vfs.object(file), Object::File(_));
    let reads = server.world.vfs.flags(file).reads();
    if !reads {
        return Err(Errno::EBADF.into());
    }
    if is_file { Ok(0) } else { Err(Errno::EINVAL.into()) }
}

/// Sets the length of an open file.
pub fn ftruncate(server: &mut Server, task: TaskKey, &[file, size, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let size = offset(size)?.unwrap_or(0);
    server.check_size(task, size)?;
    let done =
        server.number_call(task, |vfs, context| vfs.truncate_file(context, file, size).map(|()| 0));
    server.settle_cuts();
    done
}

/// Sees to it that a file is long enough. Space is taken when it is written.
pub fn fallocate(
    server: &mut Server,
    task: TaskKey,
    &[file, mode, from, bytes, ..]: &Arguments,
) -> Answer {
    const KEEP_SIZE: u64 = 1;
    let file = server.file(task, file)?;
    let end = from.checked_add(bytes).filter(|end| bytes > 0 && *end <= i64::MAX as u64);
    let end = end.ok_or(Errno::EINVAL)?;
    match mode {
        0 => {
            server.check_size(task, end)?;
            server.number_call(task, |vfs, context| vfs.extend_file(context, file, end).map(|()| 0))
        }
        KEEP_SIZE => Ok(0),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// Says how a file will be read, which changes nothing.
pub fn fadvise64(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    match server.world.vfs.object(file) {
        Object::Pipe(..) => Err(Errno::ESPIPE.into()),
        _ => Ok(0),
    }
}
