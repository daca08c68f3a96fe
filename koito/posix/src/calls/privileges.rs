//! Rights beyond those of users, and what a process wishes for itself (`prctl`).
//!
//! Capabilities come with the superuser and go with it, but for who keeps them. Besides changing users and
//! groups, the superuser alone may do what they stand for, and it can give none of them up: such a wish is
//! refused, not ignored.

use koito_linux::Errno;
use koito_posix_core::Signal;

use crate::call::{Answer, Arguments};
use crate::owner::Capabilities;
use crate::server::{Server, TaskKey};

/// The version of the interface that has two words for each set.
const VERSION: u32 = 0x2008_0522;
/// Versions that Linux still knows.
const VERSIONS: [u32; 3] = [0x1998_0330, 0x2007_1026, VERSION];

/// Requests of `prctl`, as Linux numbers them.
mod request {
    pub const SET_PARENT_DEATH_SIGNAL: u32 = 1;
    pub const GET_PARENT_DEATH_SIGNAL: u32 = 2;
    pub const GET_DUMPABLE: u32 = 3;
    pub const SET_DUMPABLE: u32 = 4;
    pub const GET_KEEP_CAPABILITIES: u32 = 7;
    pub const SET_KEEP_CAPABILITIES: u32 = 8;
    pub const SET_NAME: u32 = 15;
    pub const GET_NAME: u32 = 16;
    pub const GET_SECCOMP: u32 = 21;
    pub const READ_BOUND: u32 = 23;
    pub const DROP_BOUND: u32 = 24;
    pub const GET_SECURE_BITS: u32 = 27;
    pub const SET_SECURE_BITS: u32 = 28;
    pub const SET_TIMER_SLACK: u32 = 29;
    pub const GET_TIMER_SLACK: u32 = 30;
    pub const SET_SUBREAPER: u32 = 36;
    pub const GET_SUBREAPER: u32 = 37;
    pub const SET_NO_NEW_PRIVILEGES: u32 = 38;
    pub const GET_NO_NEW_PRIVILEGES: u32 = 39;
    pub const GET_THREAD_ADDRESS: u32 = 40;
    pub const GET_HUGE_PAGES_DISABLED: u32 = 42;
    pub const AMBIENT: u32 = 47;
}

/// What `PR_CAP_AMBIENT` asks for.
mod ambient {
    pub const IS_SET: u64 = 1;
    pub const RAISE: u64 = 2;
    pub const LOWER: u64 = 3;
    pub const CLEAR: u64 = 4;
}

/// How late threads may be woken where nobody says otherwise, in nanoseconds.
const TIMER_SLACK: u64 = 50_000;

/// Reads which version of the interface is spoken, and of which process; tells the right one, if that is
/// none.
fn header(server: &mut Server, task: TaskKey, at: u64) -> Result<(u32, u32), Errno> {
    let [words] = server.read_words(task, at)?;
    let (version, process) = (words as u32, (words >> 32) as u32);
    if !VERSIONS.contains(&version) {
        server.write_bytes(task, at, &VERSION.to_le_bytes())?;
        return Err(Errno::EINVAL);
    }
    Ok((version, process))
}

/// What a process may do beyond its user's rights.
pub fn capget(server: &mut Server, task: TaskKey, &[at, to, ..]: &Arguments) -> Answer {
    let (version, number) = match header(server, task, at) {
        // Whoever gives no place for the rest only asked for the version.
        Err(Errno::EINVAL) if to == 0 => return Ok(0),
        header => header?,
    };
    let process = match number {
        0 => server.tasks[task].process,
        number => server.process(number).ok_or(Errno::ESRCH)?,
    };
    let Capabilities { effective, permitted } = server.processes[process].owner.capabilities;
    let sets = [effective, permitted, 0];
    let mut bytes = [0; 24];
    for (word, place) in bytes.chunks_exact_mut(4).enumerate() {
        let set = sets[word % 3] >> (word / 3 * 32);
        place.copy_from_slice(&(set as u32).to_le_bytes());
    }
    let length = if version == VERSIONS[0] { 12 } else { 24 };
    server.write_bytes(task, to, &bytes[..length])?;
    Ok(0)
}

