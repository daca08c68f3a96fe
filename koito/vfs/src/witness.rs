//! Files that tell of something outside: signals that wait (`signalfd`), the end of a process (`pidfd`).
//! Whoever keeps signals and processes says when there is news.

use koito_linux::Errno;

use crate::file::{File, FileId, Flags, Object};
use crate::inode::{Body, Inode};
use crate::page::Pages;
use crate::proc::ProcNode;
use crate::queue::QueueId;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// A process as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFile {
    /// Its number.
    pub(crate) number: u32,
    pub(crate) is_over: bool,
    pub(crate) queue: QueueId,
}

impl<P: Pages> Vfs<P> {
    /// A file of those signals of `set`, a bit for each, that wait for who reads it.
    pub fn signals(&mut self, set: u64, flags: Flags) -> FileId {
        let flags = (flags & Flags::NONBLOCK) | Flags::READ_WRITE;
        let file = self.add_file(File::new(Object::Signals(set), flags, None));
        self.signal_files += 1;
        file
    }

    /// Has a file tell of other signals.
    pub fn set_signals(&mut self, file: FileId, set: u64) -> Result<()> {
        match &mut self.files[file].object {
            Object::Signals(signals) => *signals = set,
            _ => return fail(Errno::EINVAL),
        }
        self.queues.wake(self.signalled);
        Ok(())
    }

    /// Says which signals wait for who asks next what files are ready for.
    pub const fn show_signals(&mut self, set: u64) {
        self.asker = set;
    }

    /// A signal was sent to somebody who does not take it at once.
    pub fn signal_waits(&mut self) {
        if self.signal_files > 0 {
            self.queues.wake(self.signalled);
        }
    }

    /// A stop for somebody who reads a file of signals of which none waits.
    pub fn would_wait_for_signals(&self, file: FileId) -> Stop {
        let stop = self.would_wait::<()>(file, self.signalled);
        stop.err().unwrap_or(Stop::Wait(self.signalled))
    }

    /// A file of the process with a number, which is not over.
    pub fn process(&mut self, number: u32, flags: Flags) -> FileId {
        let it = ProcessFile { number, is_over: false, queue: self.queues.add() };
        let flags = (flags & Flags::NONBLOCK) | Flags::READ_WRITE;
        let file = self.add_file(File::new(Object::Process(it), flags, None));
        self.process_files.push(file);
        file
    }

    pub(crate) fn close_process(&mut self, file: FileId, process: ProcessFile) {
        self.process_files.retain(|it| *it != file);
        self.queues.remove(process.queue);
    }

    /// The number of the process that a file stands for, and whether that is over; `EBADF` if the file is
    /// none of those.
    pub fn process_of(&self, file: FileId) -> Result<(u32, bool)> {
        match &self.files[file].object {
            Object::Process(it) => Ok((it.number, it.is_over)),
            // Its directory in `/proc` stands for it, too.
            Object::Directory(_) => match self.directory_of(file).and_then(|it| self.inode(it)) {
                Ok(Inode { body: Body::Proc(ProcNode::Process(number)), .. }) => {
                    Ok((*number, false))
                }
                _ => fail(Errno::EBADF),
            },
            _ => fail(Errno::EBADF),
        }
    }

    /// The process with a number is over: its files are ready.
    pub fn process_ended(&mut self, number: u32) {
        for file in self.process_files.clone() {
            let Object::Process(it) = &mut self.files[file].object else { continue };
            if it.number == number && !it.is_over {
                it.is_over = true;
                let queue = it.queue;
                self.queues.wake(queue);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::HeapPages;
    use crate::poll::Ready;

    #[test]
    fn a_file_of_signals_is_ready_for_who_has_one() {
        let mut vfs = Vfs::new(HeapPages::new(8), 8);
        let file = vfs.signals(0b110, Flags::empty());
        vfs.show_signals(0b1001);
        assert!(!vfs.ready(file).contains(Ready::IN));
        vfs.show_signals(0b0100);
        assert!(vfs.ready(file).contains(Ready::IN));
        vfs.set_signals(file, 0b1000).unwrap();
        assert!(!vfs.ready(file).contains(Ready::IN));
        vfs.close(file);
        assert_eq!(vfs.signal_files, 0);
    }

    #[test]
    fn a_file_of_a_process_is_ready_when_that_is_over() {
        let mut vfs = Vfs::new(HeapPages::new(8), 8);
        let file = vfs.process(7, Flags::empty());
        vfs.process_ended(8);
        assert!(!vfs.ready(file).contains(Ready::IN));
        vfs.process_ended(7);
        assert!(vfs.ready(file).contains(Ready::IN));
        assert_eq!(vfs.process_of(file), Ok((7, true)));
    }
}
