//! Waiting for files: `poll`, `select`, `epoll`.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::SignalSet;
use koito_vfs::{FileId, Flags, Interest, OnExec, Ready, Triggering};

use crate::call::{Answer, Arguments, Stop};
use crate::calls::time::nanoseconds;
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// Descriptors that `select` looks at, at most.
const MOST: u64 = 1024;
/// Events that one call tells, at most.
const MOST_EVENTS: u64 = 4096;
const MILLISECOND: u64 = 1_000_000;
/// Bytes of a `struct epoll_event`.
const EVENT_BYTES: usize = 12;
/// `EPOLLET` and `EPOLLONESHOT`.
const EDGE: u32 = 1 << 31;
const ONCE: u32 = 1 << 30;

impl Server {
    /// When the wait of a call ends that may last `timeout` nanoseconds, for ever if that is `None`: it
    /// begins when the call is made for the first time.
    fn begin_wait(&mut self, task: TaskKey, timeout: Option<u64>) {
        if self.tasks[task].deadline.is_none()
            && let Some(timeout) = timeout
        {
            let deadline = self.clock.now().saturating_add(timeout);
            self.set_deadline(task, Some(deadline));
        }
    }

    /// Whether the time of a call's wait is over.
    fn is_late(&self, task: TaskKey) -> bool {
        self.tasks[task].deadline.is_some_and(|deadline| deadline <= self.clock.now())
    }

    /// The call does not wait any more.
    fn end_wait(&mut self, task: TaskKey) {
        self.tasks[task].deadline = None;
        self.leave_queues(task);
        if let Some(mask) = self.tasks[task].restored_mask.take() {
            self.set_mask(task, mask);
        }
    }

    /// Has other signals held back for as long as the call lasts.
    fn mask_for_wait(&mut self, task: TaskKey, at: u64) -> Result<(), Errno> {
        if at != 0 && self.tasks[task].restored_mask.is_none() {
            let [mask] = self.read_words(task, at)?;
            self.tasks[task].restored_mask = Some(self.tasks[task].mask);
            self.set_mask(task, SignalSet(mask));
        }
        Ok(())
    }

    /// A duration that lies in memory; none for a null pointer.
    fn timeout(&mut self, task: TaskKey, at: u64) -> Result<Option<u64>, Errno> {
        if at == 0 { Ok(None) } else { nanoseconds(self.read_words(task, at)?).map(Some) }
    }

    /// Has files that tell of signals tell of those that wait for a thread.
    fn show_signals(&mut self, task: TaskKey) {
        let signals = self.waiting_signals(task);
        self.world.vfs.show_signals(signals.0);
    }

    fn ready(&self, task: TaskKey, descriptor: u32) -> (Ready, Option<FileId>) {
        match self.file(task, descriptor.into()) {
            Ok(file) => (self.world.vfs.ready(file), Some(file)),
            Err(_) => (Ready::INVALID, None),
        }
    }
}

/// Waits until one of these files is ready for what is wanted.
fn poll_until(
    server: &mut Server,
    task: TaskKey,
    (at, count): (u64, u64),
    timeout: Option<u64>,
) -> Answer {
    if count > server.process_of(task).limits.files() as u64 {
        return Err(Errno::EINVAL.into());
    }
    server.show_signals(task);
    let mut entries = server.read_bytes(task, at, count as usize * 8)?;
    let mut found = 0;
    let mut files = Vec::new();
    for entry in entries.chunks_exact_mut(8) {
        let descriptor = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let wanted = u32::from(u16::from_le_bytes([entry[4], entry[5]]));
        let mut told = Ready::empty();
        if let Ok(descriptor) = u32::try_from(descriptor) {
            let (ready, file) = server.ready(task, descriptor);
            told = ready & (Ready::from_bits_truncate(wanted) | Ready::ALWAYS);
            files.extend(file);
        }
        entry[6..8].copy_from_slice(&(told.bits() as u16).to_le_bytes());
        found += u64::from(!told.is_empty());
    }
    server.begin_wait(task, timeout);
    if found > 0 || timeout == Some(0) || server.is_late(task) {
        server.end_wait(task);
        server.write_bytes(task, at, &entries)?;
        return Ok(found);
    }
    server.wait_for_files(task, files);
    Err(Stop::Wait)
}

