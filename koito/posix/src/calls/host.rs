//! The machine's name, and what its components have noted.

use alloc::format;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::call::{Answer, Arguments};
use crate::names::{HostNames, RELEASE, SYSTEM};
use crate::server::{Server, TaskKey};

/// Bytes of one name of `uname`, with a zero at its end.
const NAME_BYTES: usize = 65;

/// What the system is called.
pub fn uname(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let HostNames { host, domain } = &server.world.names;
    let names =
        [SYSTEM.as_bytes(), host, RELEASE.as_bytes(), b"#1 A9N", b"x86_64", domain.as_slice()];
    let mut bytes = [0; 6 * NAME_BYTES];
    for (place, name) in bytes.chunks_exact_mut(NAME_BYTES).zip(names) {
        place[..name.len()].copy_from_slice(name);
    }
    server.write_bytes(task, to, &bytes)?;
    Ok(0)
}

/// A new name of `length` bytes, which only the superuser may give.
fn new_name(
    server: &mut Server,
    task: TaskKey,
    (at, length): (u64, u64),
) -> Result<Vec<u8>, Errno> {
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM);
    }
    // Negative lengths are too long as well.
    if length >= NAME_BYTES as u64 {
        return Err(Errno::EINVAL);
    }
    server.read_bytes(task, at, length as usize)
}

/// Names the machine.
pub fn sethostname(server: &mut Server, task: TaskKey, &[at, length, ..]: &Arguments) -> Answer {
    server.world.names.host = new_name(server, task, (at, length))?;
    Ok(0)
}

/// Names its domain.
pub fn setdomainname(server: &mut Server, task: TaskKey, &[at, length, ..]: &Arguments) -> Answer {
    server.world.names.domain = new_name(server, task, (at, length))?;
    Ok(0)
}

/// What `syslog` can be asked.
mod action {
    pub const CLOSE: u32 = 0;
    pub const OPEN: u32 = 1;
    pub const READ_ALL: u32 = 3;
    pub const UNREAD_BYTES: u32 = 9;
    pub const BUFFER_BYTES: u32 = 10;
}

/// Bytes that the log of the system has at most.
const LOG_BYTES: usize = 16 << 10;
/// What stands before each line: it is information.
const LEVEL: &str = "<6>";

/// Reads the system's log: what its components wrote. Nothing is taken out, or kept from the console.
pub fn syslog(server: &mut Server, task: TaskKey, &[action, to, length, ..]: &Arguments) -> Answer {
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM.into());
    }
    match action as u32 {
        action::CLOSE | action::OPEN | action::UNREAD_BYTES => Ok(0),
        action::BUFFER_BYTES => Ok(LOG_BYTES as u64),
        action::READ_ALL if length as i32 >= 0 && to != 0 => {
            let text = log_text(server, LOG_BYTES.min(length as u32 as usize));
            server.write_bytes(task, to, &text)?;
            Ok(text.len() as u64)
        }
        action::READ_ALL => Err(Errno::EINVAL.into()),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

/// The last lines of the log, as many as fit into so many bytes.
fn log_text(server: &Server, most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut number = 0;
    // A log that is out of reach says nothing.
    while let Some(line) = server.log.as_ref().and_then(|log| log.read(number).ok()).flatten() {
        number = line.number + 1;
        let (seconds, rest) = (line.time / 1000, line.time % 1000 * 1000);
        let (writer, words) = (&line.writer, line.text.trim_end());
        text.extend(format!("{LEVEL}[{seconds:5}.{rest:06}] {writer}: {words}\n").into_bytes());
    }
    let surplus = text.len().saturating_sub(most);
    let begins = match surplus {
        0 => 0,
        _ => text[surplus - 1..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |end| surplus + end),
    };
    text.split_off(begins)
}
