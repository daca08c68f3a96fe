//! Reading and writing.

use koito_linux::Errno;
use koito_posix_core::{Detail, Info, Protection, Signal};
use koito_vfs::{Context, FileId, Flags, Object, Vfs, Whence};

use super::signals::read_signals;
use crate::buffer::Buffer;
use crate::call::{Answer, Arguments, Stop};
use crate::disk::Acting;
use crate::files::Came;
use crate::machine::Memory;
use crate::server::{Server, TaskKey};

/// Most bytes of a read or write.
pub const MOST_BYTES: u64 = 0x7fff_f000;
/// Bytes that a call moves before others have their turn.
pub const ON_ONE_TURN: u64 = 1 << 20;
/// The same at a terminal, which looks at each of them.
const AT_A_TERMINAL: u64 = 4096;
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
        let bytes = match way {
            Way::Read => bytes.min(MOST_BYTES),
            Way::Write => self.within_limit(task, file, offset, bytes.min(MOST_BYTES))?,
        };
        if let Object::Signals(set) = *self.world.vfs.object(file) {
            return match way {
                Way::Read => read_signals(self, task, (file, set), (address, bytes)),
                Way::Write => Err(Errno::EINVAL.into()),
            };
        }
        let tried = if way == Way::Read { Protection::WRITE } else { Protection::READ };
        let in_steps = matches!(self.world.vfs.object(file), Object::File(_) | Object::Device(_));
        let turn = match self.world.vfs.object(file) {
            Object::Terminal(_) => AT_A_TERMINAL,
            _ => ON_ONE_TURN,
        };
        let waits = !self.world.vfs.flags(file).contains(Flags::NONBLOCK);
        let before = self.tasks[task].moved;
        let mut done = before;
        loop {
            let at = address.wrapping_add(done);
            let most = turn.min(koito_vfs::MOST_AT_ONCE as u64);
            let asked = (bytes - done.min(bytes)).min(most);
            buffer.clear();
            let moved = match self.fill_buffer(buffer, task, (at, asked), tried) {
                Ok(()) => self.step(task, file, way, offset.map(|it| it + done), buffer),
                Err(errno) => Err(errno.into()),
            };
            match moved {
                Ok(count) => {
                    done += count;
                    let is_whole = count == asked && (in_steps || way == Way::Write);
                    if is_whole && done < bytes && done - before >= turn {
                        self.tasks[task].moved = done;
                        return Err(Stop::Again);
                    }
                }
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
        let waits_for_disk = matches!(self.world.acting, Acting::Awaiting(_));
        waits_for_disk || stop == Stop::Again || (waits && stop == Stop::Wait)
    }

    /// How much of `bytes` may be written to a file, as large as the process may make one; who is at the end
    /// of that gets a signal.
    fn within_limit(
        &mut self,
        task: TaskKey,
        file: FileId,
        offset: Option<u64>,
        bytes: u64,
    ) -> Result<u64, Errno> {
        let limit = self.process_of(task).limits.file_bytes();
        if limit == u64::MAX || !matches!(self.world.vfs.object(file), Object::File(_)) {
            return Ok(bytes);
        }
        let vfs = &self.world.vfs;
        let start = match offset {
            Some(offset) => offset,
            None if vfs.flags(file).contains(Flags::APPEND) => {
                vfs.file_status(file).attributes.size
            }
            None => vfs.offset(file),
        };
        match limit.saturating_sub(start) {
            0 if bytes > 0 => Err(self.refuse_size(task)),
            left => Ok(bytes.min(left)),
        }
    }

    /// Refuses a file of `size` bytes that would be larger than the process may make one.
    pub fn check_size(&mut self, task: TaskKey, size: u64) -> Result<(), Errno> {
        let fits = size <= self.process_of(task).limits.file_bytes();
        if fits { Ok(()) } else { Err(self.refuse_size(task)) }
    }

    fn refuse_size(&mut self, task: TaskKey) -> Errno {
        let detail = Detail::Sender(self.process_of(task).number, 0);
        self.send_to_task(task, Info { signal: Signal::FILE_LIMIT, code: 0, detail });
        Errno::EFBIG
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
        let start = core::mem::take(&mut self.tasks[task].moved);
        let (mut before, mut done) = (start, start);
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
                    if done - start >= ON_ONE_TURN && index + 1 < count {
                        self.tasks[task].moved = done;
                        return Err(Stop::Again);
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
pub fn offset(offset: u64) -> Result<Option<u64>, Errno> {
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

/// The offset of the newer vectors: none stands for where the file is. Of their flags there is the one that
/// asks for haste.
fn vector_offset(at: u64, flags: u64) -> Result<Option<u64>, Errno> {
    const HASTE: u64 = 1;
    if flags & !HASTE != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if at == u64::MAX { Ok(None) } else { offset(at) }
}

/// Reads several pieces, at an offset or where the file is.
pub fn preadv2(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, vector, count, at, _, flags] = arguments;
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Read, vector_offset(at, flags)?, (vector, count))
}

/// Writes several pieces so.
pub fn pwritev2(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, vector, count, at, _, flags] = arguments;
    let file = server.file(task, file)?;
    server.transfer_vector(task, file, Way::Write, vector_offset(at, flags)?, (vector, count))
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
