//! Descriptors, pipes, and what `fcntl` does.

use koito_linux::{Errno, raw};
use koito_vfs::{
    Counting, Descriptor, Exclusion, FileId, Flags, OnExec, Owner, Patience, Record, Whence,
};

use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

impl Server {
    /// Gives the caller a descriptor for a file, from `from` on; it is closed if there is none left.
    pub fn add_descriptor(
        &mut self,
        task: TaskKey,
        file: FileId,
        on_exec: OnExec,
        from: usize,
    ) -> Answer {
        let most = self.process_of(task).limits.files();
        let added = self.opened(task)?.descriptors.add(file, on_exec, from, most);
        if added.is_err() {
            self.world.vfs.close(file);
            self.settle_files();
        }
        Ok(added?)
    }

    /// A file leaves the caller's descriptors.
    fn close_file(&mut self, task: TaskKey, file: FileId) {
        let owner = Owner(self.process_of(task).number.into());
        self.world.vfs.unlock_all(file, owner);
        self.world.vfs.close(file);
        self.settle_files();
    }

    /// Closes what the caller does not take along to another program.
    pub fn close_for_exec(&mut self, task: TaskKey) {
        while let Some(file) =
            self.opened(task).ok().and_then(|opened| opened.descriptors.take_for_exec())
        {
            self.close_file(task, file);
        }
    }
}

const fn on_exec(flags: Flags) -> OnExec {
    if flags.contains(Flags::CLOSE_ON_EXEC) { OnExec::Close } else { OnExec::Keep }
}

/// Closes a descriptor.
pub fn close(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    let file = server.opened(task)?.descriptors.take(number)?;
    server.close_file(task, file);
    Ok(0)
}

/// Closes descriptors, or has them closed by `execve`.
pub fn close_range(
    server: &mut Server,
    task: TaskKey,
    &[first, last, flags, ..]: &Arguments,
) -> Answer {
    const ON_EXEC: u64 = 4;
    if first > last || flags & !ON_EXEC != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut from = first;
    while let Some((number, it)) = server.opened(task)?.descriptors.next(from) {
        if number > last {
            break;
        }
        if flags & ON_EXEC != 0 {
            server.opened(task)?.descriptors.set_on_exec(number, OnExec::Close)?;
        } else {
            server.opened(task)?.descriptors.take(number)?;
            server.close_file(task, it.file);
        }
        from = number + 1;
    }
    Ok(0)
}

/// A further descriptor for the same open file.
pub fn dup(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    let file = server.file(task, number)?;
    server.world.vfs.share(file);
    server.add_descriptor(task, file, OnExec::Keep, 0)
}

/// The same, at a number.
pub fn dup3(
    server: &mut Server,
    task: TaskKey,
    &[number, wanted, flags, ..]: &Arguments,
) -> Answer {
    let flags = Flags::from_bits_retain(flags as u32);
    if number as u32 == wanted as u32 || !Flags::CLOSE_ON_EXEC.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let file = server.file(task, number)?;
    let descriptor = Descriptor { file, on_exec: on_exec(flags) };
    let most = server.process_of(task).limits.files();
    let replaced = server.opened(task)?.descriptors.replace(wanted, descriptor, most)?;
    server.world.vfs.share(file);
    if let Some(replaced) = replaced {
        server.close_file(task, replaced);
    }
    Ok(u64::from(wanted as u32))
}

/// The same; the same number changes nothing.
pub fn dup2(server: &mut Server, task: TaskKey, &[number, wanted, ..]: &Arguments) -> Answer {
    if number as u32 == wanted as u32 {
        server.file(task, number)?;
        return Ok(u64::from(wanted as u32));
    }
    dup3(server, task, &[number, wanted, 0, 0, 0, 0])
}

/// Writes two descriptors for two files, which it takes over.
pub fn add_two(
    server: &mut Server,
    task: TaskKey,
    (first, second): (FileId, FileId),
    (flags, to): (Flags, u64),
) -> Answer {
    let first = match server.add_descriptor(task, first, on_exec(flags), 0) {
        Ok(first) => first,
        Err(stop) => {
            server.close_file(task, second);
            return Err(stop);
        }
    };
    let both = server.add_descriptor(task, second, on_exec(flags), 0).and_then(|second| {
        let written = server.write_words(task, to, &[first | second << 32]);
        written.map(|()| second).map_err(|errno| {
            let _ = close(server, task, &[second, 0, 0, 0, 0, 0]);
            errno.into()
        })
    });
    if both.is_err() {
        close(server, task, &[first, 0, 0, 0, 0, 0])?;
    }
    both.map(|_| 0)
}