/// Waits for files.
pub fn poll(server: &mut Server, task: TaskKey, &[at, count, timeout, ..]: &Arguments) -> Answer {
    let timeout = u32::try_from(timeout as i32).ok().map(|it| u64::from(it) * MILLISECOND);
    poll_until(server, task, (at, count), timeout)
}

/// The same, with signals held back meanwhile.
pub fn ppoll(
    server: &mut Server,
    task: TaskKey,
    &[at, count, timeout, mask, ..]: &Arguments,
) -> Answer {
    let timeout = server.timeout(task, timeout)?;
    server.mask_for_wait(task, mask)?;
    poll_until(server, task, (at, count), timeout)
}

/// Waits until files of three sets are ready to be read, to be written, or have something urgent.
fn select_until(
    server: &mut Server,
    task: TaskKey,
    (count, sets): (u64, [u64; 3]),
    timeout: Option<u64>,
) -> Answer {
    server.show_signals(task);
    if count > MOST {
        return Err(Errno::EINVAL.into());
    }
    let words = count.div_ceil(64) as usize;
    let wishes =
        [Ready::IN | Ready::HANG_UP | Ready::ERROR, Ready::OUT | Ready::ERROR, Ready::PRIORITY];
    let mut found = 0;
    let mut files = Vec::new();
    let mut told: [Vec<u8>; 3] = [const { Vec::new() }; 3];
    for ((set, wish), told) in sets.iter().zip(wishes).zip(&mut told) {
        if *set == 0 {
            continue;
        }
        *told = server.read_bytes(task, *set, words * 8)?;
        for descriptor in 0..(words * 64) as u32 {
            let (byte, bit) = (descriptor as usize / 8, 1_u8 << (descriptor % 8));
            if told[byte] & bit == 0 {
                continue;
            }
            if u64::from(descriptor) >= count {
                told[byte] &= !bit;
                continue;
            }
            let (ready, file) = server.ready(task, descriptor);
            let Some(file) = file else {
                server.end_wait(task);
                return Err(Errno::EBADF.into());
            };
            files.push(file);
            if ready.intersects(wish) {
                found += 1;
            } else {
                told[byte] &= !bit;
            }
        }
    }
    server.begin_wait(task, timeout);
    if found > 0 || timeout == Some(0) || server.is_late(task) {
        server.end_wait(task);
        for (set, told) in sets.iter().zip(&told) {
            if *set != 0 {
                server.write_bytes(task, *set, told)?;
            }
        }
        return Ok(found);
    }
    server.wait_for_files(task, files);
    Err(Stop::Wait)
}

/// Waits for files.
pub fn select(
    server: &mut Server,
    task: TaskKey,
    &[count, a, b, c, timeout, _]: &Arguments,
) -> Answer {
    if timeout == 0 {
        return select_until(server, task, (count, [a, b, c]), None);
    }
    let [seconds, micros] = server.read_words(task, timeout)?;
    let longest = nanoseconds([seconds, micros.saturating_mul(1000)])?;
    let deadline = server.tasks[task].deadline.unwrap_or(server.clock.now() + longest);
    let answer = select_until(server, task, (count, [a, b, c]), Some(longest));
    if answer.is_ok() {
        // What is left of it: some programs go on with that.
        let left = deadline.saturating_sub(server.clock.now()) / 1000;
        let told = [left / 1_000_000, left % 1_000_000];
        // Where it cannot be written, it is not, as in Linux.
        let _ = server.write_words(task, timeout, &told);
    }
    answer
}

/// The same, with signals held back meanwhile.
pub fn pselect6(
    server: &mut Server,
    task: TaskKey,
    &[count, a, b, c, timeout, mask]: &Arguments,
) -> Answer {
    let timeout = server.timeout(task, timeout)?;
    if mask != 0 {
        let [set] = server.read_words(task, mask)?;
        server.mask_for_wait(task, set)?;
    }
    select_until(server, task, (count, [a, b, c]), timeout)
}

