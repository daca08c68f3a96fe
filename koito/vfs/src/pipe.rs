//! Pipes, with names and without.

use koito_linux::Errno;

use crate::arena::Id;
use crate::buffer::{Source, Target};
use crate::file::{File, FileId, Flags, Object};
use crate::inode::{Body, InodeId};
use crate::page::Pages;
use crate::queue::QueueId;
use crate::ring::Ring;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 64 << 10;
/// Bytes that any pipe holds.
const LEAST_BYTES: usize = 4096;
/// Writes up to this length are all or nothing.
const ATOMIC_BYTES: usize = 4096;

/// A pipe.
#[derive(Clone, Debug)]
pub struct Pipe {
    pub(crate) ring: Ring,
    /// Open files at its ends.
    pub(crate) readers: u32,
    pub(crate) writers: u32,
    /// How often it was opened at each end, for those who wait for that.
    opened: (u64, u64),
    /// Woken when there is something to read, or nobody left to write.
    pub(crate) readable: QueueId,
    /// Woken when there is room, or nobody left to read.
    pub(crate) writable: QueueId,
    /// The node that it belongs to, if it has a name.
    fifo: Option<InodeId>,
}

/// Number of a pipe.
pub type PipeId = Id<Pipe>;

/// What an open file can do with a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl<P: Pages> Vfs<P> {
    fn add_pipe(&mut self, fifo: Option<InodeId>) -> PipeId {
        self.pipes.insert(Pipe {
            ring: Ring::new(PIPE_BYTES),
            readers: 0,
            writers: 0,
            opened: (0, 0),
            readable: self.queues.add(),
            writable: self.queues.add(),
            fifo,
        })
    }

    /// A new pipe: the end to read, the end to write. Of the flags, `O_NONBLOCK` counts.
    pub fn pipe(&mut self, flags: Flags) -> (FileId, FileId) {
        let pipe = self.add_pipe(None);
        let flags = flags & Flags::NONBLOCK;
        let read = self.open_end(pipe, Ends { reads: true, writes: false }, flags, None);
        let write =
            self.open_end(pipe, Ends { reads: false, writes: true }, flags | Flags::WRITE, None);
        (read, write)
    }

    fn open_end(
        &mut self,
        pipe: PipeId,
        ends: Ends,
        flags: Flags,
        dentry: Option<crate::dentry::DentryId>,
    ) -> FileId {
        let it = &mut self.pipes[pipe];
        it.readers += u32::from(ends.reads);
        it.writers += u32::from(ends.writes);
        it.opened.0 += u64::from(ends.reads);
        it.opened.1 += u64::from(ends.writes);
        let (readable, writable) = (it.readable, it.writable);
        self.queues.wake(readable);
        self.queues.wake(writable);
        self.add_file(File::new(Object::Pipe(pipe, ends), flags, dentry))
    }

    /// Opens a pipe once more, through `/proc/self/fd`.
    pub(crate) fn open_pipe_again(&mut self, pipe: PipeId, flags: Flags) -> FileId {
        let ends = Ends { reads: flags.reads(), writes: flags.writes() };
        self.open_end(pipe, ends, flags, None)
    }

    /// Opens a named pipe. It waits for somebody at the other end; the wait begins with the open itself, as
    /// the other end may be opened and closed before this one is tried again.
    pub(crate) fn open_fifo(
        &mut self,
        inode: InodeId,
        dentry: crate::dentry::DentryId,
        flags: Flags,
    ) -> Result<FileId> {
        let ends = Ends { reads: flags.reads(), writes: flags.writes() };
        let pipe = match self.inodes[inode].body {
            Body::Fifo(Some(pipe)) => pipe,
            _ => {
                let pipe = self.add_pipe(Some(inode));
                self.inodes[inode].body = Body::Fifo(Some(pipe));
                pipe
            }
        };
        let it = &self.pipes[pipe];
        let alone = match (ends.reads, ends.writes) {
            (true, false) => it.writers == 0,
            (false, true) => it.readers == 0,
            _ => false,
        };
        if alone && flags.contains(Flags::NONBLOCK) && ends.writes {
            return fail(Errno::ENXIO);
        }
        let file = self.open_end(pipe, ends, flags, Some(dentry));
        if alone && !flags.contains(Flags::NONBLOCK) {
            let seen =
                if ends.reads { self.pipes[pipe].opened.1 } else { self.pipes[pipe].opened.0 };
            self.files[file].offset = seen;
        }
        Ok(file)
    }

    /// Whether a named pipe that was opened has to wait for the other end before it is used. Callers ask this
    /// after each open, and wait as it says.
    pub fn is_met(&mut self, file: FileId) -> Result<()> {
        let it = &self.files[file];
        let Object::Pipe(pipe, ends) = it.object else { return Ok(()) };
        if it.flags.contains(Flags::NONBLOCK) || it.dentry.is_none() {
            return Ok(());
        }
        let pipe = &self.pipes[pipe];
        let (others, opened, queue) = if ends.reads {
            (pipe.writers, pipe.opened.1, pipe.readable)
        } else {
            (pipe.readers, pipe.opened.0, pipe.writable)
        };
        if others > 0 || opened != it.offset { Ok(()) } else { Err(Stop::Wait(queue)) }
    }

    /// Reads from the end of a pipe that a file is; `None` if it is none that can be read.
    pub fn read_end(&mut self, file: FileId, target: &mut dyn Target) -> Option<Result<usize>> {
        let it = &self.files[file];
        let Object::Pipe(pipe, _) = it.object else { return None };
        let flags = it.flags;
        flags.reads().then(|| self.read_pipe(pipe, flags, target))
    }

    /// Writes to the end of a pipe that a file is; `None` if it is none that can be written.
    pub fn write_end(&mut self, file: FileId, source: &mut dyn Source) -> Option<Result<usize>> {
        let it = &self.files[file];
        let Object::Pipe(pipe, _) = it.object else { return None };
        let flags = it.flags;
        flags.writes().then(|| self.write_pipe(pipe, flags, source))
    }

    /// Reads from a pipe: nothing when nobody writes any more.
    pub(crate) fn read_pipe(
        &mut self,
        pipe: PipeId,
        flags: Flags,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let it = &mut self.pipes[pipe];
        if target.room() == 0 {
            return Ok(0);
        }
        if it.ring.len() == 0 {
            return match it.writers {
                0 => Ok(0),
                _ if flags.contains(Flags::NONBLOCK) => fail(Errno::EAGAIN),
                _ => Err(Stop::Wait(it.readable)),
            };
        }
        let done = it.ring.drain(target, usize::MAX)?;
        let writable = it.writable;
        self.queues.wake(writable);
        Ok(done)
    }

    /// Writes to a pipe. A short write takes place as a whole or not at all. `EPIPE` means that the process
    /// gets a `SIGPIPE`.
    pub(crate) fn write_pipe(
        &mut self,
        pipe: PipeId,
        flags: Flags,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let it = &mut self.pipes[pipe];
        if it.readers == 0 {
            return fail(Errno::EPIPE);
        }
        let length = source.left();
        if length == 0 {
            return Ok(0);
        }
        let least = if length <= ATOMIC_BYTES { length } else { 1 };
        if it.ring.room() < least {
            return if flags.contains(Flags::NONBLOCK) {
                fail(Errno::EAGAIN)
            } else {
                Err(Stop::Wait(it.writable))
            };
        }
        let done = it.ring.fill(source, usize::MAX)?;
        let readable = it.readable;
        self.queues.wake(readable);
        Ok(done)
    }

    /// An open file at an end of a pipe is closed.
    pub(crate) fn close_end(&mut self, pipe: PipeId, ends: Ends) {
        let it = &mut self.pipes[pipe];
        it.readers -= u32::from(ends.reads);
        it.writers -= u32::from(ends.writes);
        let (readable, writable) = (it.readable, it.writable);
        if it.readers + it.writers > 0 {
            self.queues.wake(readable);
            self.queues.wake(writable);
            return;
        }
        if let Some(fifo) = it.fifo {
            self.inodes[fifo].body = Body::Fifo(None);
        }
        self.queues.remove(readable);
        self.queues.remove(writable);
        self.pipes.remove(pipe);
    }

    /// What a pipe is ready for, seen from an end: to read, to write, and nobody at the other end.
    pub(crate) fn pipe_state(&self, pipe: PipeId, ends: Ends) -> (bool, bool, bool) {
        let it = &self.pipes[pipe];
        let alone = if ends.reads { it.writers == 0 } else { it.readers == 0 };
        let readable = ends.reads && it.ring.len() > 0;
        (readable, ends.writes && it.ring.room() >= ATOMIC_BYTES, alone)
    }

    /// Bytes in a pipe.
    pub(crate) fn pipe_length(&self, pipe: PipeId) -> usize {
        self.pipes[pipe].ring.len()
    }

    /// Bytes in the pipe that a file is an end of.
    pub fn pipe_bytes(&self, file: FileId) -> usize {
        match self.files[file].object {
            Object::Pipe(pipe, _) => self.pipe_length(pipe),
            _ => 0,
        }
    }

    /// Bytes that a pipe can hold.
    pub fn pipe_limit(&self, file: FileId) -> Result<usize> {
        match self.files[file].object {
            Object::Pipe(pipe, _) => Ok(self.pipes[pipe].ring.limit()),
            _ => fail(Errno::EBADF),
        }
    }

    /// Sets it to a power of two that has room for `bytes`, and answers that; `EBUSY` if there is more in it,
    /// `EPERM` beyond what pipes begin with.
    pub fn set_pipe_limit(&mut self, file: FileId, bytes: usize) -> Result<usize> {
        let Object::Pipe(pipe, _) = self.files[file].object else { return fail(Errno::EBADF) };
        let limit = bytes.max(LEAST_BYTES).next_power_of_two();
        if bytes == 0 {
            return fail(Errno::EINVAL);
        }
        if limit > PIPE_BYTES {
            return fail(Errno::EPERM);
        }
        if !self.pipes[pipe].ring.set_limit(limit) {
            return fail(Errno::EBUSY);
        }
        let writable = self.pipes[pipe].writable;
        self.queues.wake(writable);
        Ok(limit)
    }
}
