//! Timers: when they ring next, and how often they have; and files that are timers (`timerfd`). What their
//! times count is the caller's, who also says what time it is.

use koito_linux::Errno;

use crate::buffer::Target;
use crate::file::{File, FileId, Flags, Object};
use crate::page::Pages;
use crate::queue::QueueId;
use crate::stop::{Result, fail};
use crate::vfs::Vfs;

/// A timer, in nanoseconds of some clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// When it rings; never, if it is not set.
    deadline: Option<u64>,
    /// How long until it rings again; 0 for not again.
    period: u64,
}

impl Timer {
    /// Has it ring at `deadline`, and again after every `period`; not at all if there is no deadline.
    pub const fn new(deadline: Option<u64>, period: u64) -> Self {
        Self { deadline, period }
    }

    /// When it rings next.
    pub const fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// What is left until then, and the period. One that is due has something left.
    pub fn left(&self, now: u64) -> (u64, u64) {
        let left = self.deadline.map_or(0, |deadline| deadline.saturating_sub(now).max(1));
        (left, self.period)
    }

    /// How often it has rung by `now`, since it was asked last.
    pub fn rings(&mut self, now: u64) -> u64 {
        let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now) else { return 0 };
        match (now - deadline).checked_div(self.period) {
            None => {
                self.deadline = None;
                1
            }
            Some(more) => {
                // The time may be so far away that there is no number for it: then it does not come.
                let ahead = self.period.saturating_sub((now - deadline) % self.period);
                self.deadline = Some(now.saturating_add(ahead));
                more + 1
            }
        }
    }
}

/// A timer as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerFile {
    /// The timer.
    pub(crate) timer: Timer,
    /// Whether it was made for the time of day.
    pub(crate) counts_real_time: bool,
    /// How often it rang since it was read.
    pub(crate) rung: u64,
    pub(crate) queue: QueueId,
}

impl<P: Pages> Vfs<P> {
    /// A new timer, which is not set.
    pub fn timer(&mut self, flags: Flags, counts_real_time: bool) -> FileId {
        let (timer, queue) = (Timer::default(), self.queues.add());
        let timer = TimerFile { timer, counts_real_time, rung: 0, queue };
        let flags = (flags & Flags::NONBLOCK) | Flags::READ_WRITE;
        let file = self.add_file(File::new(Object::Timer(timer), flags, None));
        self.timers.push(file);
        file
    }

    pub(crate) fn close_timer(&mut self, file: FileId, timer: TimerFile) {
        self.timers.retain(|it| *it != file);
        self.queues.remove(timer.queue);
    }

    /// How a timer stands, and whether it was made for the time of day; `EINVAL` if the file is none.
    pub fn timer_of(&self, file: FileId) -> Result<(Timer, bool)> {
        match &self.files[file].object {
            Object::Timer(it) => Ok((it.timer, it.counts_real_time)),
            _ => fail(Errno::EINVAL),
        }
    }

    /// Sets a timer, which has not rung since.
    pub fn set_timer(&mut self, file: FileId, timer: Timer) -> Result<()> {
        match &mut self.files[file].object {
            Object::Timer(it) => {
                (it.timer, it.rung) = (timer, 0);
                Ok(())
            }
            _ => fail(Errno::EINVAL),
        }
    }

    /// Wakes who waits for timers that have rung by `now`; answers when the next one does.
    pub fn ring_timers(&mut self, now: u64) -> Option<u64> {
        let mut next: Option<u64> = None;
        for file in self.timers.clone() {
            let Object::Timer(it) = &mut self.files[file].object else { continue };
            let rings = it.timer.rings(now);
            it.rung = it.rung.saturating_add(rings);
            let (queue, deadline) = (it.queue, it.timer.deadline());
            next = [next, deadline].into_iter().flatten().min();
            if rings > 0 {
                self.queues.wake(queue);
            }
        }
        next
    }

    pub(crate) fn read_timer(
        &mut self,
        file: FileId,
        it: TimerFile,
        target: &mut dyn Target,
    ) -> Result<usize> {
        if target.room() < size_of::<u64>() {
            return fail(Errno::EINVAL);
        }
        if it.rung == 0 {
            return self.would_wait(file, it.queue);
        }
        target.put(&it.rung.to_le_bytes())?;
        if let Object::Timer(it) = &mut self.files[file].object {
            it.rung = 0;
        }
        Ok(size_of::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::HeapPages;

    #[test]
    fn a_file_tells_how_often_it_rang() {
        let mut vfs = Vfs::new(HeapPages::new(8), 8);
        let file = vfs.timer(Flags::NONBLOCK, false);
        vfs.set_timer(file, Timer::new(Some(100), 10)).unwrap();
        assert_eq!(vfs.ring_timers(99), Some(100));
        let mut bytes = [0; 8];
        let Object::Timer(it) = vfs.files[file].object else { panic!() };
        assert_eq!(vfs.read_timer(file, it, &mut &mut bytes[..]), fail(Errno::EAGAIN));
        assert_eq!(vfs.ring_timers(125), Some(130));
        let Object::Timer(it) = vfs.files[file].object else { panic!() };
        assert_eq!(vfs.read_timer(file, it, &mut &mut bytes[..]), Ok(8));
        assert_eq!(u64::from_le_bytes(bytes), 3);
        vfs.close(file);
        assert_eq!(vfs.ring_timers(500), None);
    }

    #[test]
    fn it_rings_once_without_a_period() {
        let mut timer = Timer::new(Some(100), 0);
        assert_eq!((timer.rings(99), timer.left(99)), (0, (1, 0)));
        assert_eq!((timer.rings(100), timer.rings(500)), (1, 0));
        assert_eq!((timer.deadline(), timer.left(500)), (None, (0, 0)));
    }

    #[test]
    fn it_keeps_its_beat_with_one() {
        let mut timer = Timer::new(Some(100), 10);
        assert_eq!(timer.rings(135), 4);
        assert_eq!(timer.left(135), (5, 10));
        assert_eq!((timer.rings(139), timer.rings(140)), (0, 1));
        assert_eq!(Timer::new(Some(100), 10).left(150), (1, 10));
        let mut timer = Timer::new(Some(100), u64::MAX);
        assert_eq!((timer.rings(150), timer.rings(u64::MAX - 1)), (1, 0));
    }
}
