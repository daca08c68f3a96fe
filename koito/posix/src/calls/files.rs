//! Reading and writing.

use koito_linux::Errno;
use koito_posix_core::{Detail, Info, Protection, Signal};
use koito_vfs::{Context, FileId, Flags, Object, Vfs, Whence};

use crate::buffer::Buffer;
use crate::call::{Answer, Arguments, Stop};
use crate::disk::Acting;
use crate::files::Came;
use crate::machine::Memory;
use crate::server::{Server, TaskKey};

/// Most bytes of a read or write.
pub const MOST_BYTES: u64 = 0x7fff_f000;
/// Most pieces of a vector.
const MOST_PIECES: u64 = 1024;

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Server {
    /// A stretch of the caller's memory, or its start; `EFAULT` if nothing of it is there.
    pub fn buffer(
        &mut self,
        task: TaskKey,
        address: u64,
        bytes: u64,
        tried: Protection,
    ) -> Result<Buffer, Errno> {
        let mut buffer = Buffer::default();
        self.fill_buffer(&mut buffer, task, (address, bytes), tried)?;
        Ok(buffer)
    }

    /// The same into an empty buffer that is there already: it is large.
    pub fn fill_buffer(
        &mut self,
        buffer: &mut Buffer,
        task: TaskKey,
        (address, bytes): (u64, u64),
        tried: Protection,
    ) -> Result<(), Errno> {
        let space = self.process_of(task).space;
        let length = bytes.min(koito_vfs::MOST_AT_ONCE as u64) as usize;
        buffer.know(self.world.vfs.pages.all());
        let came =
            self.spaces[space].go_through(&mut self.world, (address, length), tried, |part, _| {
                buffer.push(part);
            });
        match came {
            Err(errno) if koito_vfs::Target::room(buffer) == 0 => Err(errno),
            _ => Ok(()),
        }
    }

    /// One step of a read or write; answers how many bytes it moved.
    fn step(
        &mut self,
        task: TaskKey,
        file: FileId,
        way: Way,
        offset: Option<u64>,
        buffer: &mut Buffer,
    ) -> Result<u64, Stop> {
        let work = |vfs: &mut Vfs<Memory>, context: &Context<'_>| {
            let done = match (way, offset) {
                (Way::Read, None) => vfs.read(context, file, buffer),
                (Way::Write, None) => vfs.write(context, file, buffer),
                (Way::Read, Some(offset)) => vfs.read_at(context, file, offset, buffer),
                (Way::Write, Some(offset)) => vfs.write_at(context, file, offset, buffer),
            };
            done.map(|count| count as u64)
        };
        let done = match self.file_call(task, work) {
            Ok(Came::Value(count)) => Ok(count),
            Ok(_) => Ok(0),
            Err(stop) => Err(stop),
        };
        if way == Way::Write && done == Err(Stop::Error(Errno::EPIPE)) {
            self.broken_pipe(task);
        }
        done
    }

    /// Nobody reads what the caller writes: it gets a signal.
    pub fn broken_pipe(&mut self, task: TaskKey) {
        let signal = Signal::PIPE;
        let detail = Detail::Sender(self.process_of(task).number, 0);
        self.send_to_task(task, Info { signal, code: 0, detail });
    }

    /// Moves up to `bytes` bytes, in as many steps as it takes; what waits or fails after some were moved
    /// ends it.
    fn transfer(
        &mut self,
        task: TaskKey,
        file: FileId,
        way: Way,
        offset: Option<u64>,
        (address, bytes): (u64, u64),
    ) -> Answer {
        let mut buffer = Buffer::over(core::mem::take(&mut self.room));
        let answer = self.transfer_by(&mut buffer, task, file, way, offset, (address, bytes));
        self.room = buffer.into_room();
        answer
    }

    /// The same by a buffer that is there already.
    fn transfer_by(
        &mut self,
        buffer: &mut Buffer,
        task: TaskKey,
        file: FileId,
        way: Way,
        offset: Option<u64>,
        (address, bytes): (u64, u64),
    ) -> Answer {
        let bytes = bytes.min(MOST_BYTES);
        let tried = if way == Way::Read { Protection::WRITE } else { Protection::READ };
        let in_steps = matches!(self.world.vfs.object(file), Object::File(_) | Object::Device(_));
        let waits = !self.world.vfs.flags(file).contains(Flags::NONBLOCK);
        let mut done = self.tasks[task].moved;
        loop {
            let at = address.wrapping_add(done);
            let asked = (bytes - done.min(bytes)).min(koito_vfs::MOST_AT_ONCE as u64);
            buffer.clear();
            let moved = match self.fill_buffer(buffer, task, (at, asked), tried) {
                Ok(()) => self.step(task, file, way, offset.map(|it| it + done), buffer),
                Err(errno) => Err(errno.into()),
            };
            match moved {
                Ok(count) => done += count,
                // What was moved so far is not moved again.
                Err(stop) if done > 0 && self.goes_on(stop, way == Way::Write && waits) => {
                    self.tasks[task].moved = done;
                    return Err(stop);
                }
                Err(_) if done > 0 => break,
                Err(stop) => return Err(stop),
            }
            let goes_on = in_steps || way == Way::Write;
            let short = moved.is_ok_and(|count| count == 0 || (in_steps && count < asked));
            if !goes_on || short || done >= bytes {
                break;
            }
        }
        self.tasks[task].moved = 0;
        Ok(done)
    }

    /// Whether a transfer that was stopped goes on from there: one that waits for the file server, and one
    /// that `waits` for anything.
    fn goes_on(&self, stop: Stop, waits: bool) -> bool {
        matches!(self.world.acting, Acting::Awaiting(_)) || (waits && stop == Stop::Wait)
    }

    fn transfer_vector(
        &mut self,
        task: TaskKey,
        file: FileId,
        way: Way,
        offset: Option<u64>,
        (vector, count): (u64, u64),
    ) -> Answer {
        if count > MOST_PIECES {
            return Err(Errno::EINVAL.into());
        }
        // What was moved before it had to wait.
        let mut before = core::mem::take(&mut self.tasks[task].moved);
        let mut done = before;
        for index in 0..count {
            let at = vector.wrapping_add(index * 16);
            let piece = self.read_words(task, at).map_err(Stop::from);
            let moved = piece.and_then(|[address, bytes]| {
                let skipped = before.min(bytes);
                before -= skipped;
                let rest = (address.wrapping_add(skipped), bytes - skipped);
                let offset = offset.map(|offset| offset + done);
                let moved =
                    if rest.1 > 0 { self.transfer(task, file, way, offset, rest)? } else { 0 };
                Ok((moved, moved == rest.1))
            });
            match moved {
                Ok((moved, whole)) => {
                    done += moved;
                    if !whole {
                        break;
                    }
                }
                Err(stop) => {
                    done += core::mem::take(&mut self.tasks[task].moved);
                    if done > 0 && self.goes_on(stop, stop == Stop::Wait && way == Way::Write) {
                        self.tasks[task].moved = done;
                        return Err(stop);
                    }
                    return if done > 0 { Ok(done) } else { Err(stop) };
                }
            }
        }
        Ok(done)
    }
}

