//! Counters of events (`eventfd`).

use koito_linux::Errno;

use crate::buffer::{Source, Target};
use crate::file::{File, FileId, Flags, Object};
use crate::page::Pages;
use crate::queue::QueueId;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// A counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) count: u64,
    /// Each read takes one away instead of all.
    single: bool,
    pub(crate) queue: QueueId,
}

/// How a counter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// A read takes everything.
    All,
    /// A read takes one (`EFD_SEMAPHORE`).
    One,
}

impl<P: Pages> Vfs<P> {
    /// A new counter.
    pub fn event(&mut self, count: u32, counting: Counting, flags: Flags) -> FileId {
        let queue = self.queues.add();
        let event = Event { count: count.into(), single: counting == Counting::One, queue };
        let flags = (flags & Flags::NONBLOCK) | Flags::READ_WRITE;
        self.add_file(File::new(Object::Event(event), flags, None))
    }

    fn set_event(&mut self, file: FileId, count: u64) {
        if let Object::Event(event) = &mut self.files[file].object {
            event.count = count;
            let queue = event.queue;
            self.queues.wake(queue);
        }
    }

    pub(crate) fn read_event(
        &mut self,
        file: FileId,
        event: Event,
        target: &mut dyn Target,
    ) -> Result<usize> {
        if target.room() < size_of::<u64>() {
            return fail(Errno::EINVAL);
        }
        if event.count == 0 {
            return self.would_wait(file, event.queue);
        }
        let taken = if event.single { 1 } else { event.count };
        target.put(&taken.to_le_bytes())?;
        self.set_event(file, event.count - taken);
        Ok(size_of::<u64>())
    }

    pub(crate) fn write_event(
        &mut self,
        file: FileId,
        event: Event,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let mut bytes = [0; size_of::<u64>()];
        if source.left() < bytes.len() {
            return fail(Errno::EINVAL);
        }
        source.take(&mut bytes)?;
        let more = u64::from_le_bytes(bytes);
        if more == u64::MAX {
            return fail(Errno::EINVAL);
        }
        match event.count.checked_add(more).filter(|count| *count < u64::MAX) {
            Some(count) => self.set_event(file, count),
            None => return self.would_wait(file, event.queue),
        }
        Ok(bytes.len())
    }

    /// What an operation does that cannot go on: it waits, or fails.
    pub(crate) fn would_wait<T>(&self, file: FileId, queue: QueueId) -> Result<T> {
        if self.files[file].flags.contains(Flags::NONBLOCK) {
            return fail(Errno::EAGAIN);
        }
        Err(Stop::Wait(queue))
    }
}