/// A pipe.
pub fn pipe2(server: &mut Server, task: TaskKey, &[to, flags, ..]: &Arguments) -> Answer {
    let flags = Flags::from_bits_retain(flags as u32);
    if !(Flags::CLOSE_ON_EXEC | Flags::NONBLOCK | Flags::DIRECT).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let ends = server.world.vfs.pipe(flags);
    add_two(server, task, ends, (flags, to))
}

/// A pipe.
pub fn pipe(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    pipe2(server, task, &[to, 0, 0, 0, 0, 0])
}

/// A counter of events.
pub fn eventfd2(server: &mut Server, task: TaskKey, &[count, flags, ..]: &Arguments) -> Answer {
    const SINGLE: u32 = 1;
    let counting = if flags as u32 & SINGLE == 0 { Counting::All } else { Counting::One };
    let flags = Flags::from_bits_retain(flags as u32 & !SINGLE);
    if !(Flags::CLOSE_ON_EXEC | Flags::NONBLOCK).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let file = server.world.vfs.event(count as u32, counting, flags);
    server.add_descriptor(task, file, on_exec(flags), 0)
}

/// A file without a name, in memory.
pub fn memfd_create(server: &mut Server, task: TaskKey, &[name, flags, ..]: &Arguments) -> Answer {
    const ON_EXEC: u64 = 1;
    let name = server.read_string(task, name, 249)?;
    let came = server.file_call(task, |vfs, context| Ok(vfs.open_memory(context, &name)))?;
    let Came::Value(file) = came else { return Err(Errno::EIO.into()) };
    let on_exec = if flags & ON_EXEC == 0 { OnExec::Keep } else { OnExec::Close };
    server.add_descriptor(task, file, on_exec, 0)
}

/// `DN_MULTISHOT`.
const NOTIFY_AGAIN: u64 = 0x8000_0000;