/// A set of files to wait for.
pub fn epoll_create1(server: &mut Server, task: TaskKey, &[flags, ..]: &Arguments) -> Answer {
    let flags = Flags::from_bits_retain(flags as u32);
    if !Flags::CLOSE_ON_EXEC.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let on_exec = if flags.is_empty() { OnExec::Keep } else { OnExec::Close };
    let file = server.world.vfs.epoll();
    server.add_descriptor(task, file, on_exec, 0)
}

/// A set of files to wait for.
pub fn epoll_create(server: &mut Server, task: TaskKey, &[size, ..]: &Arguments) -> Answer {
    if size as i32 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    epoll_create1(server, task, &[0; 6])
}

/// Adds a file to a set, changes what is wanted of it, or takes it out.
pub fn epoll_ctl(
    server: &mut Server,
    task: TaskKey,
    &[set, what, number, at, ..]: &Arguments,
) -> Answer {
    const ADD: u64 = 1;
    const REMOVE: u64 = 2;
    const CHANGE: u64 = 3;
    let (set, file) = (server.file(task, set)?, server.file(task, number)?);
    if set == file {
        return Err(Errno::EINVAL.into());
    }
    let interest = match what {
        REMOVE => None,
        ADD | CHANGE => {
            let bytes = server.read_bytes(task, at, EVENT_BYTES)?;
            let (events, data) = bytes.split_at(4);
            let word =
                |bytes: &[u8]| bytes.iter().rev().fold(0, |it, byte| it << 8 | u64::from(*byte));
            let events = word(events) as u32;
            let triggering = match events & (EDGE | ONCE) {
                0 => Triggering::Level,
                EDGE => Triggering::Edge,
                _ => Triggering::Once,
            };
            let ready = Ready::from_bits_truncate(events);
            Some(Interest { ready, triggering, data: word(data) })
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    server.number_call(task, |vfs, _| {
        let done = match (what, interest) {
            (ADD, Some(interest)) => vfs.epoll_add(set, number, file, interest),
            _ => vfs.epoll_change(set, number, file, interest),
        };
        done.map(|()| 0)
    })
}

fn epoll_until(
    server: &mut Server,
    task: TaskKey,
    set: u64,
    (at, count): (u64, u64),
    timeout: Option<u64>,
) -> Answer {
    if count as i32 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let count = count.min(MOST_EVENTS) as usize;
    let set = server.file(task, set)?;
    server.show_signals(task);
    let mut events: Vec<u8> = Vec::new();
    let came = server.file_call(task, |vfs, _| {
        vfs.epoll_collect(set, &mut |ready, data| {
            if events.len() == count * EVENT_BYTES {
                return false;
            }
            events.extend(ready.bits().to_le_bytes());
            events.extend(data.to_le_bytes());
            true
        })
    })?;
    let Came::Value(found) = came else { return Err(Errno::EIO.into()) };
    server.begin_wait(task, timeout);
    if found > 0 || timeout == Some(0) || server.is_late(task) {
        server.end_wait(task);
        server.write_bytes(task, at, &events)?;
        return Ok(found as u64);
    }
    server.wait_for_files(task, [set]);
    Err(Stop::Wait)
}

/// Waits for a set of files.
pub fn epoll_wait(
    server: &mut Server,
    task: TaskKey,
    &[set, at, count, timeout, ..]: &Arguments,
) -> Answer {
    let timeout = u32::try_from(timeout as i32).ok().map(|it| u64::from(it) * MILLISECOND);
    epoll_until(server, task, set, (at, count), timeout)
}

/// The same, with signals held back meanwhile and a finer timeout.
pub fn epoll_pwait2(
    server: &mut Server,
    task: TaskKey,
    &[set, at, count, timeout, mask, _]: &Arguments,
) -> Answer {
    let timeout = server.timeout(task, timeout)?;
    server.mask_for_wait(task, mask)?;
    epoll_until(server, task, set, (at, count), timeout)
}

/// The same, with signals held back meanwhile.
pub fn epoll_pwait(
    server: &mut Server,
    task: TaskKey,
    &[set, at, count, timeout, mask, _]: &Arguments,
) -> Answer {
    server.mask_for_wait(task, mask)?;
    epoll_wait(server, task, &[set, at, count, timeout, 0, 0])
}
