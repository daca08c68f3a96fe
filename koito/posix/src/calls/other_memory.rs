//! Memory of other processes.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::call::{Answer, Arguments};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};

/// Most pieces of a vector.
const MOST_PIECES: u64 = 1024;
/// Most bytes of one call: programs go on.
const MOST_BYTES: u64 = 1 << 20;

impl Server {
    /// Refuses to look into a process that is another user's, or does not want to be looked into.
    pub fn check_insight(&self, task: TaskKey, process: ProcessKey) -> Result<(), Errno> {
        let (own, other) = (self.process_of(task), &self.processes[process]);
        if own.owner.users[1] == 0 || own.number == other.number {
            return Ok(());
        }
        let users = other.owner.users.iter().all(|user| *user == own.owner.users[0]);
        let groups = other.owner.groups.iter().all(|group| *group == own.owner.groups[0]);
        if users && groups && !other.wishes.hides { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// The pieces that a vector names: address and length.
    fn pieces(&mut self, task: TaskKey, at: u64, count: u64) -> Result<Vec<[u64; 2]>, Errno> {
        if count > MOST_PIECES {
            return Err(Errno::EINVAL);
        }
        (0..count).map(|index| self.read_words(task, at.wrapping_add(index * 16))).collect()
    }
}

/// Which way bytes go between the caller and another process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Here,
    There,
}

fn copy(server: &mut Server, task: TaskKey, arguments: &Arguments, way: Way) -> Answer {
    let &[number, own, own_count, other, other_count, flags] = arguments;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let own = server.pieces(task, own, own_count)?;
    let other = server.pieces(task, other, other_count)?;
    let process = server.process(number as u32).ok_or(Errno::ESRCH)?;
    if server.processes[process].life.is_over() {
        return Err(Errno::ESRCH.into());
    }
    server.check_insight(task, process)?;
    let spaces = [server.process_of(task).space, server.processes[process].space];
    let (mut own, mut other) = (own.into_iter(), other.into_iter());
    let (mut here, mut there) = ([0; 2], [0; 2]);
    let mut done = 0;
    let mut piece = [0; 4096];
    while done < MOST_BYTES {
        for (part, rest) in [(&mut here, &mut own), (&mut there, &mut other)] {
            while part[1] == 0 {
                let Some(next) = rest.next() else { return Ok(done) };
                *part = next;
            }
        }
        let length = here[1].min(there[1]).min(piece.len() as u64);
        let bytes = &mut piece[..length as usize];
        let (from, to) = match way {
            Way::Here => ((spaces[1], there[0]), (spaces[0], here[0])),
            Way::There => ((spaces[0], here[0]), (spaces[1], there[0])),
        };
        let read = server.spaces[from.0].read(&mut server.world, from.1, bytes);
        let moved = read.and_then(|()| server.spaces[to.0].write(&mut server.world, to.1, bytes));
        match moved {
            Ok(()) => done += length,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
        for part in [&mut here, &mut there] {
            *part = [part[0].wrapping_add(length), part[1] - length];
        }
    }
    Ok(done)
}

/// Reads memory of another process.
pub fn process_vm_readv(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    copy(server, task, arguments, Way::Here)
}

/// Writes it.
pub fn process_vm_writev(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    copy(server, task, arguments, Way::There)
}