/// Commands for a descriptor.
pub fn fcntl(
    server: &mut Server,
    task: TaskKey,
    &[number, command, argument, ..]: &Arguments,
) -> Answer {
    let descriptor = server.opened(task)?.descriptors.get(number)?;
    let file = descriptor.file;
    match command as u32 {
        raw::F_DUPFD | raw::F_DUPFD_CLOEXEC => {
            if argument >= server.process_of(task).limits.files() as u64 {
                return Err(Errno::EINVAL.into());
            }
            let closes = command as u32 == raw::F_DUPFD_CLOEXEC;
            let on_exec = if closes { OnExec::Close } else { OnExec::Keep };
            server.world.vfs.share(file);
            server.add_descriptor(task, file, on_exec, argument as usize)
        }
        raw::F_GETFD => Ok(u64::from(descriptor.on_exec == OnExec::Close)),
        raw::F_SETFD => {
            let on_exec = if argument & 1 == 0 { OnExec::Keep } else { OnExec::Close };
            server.opened(task)?.descriptors.set_on_exec(number, on_exec)?;
            Ok(0)
        }
        raw::F_GETFL => Ok((server.world.vfs.flags(file) | Flags::LARGE).bits().into()),
        raw::F_SETFL => {
            server.world.vfs.set_flags(file, Flags::from_bits_truncate(argument as u32));
            Ok(0)
        }
        raw::F_GETLK | raw::F_OFD_GETLK => {
            let owner = lock_owner(server, task, file, command as u32);
            find_lock(server, task, file, (argument, owner))
        }
        raw::F_SETLK | raw::F_OFD_SETLK => {
            let owner = lock_owner(server, task, file, command as u32);
            set_lock(server, task, file, (argument, owner, Patience::Fail))
        }
        raw::F_SETLKW | raw::F_OFD_SETLKW => {
            let owner = lock_owner(server, task, file, command as u32);
            set_lock(server, task, file, (argument, owner, Patience::Wait))
        }
        raw::F_SETPIPE_SZ => server.number_call(task, |vfs, _| {
            vfs.set_pipe_limit(file, argument as u32 as usize).map(|limit| limit as u64)
        }),
        // Nobody is told of names by a signal; so there is nothing to be told no more.
        raw::F_NOTIFY if argument & !NOTIFY_AGAIN == 0 => {
            server.world.vfs.directory_of(file).map(|_| 0).map_err(|_| Errno::ENOTDIR.into())
        }
        raw::F_GETPIPE_SZ => {
            Ok(server.world.vfs.pipe_limit(file).map_err(|_| Errno::EBADF)? as u64)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Whose a lock is: the process's, or the open file's.
fn lock_owner(server: &Server, task: TaskKey, file: FileId, command: u32) -> Owner {
    match command {
        raw::F_OFD_GETLK | raw::F_OFD_SETLK | raw::F_OFD_SETLKW => Owner::of_file(file),
        _ => Owner(server.process_of(task).number.into()),
    }
}

/// What a `struct flock` asks for: nothing, if it gives back.
fn read_lock(
    server: &mut Server,
    task: TaskKey,
    file: FileId,
    (at, owner): (u64, Owner),
) -> Result<(Option<Exclusion>, Record), Stop> {
    let [kinds, start, length, process] = server.read_words(task, at)?;
    if owner.is_file() && process as u32 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let exclusion = match kinds as u16 {
        0 => Some(Exclusion::Shared),
        1 => Some(Exclusion::Exclusive),
        2 => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    let base = match (kinds >> 16) as u16 {
        0 => 0,
        1 => server.world.vfs.seek(file, 0, Whence::Current).map_err(|_| Errno::EINVAL)?,
        2 => server.world.vfs.file_status(file).attributes.size,
        _ => return Err(Errno::EINVAL.into()),
    };
    let start = base.checked_add_signed(start.cast_signed()).ok_or(Errno::EINVAL)?;
    let other = match length.cast_signed() {
        0 => u64::MAX,
        length => start.checked_add_signed(length).ok_or(Errno::EINVAL)?,
    };
    let (start, end) = (start.min(other), start.max(other));
    let writes = exclusion.unwrap_or(Exclusion::Shared);
    Ok((exclusion, Record { owner, start, end, exclusion: writes }))
}

fn find_lock(
    server: &mut Server,
    task: TaskKey,
    file: FileId,
    (at, owner): (u64, Owner),
) -> Answer {
    let (_, wanted) = read_lock(server, task, file, (at, owner))?;
    let found = server.world.vfs.find_lock(file, &wanted).map_err(|_| Errno::EBADF)?;
    let words = match found {
        None => {
            let [kinds, start, length, owner] = server.read_words(task, at)?;
            [kinds & !0xffff | 2, start, length, owner]
        }
        Some(it) => {
            let kind = u64::from(it.exclusion == Exclusion::Exclusive);
            let length = if it.end == u64::MAX { 0 } else { it.end - it.start };
            let owner = if it.owner.is_file() { u64::from(u32::MAX) } else { it.owner.0 };
            [kind, it.start, length, owner]
        }
    };
    server.write_words(task, at, &words)?;
    Ok(0)
}

fn set_lock(
    server: &mut Server,
    task: TaskKey,
    file: FileId,
    (at, owner, patience): (u64, Owner, Patience),
) -> Answer {
    let (exclusion, wanted) = read_lock(server, task, file, (at, owner))?;
    let flags = server.world.vfs.flags(file);
    match exclusion {
        Some(Exclusion::Shared) if !flags.reads() => return Err(Errno::EBADF.into()),
        Some(Exclusion::Exclusive) if !flags.writes() => return Err(Errno::EBADF.into()),
        _ => {}
    }
    server.number_call(task, |vfs, _| {
        let done = match exclusion {
            Some(_) => vfs.lock(file, wanted, patience),
            None => vfs.unlock(file, wanted.owner, wanted.start, wanted.end),
        };
        done.map(|()| 0)
    })
}

/// Locks a whole file.
pub fn flock(server: &mut Server, task: TaskKey, &[file, operation, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let patience = if operation & 4 == 0 { Patience::Wait } else { Patience::Fail };
    let exclusion = match operation & !4 {
        1 => Some(Exclusion::Shared),
        2 => Some(Exclusion::Exclusive),
        8 => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    server.number_call(task, |vfs, _| vfs.lock_whole(file, exclusion, patience).map(|()| 0))
}