/// An offset that a call was given.
fn offset(offset: u64) -> Result<Option<u64>, Errno> {
    if offset > i64::MAX as u64 { Err(Errno::EINVAL) } else { Ok(Some(offset)) }
}

/// Reads.
pub fn read(server: &mut Server, task: TaskKey, &[file, to, bytes, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    match server.read_shortly(task, file, None, (to, bytes)) {
        Some(answer) => answer,
        None => server.transfer(task, file, Way::Read, None, (to, bytes)),
    }
}

/// Writes.
pub fn write(server: &mut Server, task: TaskKey, &[file, from, bytes, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    // What was moved before it had to wait is on the long way.
    let shortly = match server.tasks[task].moved {
        0 => server.write_shortly(task, file, (from, bytes)),
        _ => None,
    };
    shortly.unwrap_or_else(|| server.transfer(task, file, Way::Write, None, (from, bytes)))
}

/// Reads at an offset.
pub fn pread64(
    server: &mut Server,
    task: TaskKey,
    &[file, to, bytes, at, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    let offset = offset(at)?;
    match server.read_shortly(task, file, offset, (to, bytes)) {
        Some(answer) => answer,
        None => server.transfer(task, file, Way::Read, offset, (to, bytes)),
    }
}

/// Writes at an offset.
pub fn pwrite64(
    server: &mut Server,
    task: TaskKey,
    &[file, from, bytes, at, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    server.transfer(task, file, Way::Write, offset(at)?, (from, bytes))
}

/// Reads several pieces.
pub fn readv(server: &mut Server, task: TaskKey, &[file, vector, count, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Read, None, (vector, count))
}

/// Writes several pieces.
pub fn writev(
    server: &mut Server,
    task: TaskKey,
    &[file, vector, count, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Write, None, (vector, count))
}

/// Reads several pieces at an offset.
pub fn preadv(
    server: &mut Server,
    task: TaskKey,
    &[file, vector, count, at, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Read, offset(at)?, (vector, count))
}

/// Writes several pieces at an offset.
pub fn pwritev(
    server: &mut Server,
    task: TaskKey,
    &[file, vector, count, at, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Write, offset(at)?, (vector, count))
}

/// Moves an open file.
pub fn lseek(
    server: &mut Server,
    task: TaskKey,
    &[file, offset, whence, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    let whence = match whence as u32 {
        0 => Whence::Start,
        1 => Whence::Current,
        2 => Whence::End,
        3 => Whence::Data,
        4 => Whence::Hole,
        _ => return Err(Errno::EINVAL.into()),
    };
    let moved = server.world.vfs.seek(file, offset.cast_signed(), whence);
    moved.map_err(|stop| match stop {
        koito_vfs::Stop::Error(errno) => errno.into(),
        _ => Errno::EIO.into(),
    })
}

/// Copies from one file to another; from an offset that lies in memory, if one is given.
pub fn sendfile(
    server: &mut Server,
    task: TaskKey,
    &[to, from, place, bytes, ..]: &Arguments,
) -> Answer {
    let [to, from] = [server.file(task, to)?, server.file(task, from)?];
    if !matches!(server.world.vfs.object(from), Object::File(_)) {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, place), (to, 0), bytes)
}

/// Moves bytes from a pipe to a file, or from a file to a pipe.
pub fn splice(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[from, from_at, to, to_at, bytes, _] = arguments;
    let [from, to] = [server.file(task, from)?, server.file(task, to)?];
    let pipe = |file| matches!(server.world.vfs.object(file), Object::Pipe(..));
    let (source, target) = (pipe(from), pipe(to));
    if (source && from_at != 0) || (target && to_at != 0) {
        return Err(Errno::ESPIPE.into());
    }
    let known =
        source && matches!(server.world.vfs.object(to), Object::File(_) | Object::Device(_));
    let stored = target && matches!(server.world.vfs.object(from), Object::File(_));
    if !known && !stored {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, from_at), (to, to_at), bytes)
}

/// Copies from one file to another, each from an offset that lies in memory, if one is given.
pub fn copy_file_range(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[from, from_at, to, to_at, bytes, flags] = arguments;
    let [from, to] = [server.file(task, from)?, server.file(task, to)?];
    let both = [from, to].map(|file| matches!(server.world.vfs.object(file), Object::File(_)));
    if flags != 0 || both != [true; 2] {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, from_at), (to, to_at), bytes)
}

/// Copies, piece by piece, until something waits.
fn copy(
    server: &mut Server,
    task: TaskKey,
    (from, from_at): (FileId, u64),
    (to, to_at): (FileId, u64),
    bytes: u64,
) -> Answer {
    let read_place = |server: &mut Server, at: u64| -> Result<Option<u64>, Stop> {
        if at == 0 {
            return Ok(None);
        }
        let [place] = server.read_words(task, at)?;
        Ok(offset(place)?)
    };
    let mut source = read_place(server, from_at)?;
    let mut target = read_place(server, to_at)?;
    let mut done = 0;
    let mut failed = None;
    let mut piece = [0; 4096];
    while done < bytes.min(MOST_BYTES) {
        let most = (bytes - done).min(piece.len() as u64) as usize;
        let came = server.number_call(task, |vfs, context| {
            let ready = vfs.ready(to).contains(koito_vfs::Ready::OUT);
            if !ready && done > 0 {
                return Err(Errno::EAGAIN.into());
            }
            if !ready {
                return Err(vfs.would_wait_to_write(to));
            }
            let mut room = &mut piece[..most];
            Ok(vfs.copy_out(context, from, source, &mut room)? as u64)
        });
        let count = match came {
            Ok(0) => break,
            Ok(count) => count,
            Err(_) if done > 0 => break,
            Err(stop) => return Err(stop),
        };
        let written = server.number_call(task, |vfs, context| {
            let mut bytes = &piece[..count as usize];
            let done = match target {
                Some(target) => vfs.write_at(context, to, target, &mut bytes),
                None => vfs.write(context, to, &mut bytes),
            };
            done.map(|count| count as u64)
        });
        let written = match written {
            Ok(written) => written,
            Err(stop) => {
                if stop == Stop::Error(Errno::EPIPE) {
                    server.broken_pipe(task);
                }
                failed = Some(stop);
                0
            }
        };
        // What was read and could not be written is read again.
        if source.is_none() && written < count {
            let back = -((count - written) as i64);
            let _ = server.world.vfs.seek(from, back, Whence::Current);
        }
        if let Some(stop) = failed.filter(|_| done == 0) {
            return Err(stop);
        }
        done += written;
        source = source.map(|place| place + written);
        target = target.map(|place| place + written);
        if written < count {
            break;
        }
    }
    for (at, place) in [(from_at, source), (to_at, target)] {
        if let Some(place) = place {
            server.write_words(task, at, &[place])?;
        }
    }
    Ok(done)
}

/// Has what was written to a file last.
pub fn fsync(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    server.number_call(task, |vfs, _| vfs.sync_file(file).map(|()| 0))
}

/// Has everything last.
pub fn sync(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    server.number_call(task, |vfs, _| vfs.sync_all().map(|()| 0))
}

/// Sets the length of an open file.
pub fn ftruncate(server: &mut Server, task: TaskKey, &[file, size, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let size = offset(size)?.unwrap_or(0);
    server.number_call(task, |vfs, context| vfs.truncate_file(context, file, size).map(|()| 0))
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
