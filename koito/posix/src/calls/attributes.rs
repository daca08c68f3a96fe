//! Attributes of files: permissions, owners, times, lengths.

use koito_linux::Errno;
use koito_vfs::{DentryId, NewTime, Time};

use super::paths::{HERE, NO_FOLLOW};
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

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

/// Sets times, in microseconds.
pub fn futimesat(server: &mut Server, task: TaskKey, &[at, path, times, ..]: &Arguments) -> Answer {
    let (accessed, modified) = match times {
        0 => (NewTime::Now, NewTime::Now),
        _ => {
            let [a, b, c, d] = server.read_words(task, times)?;
            if b >= 1_000_000 || d >= 1_000_000 {
                return Err(Errno::EINVAL.into());
            }
            (new_time([a, b * 1000])?, new_time([c, d * 1000])?)
        }
    };
    set_times(server, task, (at, path), (accessed, modified))
}

/// The same from the working directory.
pub fn utimes(server: &mut Server, task: TaskKey, &[path, times, ..]: &Arguments) -> Answer {
    futimesat(server, task, &[HERE, path, times, 0, 0, 0])
}

/// The same in seconds.
pub fn utime(server: &mut Server, task: TaskKey, &[path, times, ..]: &Arguments) -> Answer {
    let (accessed, modified) = match times {
        0 => (NewTime::Now, NewTime::Now),
        _ => {
            let [accessed, modified] = server.read_words(task, times)?;
            (new_time([accessed, 0])?, new_time([modified, 0])?)
        }
    };
    set_times(server, task, (HERE, path), (accessed, modified))
}

fn set_times(
    server: &mut Server,
    task: TaskKey,
    at: (u64, u64),
    (accessed, modified): (NewTime, NewTime),
) -> Answer {
    let name = server.name_at(task, at, 0)?;
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
    server.check_size(task, size)?;
    let done =
        server.number_call(task, |vfs, context| vfs.truncate(context, name, size).map(|()| 0));
    server.settle_cuts();
    done
}
