//! Bytes of one pipe for another one as well (`tee`).

use koito_linux::Errno;

use crate::file::{FileId, Object};
use crate::page::Pages;
use crate::pipe::PipeId;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

impl<P: Pages> Vfs<P> {
    /// Copies up to `most` bytes that wait in a pipe into another one, and leaves them where they are: nothing when
    /// nobody writes to the first any more, `EPIPE` when nobody reads the second.
    pub fn tee(&mut self, from: FileId, to: FileId, most: usize, nonblock: bool) -> Result<usize> {
        let [source, target] = [self.end_of(from, true)?, self.end_of(to, false)?];
        if source == target {
            return fail(Errno::EINVAL);
        }
        if most == 0 {
            return Ok(0);
        }
        let wait = |queue| if nonblock { fail(Errno::EAGAIN) } else { Err(Stop::Wait(queue)) };
        let it = &self.pipes[source];
        if it.ring.len() == 0 {
            return if it.writers == 0 { Ok(0) } else { wait(it.readable) };
        }
        let other = &self.pipes[target];
        if other.readers == 0 {
            return fail(Errno::EPIPE);
        }
        if other.ring.room() == 0 {
            return wait(other.writable);
        }
        let bytes = it.ring.first(most.min(other.ring.room()));
        let other = &mut self.pipes[target];
        let done = other.ring.fill(&mut &bytes[..], usize::MAX)?;
        let readable = other.readable;
        self.queues.wake(readable);
        Ok(done)
    }

    /// The pipe at whose end a file is, which it can read from, or write to.
    fn end_of(&self, file: FileId, reads: bool) -> Result<PipeId> {
        match self.files[file].object {
            Object::Pipe(pipe, ends) if (if reads { ends.reads } else { ends.writes }) => Ok(pipe),
            Object::Pipe(..) => fail(Errno::EBADF),
            _ => fail(Errno::EINVAL),
        }
    }
}
