//! What files are ready for, and where to wait for it.

use alloc::vec::Vec;

use bitflags::bitflags;

use crate::file::{FileId, Object};
use crate::page::Pages;
use crate::queue::{QueueId, Token};
use crate::stop::Stop;
use crate::vfs::Vfs;

bitflags! {
    /// What a file is ready for, as `poll` and `epoll` number it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Ready: u32 {
        /// There is something to read, or the end.
        const IN = 0x1;
        /// Something urgent.
        const PRIORITY = 0x2;
        /// There is room to write.
        const OUT = 0x4;
        /// An error. It is always told.
        const ERROR = 0x8;
        /// Nobody is at the other end. It is always told.
        const HANG_UP = 0x10;
        /// There is no such file.
        const INVALID = 0x20;
        /// As `IN`.
        const READ_NORMAL = 0x40;
        /// As `OUT`.
        const WRITE_NORMAL = 0x100;
        /// The other end will write no more.
        const READ_HANG_UP = 0x2000;
    }
}

impl Ready {
    const READABLE: Self = Self::IN.union(Self::READ_NORMAL);
    const WRITABLE: Self = Self::OUT.union(Self::WRITE_NORMAL);
    /// What is told without being asked for.
    pub const ALWAYS: Self = Self::ERROR.union(Self::HANG_UP).union(Self::INVALID);

    pub(crate) fn when(readable: bool, writable: bool) -> Self {
        let none = Self::empty();
        let read = if readable { Self::READABLE } else { none };
        read | if writable { Self::WRITABLE } else { none }
    }
}

impl<P: Pages> Vfs<P> {
    /// What a file is ready for.
    pub fn ready(&self, file: FileId) -> Ready {
        match &self.files[file].object {
            Object::Pipe(pipe, ends) => {
                let (readable, writable, alone) = self.pipe_state(*pipe, *ends);
                let lost = match (alone, ends.reads) {
                    (false, _) => Ready::empty(),
                    (true, true) => Ready::HANG_UP,
                    (true, false) => Ready::ERROR,
                };
                Ready::when(readable, writable) | lost
            }
            Object::Event(event) => Ready::when(event.count > 0, event.count < u64::MAX - 1),
            Object::Socket(socket) => self.socket_ready(*socket),
            Object::Terminal(end) => self.terminal_ready(*end),
            Object::Epoll(epoll) => Ready::when(self.epoll_ready(*epoll), false),
            Object::Timer(timer) => Ready::when(timer.rung > 0, false),
            Object::Signals(set) => Ready::when(self.asker & set != 0, false),
            Object::Process(process) => Ready::when(process.is_over, false),
            Object::Watcher(watcher) => Ready::when(self.watchers[*watcher].is_ready(), false),
            _ => Ready::when(true, true),
        }
    }

    /// The queues that are woken when a file becomes ready for something; of a set, its own.
    pub(crate) fn queues_of(&self, file: FileId) -> [QueueId; 2] {
        match &self.files[file].object {
            Object::Pipe(pipe, _) => {
                let pipe = &self.pipes[*pipe];
                [pipe.readable, pipe.writable]
            }
            Object::Event(event) => [event.queue, self.never],
            Object::Socket(socket) => self.socket_queues(*socket),
            Object::Terminal(end) => self.terminal_queues(*end),
            Object::Epoll(epoll) => [self.epolls[*epoll].queue, self.never],
            Object::Timer(timer) => [timer.queue, self.never],
            Object::Signals(_) => [self.signalled, self.never],
            Object::Process(process) => [process.queue, self.never],
            Object::Watcher(watcher) => [self.watchers[*watcher].queue, self.never],
            _ => [self.never; 2],
        }
    }

    /// Has `token` wait until a file may be ready for something. The queues are added to `entered`, to
    /// be left again.
    pub fn wait_for(&mut self, file: FileId, token: Token, entered: &mut Vec<QueueId>) {
        let before = entered.len();
        match self.files[file].object {
            Object::Epoll(epoll) => self.epoll_queues(epoll, &mut |queue| entered.push(queue)),
            _ => entered.extend(self.queues_of(file)),
        }
        let never = self.never;
        entered.retain(|queue| *queue != never);
        for queue in entered.iter().skip(before) {
            self.queues.enter(*queue, token);
        }
    }

    /// A stop for somebody who waits until a file can be written.
    pub fn would_wait_to_write(&self, file: FileId) -> Stop {
        let [_, writable] = self.queues_of(file);
        self.would_wait::<()>(file, writable).err().unwrap_or(Stop::Wait(writable))
    }

    /// A number that grows whenever a file may have become ready for more.
    pub(crate) fn changes_of(&self, file: FileId) -> u64 {
        self.queues_of(file).into_iter().map(|queue| self.queues.wakes(queue)).sum()
    }
}
