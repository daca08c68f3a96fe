//! Waiting at a word of memory.

use koito_linux::{Errno, raw};
use koito_posix_core::{PAGE_BYTES, page_of};

use super::time::nanoseconds;
use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};
use crate::wake::{Waiting, Word};

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
        _ => Err(Errno::ENOSYS.into()),
    }
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
    let space = server.process_of(task).space;
    let word = match operation & raw::FUTEX_PRIVATE_FLAG {
        0 => match server.spaces[space].pages.get(page_of(address)) {
            Some(entry) => Word::Shared(entry.page(), address % PAGE_BYTES),
            None => return Err(Errno::EFAULT.into()),
        },
        _ => Word::Private(space, address),
    };
    server.tasks[task].waiting = Some(Waiting::Futex { word, bits });
    server.set_deadline(task, deadline);
    Err(Stop::Halt)
}
