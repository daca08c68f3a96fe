//! Waiting at a word of memory.

use koito_linux::{Errno, raw};
use koito_posix_core::{Key, PAGE_BYTES, page_of};

use super::time::nanoseconds;
use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};
use crate::space::Space;
use crate::wake::Word;

/// Waits at a word while it has a value, or wakes who waits there.
pub fn futex(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[address, operation, value, timeout, second, bits] = arguments;
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL.into());
    }
    let flags = raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME;
    let operation = operation as u32;
    let space = server.process_of(task).space;
    match operation & !flags {
        raw::FUTEX_WAIT => wait(server, task, address, operation, value, (timeout, u32::MAX)),
        raw::FUTEX_WAIT_BITSET => {
            wait(server, task, address, operation, value, (timeout, bits as u32))
        }
        raw::FUTEX_WAKE => Ok(server.wake_futex(space, address, value as u32, u32::MAX)),
        raw::FUTEX_WAKE_BITSET => Ok(server.wake_futex(space, address, value as u32, bits as u32)),
        raw::FUTEX_REQUEUE | raw::FUTEX_CMP_REQUEUE => {
            if operation & !flags == raw::FUTEX_CMP_REQUEUE {
                let mut current = [0; 4];
                server.read_into(task, address, &mut current)?;
                if u32::from_le_bytes(current) != bits as u32 {
                    return Err(Errno::EAGAIN.into());
                }
            }
            // Those who would be moved to the second word may as well look at it themselves.
            let all = (value as u32).saturating_add(timeout as u32);
            let _ = second;
            Ok(server.wake_futex(space, address, all, u32::MAX))
        }
        raw::FUTEX_LOCK_PI => lock(server, task, (address, operation), Some(timeout)),
        raw::FUTEX_TRYLOCK_PI => lock(server, task, (address, operation), None),
        raw::FUTEX_UNLOCK_PI => {
            let mut owner = [0; 4];
            server.read_into(task, address, &mut owner)?;
            if u32::from_le_bytes(owner) & OWNER != server.tasks[task].number {
                return Err(Errno::EPERM.into());
            }
            server.hand_over(space, address, 0)?;
            Ok(0)
        }
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// The thread that holds a lock, in its word; its owner died; somebody waits for it.
const OWNER: u32 = 0x3fff_ffff;
const OWNER_DIED: u32 = 0x4000_0000;
const AWAITED: u32 = 0x8000_0000;
/// What wakes nobody: who waits for a lock is handed it over.
const BY_OWNER: u32 = 0;
/// Locks of one thread that are looked at when it ends, at most.
const MOST_LOCKS: usize = 2048;

/// Takes a lock that knows its owner, or waits for it if there is a timeout, which may be none. As nobody is
/// more urgent than others, there is no urgency to lend.
fn lock(
    server: &mut Server,
    task: TaskKey,
    (address, operation): (u64, u32),
    timeout: Option<u64>,
) -> Answer {
    let number = server.tasks[task].number;
    let mut word = [0; 4];
    server.read_into(task, address, &mut word)?;
    let word = u32::from_le_bytes(word);
    if word & OWNER == 0 {
        let taken = word & (AWAITED | OWNER_DIED) | number;
        server.write_bytes(task, address, &taken.to_le_bytes())?;
        return Ok(0);
    }
    if word & OWNER == number {
        return Err(Errno::EDEADLK.into());
    }
    if server.numbers.thread(word & OWNER).is_none() {
        return Err(Errno::ESRCH.into());
    }
    let Some(timeout) = timeout else { return Err(Errno::EAGAIN.into()) };
    let deadline = match timeout {
        0 => None,
        at => {
            let wanted = nanoseconds(server.read_words(task, at)?)?;
            Some((server.clock.now() + wanted).saturating_sub(server.clock.real()))
        }
    };
    if server.is_interrupted(task) {
        return Err(Errno::EINTR.into());
    }
    server.write_bytes(task, address, &(word | AWAITED).to_le_bytes())?;
    let word = word_at(server, task, (address, operation))?;
    server.wait_at_word(task, word, BY_OWNER);
    server.set_deadline(task, deadline);
    Err(Stop::Halt)
}

impl Server {
    /// Gives a lock to somebody who waits for it, or to nobody; `died` is what its word says beside.
    fn hand_over(&mut self, space: Key<Space>, address: u64, died: u32) -> Result<(), Errno> {
        let waiting = self.waiting_at(space, address);
        let mut waiting = waiting.into_iter().filter(|(_, bits)| *bits == BY_OWNER);
        let next = waiting.next().map(|(key, _)| (key, self.tasks[key].number));
        let more = if waiting.next().is_some() { AWAITED } else { 0 };
        let word = next.map_or(0, |(_, number)| number | more) | died;
        self.spaces[space].write(&mut self.world, address, &word.to_le_bytes())?;
        if let Some((key, _)) = next {
            self.answer_waiting(key, 0);
        }
        Ok(())
    }

    /// A thread ends: the locks are free that its list of them says it holds, and their words tell that it
    /// died. What makes no sense in the list ends it.
    pub fn release_locks(&mut self, task: TaskKey) {
        let Some(it) = self.tasks.get(task).filter(|it| it.robust_list != 0) else { return };
        let (head, number) = (it.robust_list, it.number);
        let space = self.processes[self.tasks[task].process].space;
        let Ok([first, offset, pending]) = self.read_words(task, head) else { return };
        let mut entry = first;
        for _ in 0..MOST_LOCKS {
            if entry & !1 == head {
                break;
            }
            let Ok([next]) = self.read_words(task, entry & !1) else { break };
            if entry & !1 != pending & !1 {
                self.release_lock(space, entry, offset, number);
            }
            entry = next;
        }
        if pending != 0 {
            self.release_lock(space, pending, offset, number);
        }
    }

    /// Frees the lock of an entry if `number` holds it; its lowest bit says that it is handed over.
    fn release_lock(&mut self, space: Key<Space>, entry: u64, offset: u64, number: u32) {
        let address = (entry & !1).wrapping_add(offset);
        let mut word = [0; 4];
        let read = self.spaces[space].read(&mut self.world, address, &mut word);
        let word = u32::from_le_bytes(word);
        if read.is_err() || word & OWNER != number || !address.is_multiple_of(4) {
            return;
        }
        if entry & 1 != 0 {
            let _ = self.hand_over(space, address, OWNER_DIED);
            return;
        }
        let left = (word & AWAITED | OWNER_DIED).to_le_bytes();
        if self.spaces[space].write(&mut self.world, address, &left).is_ok() && word & AWAITED != 0
        {
            self.wake_futex(space, address, 1, u32::MAX);
        }
    }
}

/// The word at an address, as those are known by who wait there.
fn word_at(
    server: &Server,
    task: TaskKey,
    (address, operation): (u64, u32),
) -> Result<Word, Errno> {
    let space = server.process_of(task).space;
    if operation & raw::FUTEX_PRIVATE_FLAG != 0 {
        return Ok(Word::Private(space, address));
    }
    let entry = server.spaces[space].pages.get(page_of(address)).ok_or(Errno::EFAULT)?;
    Ok(Word::Shared(entry.page(), address % PAGE_BYTES))
}

fn wait(
    server: &mut Server,
    task: TaskKey,
    address: u64,
    operation: u32,
    value: u64,
    (timeout, bits): (u64, u32),
) -> Answer {
    if bits == 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut current = [0; 4];
    server.read_into(task, address, &mut current)?;
    if u32::from_le_bytes(current) != value as u32 {
        return Err(Errno::EAGAIN.into());
    }
    if server.is_interrupted(task) {
        return Err(Errno::EINTR.into());
    }
    let deadline = match timeout {
        0 => None,
        at => {
            let wanted = nanoseconds(server.read_words(task, at)?)?;
            let now = server.clock.now();
            let absolute = operation & !raw::FUTEX_PRIVATE_FLAG & 0x7f != raw::FUTEX_WAIT;
            Some(match (absolute, operation & raw::FUTEX_CLOCK_REALTIME != 0) {
                (false, _) => now.saturating_add(wanted),
                (true, false) => wanted,
                (true, true) => (now + wanted).saturating_sub(server.clock.real()),
            })
        }
    };
    let word = word_at(server, task, (address, operation))?;
    server.wait_at_word(task, word, bits);
    server.set_deadline(task, deadline);
    Err(Stop::Halt)
}