/// Gives capabilities up, or takes them into use.
pub fn capset(server: &mut Server, task: TaskKey, &[at, from, ..]: &Arguments) -> Answer {
    let (version, number) = header(server, task, at)?;
    if number != 0 && number != server.process_of(task).number {
        return Err(Errno::EPERM.into());
    }
    let length = if version == VERSIONS[0] { 12 } else { 24 };
    let bytes = server.read_bytes(task, from, length)?;
    let mut sets = [0; 3];
    for (word, place) in bytes.as_chunks().0.iter().enumerate() {
        sets[word % 3] |= u64::from(u32::from_le_bytes(*place)) << (word / 3 * 32);
    }
    let [effective, permitted, inheritable] = sets.map(|set| set & Capabilities::ALL);
    let owner = &mut server.process_of_mut(task).owner;
    let own = owner.capabilities;
    let raises = permitted & !own.permitted != 0 || effective & !permitted != 0;
    let drops_root = owner.users[1] == 0 && effective != own.effective;
    if raises || drops_root || inheritable != 0 {
        return Err(Errno::EPERM.into());
    }
    owner.capabilities = Capabilities { effective, permitted };
    Ok(0)
}

fn switch(value: u64) -> Result<bool, Errno> {
    if value > 1 { Err(Errno::EINVAL) } else { Ok(value == 1) }
}

fn tell(server: &mut Server, task: TaskKey, to: u64, value: u32) -> Answer {
    server.write_bytes(task, to, &value.to_le_bytes())?;
    Ok(0)
}

/// Wishes of a process for itself, and what it is told of them.
pub fn prctl(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[what, value, second, ..] = arguments;
    let clear_number = server.tasks[task].clear_number;
    let it = server.process_of_mut(task);
    let wishes = &mut it.wishes;
    match what as u32 {
        request::SET_PARENT_DEATH_SIGNAL => {
            let signal = if value == 0 { 0 } else { Signal::new(value)?.number() };
            wishes.parent_death_signal = signal;
        }
        request::GET_PARENT_DEATH_SIGNAL => {
            let signal = wishes.parent_death_signal.into();
            return tell(server, task, value, signal);
        }
        request::GET_DUMPABLE => return Ok((!wishes.hides).into()),
        request::SET_DUMPABLE => wishes.hides = !switch(value)?,
        request::GET_KEEP_CAPABILITIES => return Ok(wishes.keeps_capabilities.into()),
        request::SET_KEEP_CAPABILITIES => wishes.keeps_capabilities = switch(value)?,
        request::SET_NAME => {
            let text = server.read_string(task, value, 4096)?;
            let name = text[..text.len().min(15)].to_vec();
            // The first thread's name is its process's.
            if server.tasks[task].number == server.process_of(task).number {
                server.process_of_mut(task).name = name;
            } else {
                server.tasks[task].name = name;
            }
        }
        request::GET_NAME => {
            let mut name = it.name.clone();
            if !server.tasks[task].name.is_empty() {
                name.clone_from(&server.tasks[task].name);
            }
            name.resize(16, 0);
            server.write_bytes(task, value, &name)?;
        }
        request::GET_SECCOMP | request::GET_HUGE_PAGES_DISABLED | request::GET_SECURE_BITS => {}
        request::READ_BOUND if value < 64 && Capabilities::ALL >> value & 1 != 0 => return Ok(1),
        request::DROP_BOUND if value < 64 && Capabilities::ALL >> value & 1 != 0 => {
            return Err(Errno::EPERM.into());
        }
        request::SET_SECURE_BITS if value != 0 => return Err(Errno::EPERM.into()),
        request::SET_SECURE_BITS => {}
        request::SET_TIMER_SLACK => wishes.timer_slack = value,
        request::GET_TIMER_SLACK if wishes.timer_slack == 0 => return Ok(TIMER_SLACK),
        request::GET_TIMER_SLACK => return Ok(wishes.timer_slack),
        request::SET_SUBREAPER => wishes.adopts = value != 0,
        request::GET_SUBREAPER => {
            let adopts = wishes.adopts.into();
            return tell(server, task, value, adopts);
        }
        request::SET_NO_NEW_PRIVILEGES if value == 1 => wishes.no_new_privileges = true,
        request::GET_NO_NEW_PRIVILEGES => return Ok(wishes.no_new_privileges.into()),
        request::GET_THREAD_ADDRESS => server.write_words(task, value, &[clear_number])?,
        request::AMBIENT => {
            return match (value, second) {
                (ambient::CLEAR, 0) => Ok(0),
                (ambient::IS_SET | ambient::LOWER, 0..=40) => Ok(0),
                (ambient::RAISE, 0..=40) => Err(Errno::EPERM.into()),
                _ => Err(Errno::EINVAL.into()),
            };
        }
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}
