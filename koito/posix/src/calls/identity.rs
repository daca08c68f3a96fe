//! Who a program is: numbers, groups, sessions, users.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Kin;

use crate::call::{Answer, Arguments};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};

/// Most further groups of users.
const MOST_GROUPS: u64 = 256;
/// An identity that stays as it is.
const SAME: u32 = u32::MAX;

/// The number of the process.
pub fn getpid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).number.into())
}

/// That of its parent.
pub fn getppid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).parent.into())
}

/// The number of the thread.
pub fn gettid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.tasks[task].number.into())
}

/// The process that a call means by a number, 0 for its own.
fn meant(server: &Server, task: TaskKey, number: u64) -> Result<ProcessKey, Errno> {
    match number as u32 {
        0 => Ok(server.tasks[task].process),
        number => server.process(number).ok_or(Errno::ESRCH),
    }
}

/// The process group of the caller.
pub fn getpgrp(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).group.into())
}

/// The process group of a process.
pub fn getpgid(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    let process = meant(server, task, number)?;
    Ok(server.processes[process].group.into())
}

/// The session of a process.
pub fn getsid(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    let process = meant(server, task, number)?;
    Ok(server.processes[process].session.into())
}

/// Puts a process into a group: its own, or one of its session.
pub fn setpgid(server: &mut Server, task: TaskKey, &[number, group, ..]: &Arguments) -> Answer {
    let own = server.process_of(task);
    let (own_number, own_session) = (own.number, own.session);
    let process = meant(server, task, number)?;
    let it = &server.processes[process];
    if it.number != own_number && it.parent != own_number {
        return Err(Errno::ESRCH.into());
    }
    if it.number != own_number && it.has_executed {
        return Err(Errno::EACCES.into());
    }
    let group = if group as u32 == 0 { it.number } else { group as u32 };
    if (group as i32) < 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut members = server.numbers.members(group);
    let exists = members.any(|member| server.processes[member].session == own_session);
    drop(members);
    let leads = it.session == it.number;
    if it.session != own_session || leads || (group != it.number && !exists) {
        return Err(Errno::EPERM.into());
    }
    let kin = Kin { group, ..it.kin() };
    server.set_kin(process, kin);
    Ok(0)
}

/// Makes the process the first of a session.
pub fn setsid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    let number = server.process_of(task).number;
    if server.numbers.members(number).next().is_some() {
        return Err(Errno::EPERM.into());
    }
    let process = server.tasks[task].process;
    let kin = Kin { group: number, session: number, ..server.processes[process].kin() };
    server.set_kin(process, kin);
    Ok(number.into())
}

/// The real user.
pub fn getuid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).owner.users[0].into())
}

/// The effective user.
pub fn geteuid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).owner.users[1].into())
}

/// The real group of users.
pub fn getgid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).owner.groups[0].into())
}

/// The effective one.
pub fn getegid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.process_of(task).owner.groups[1].into())
}

/// `CAP_SETGID` and `CAP_SETUID`, by which the caller may belong to whatever groups it wants, and become
/// whoever it wants.
const GROUPS: u32 = 6;
const USERS: u32 = 7;

fn has(server: &Server, task: TaskKey, capability: u32) -> bool {
    server.process_of(task).owner.capabilities.effective >> capability & 1 != 0
}

/// The users of the caller were `before`: its capabilities follow.
fn follow(server: &mut Server, task: TaskKey, before: [u32; 3]) {
    let it = server.process_of_mut(task);
    let (owner, keeps) = (&mut it.owner, it.wishes.keeps_capabilities);
    owner.capabilities = owner.capabilities.after(before, owner.users, keeps);
}

/// What identities become of `own`: real, effective and saved, each as wanted or the same. Who is not
/// root can only choose among those that it has.
fn changed(own: [u32; 3], wanted: [u32; 3], is_root: bool) -> Result<[u32; 3], Errno> {
    let allowed = |it: &u32| is_root || *it == SAME || own.contains(it);
    if !wanted.iter().all(allowed) {
        return Err(Errno::EPERM);
    }
    let mut result = own;
    for (place, wanted) in result.iter_mut().zip(wanted) {
        if wanted != SAME {
            *place = wanted;
        }
    }
    Ok(result)
}

/// The saved identity after a change of real and effective one (setreuid(2)).
fn saved(own: [u32; 3], real: u32, effective: u32) -> u32 {
    let follows = real != SAME || (effective != SAME && effective != own[0]);
    if !follows {
        return SAME;
    }
    if effective == SAME { own[1] } else { effective }
}

macro_rules! setters {
    ($field:ident by $set:ident, $capability:ident: $one:ident, $two:ident, $three:ident, $get:ident) => {
        /// Becomes somebody; root for good.
        pub fn $one(server: &mut Server, task: TaskKey, &[wanted, ..]: &Arguments) -> Answer {
            let before = server.process_of(task).owner.users;
            let (wanted, root) = (wanted as u32, has(server, task, $capability));
            let wanted = if root { [wanted; 3] } else { [SAME, wanted, SAME] };
            let own = server.process_of(task).owner.$field;
            server.$set(server.tasks[task].process, changed(own, wanted, root)?);
            follow(server, task, before);
            Ok(0)
        }

        /// Sets real and effective identity.
        pub fn $two(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let before = server.process_of(task).owner.users;
            let &[real, effective, ..] = arguments;
            let (real, effective) = (real as u32, effective as u32);
            let root = has(server, task, $capability);
            let own = server.process_of(task).owner.$field;
            let wanted = [real, effective, saved(own, real, effective)];
            server.$set(server.tasks[task].process, changed(own, wanted, root)?);
            follow(server, task, before);
            Ok(0)
        }

        /// Sets real, effective and saved identity.
        pub fn $three(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let before = server.process_of(task).owner.users;
            let &[real, effective, saved, ..] = arguments;
            let wanted = [real as u32, effective as u32, saved as u32];
            let own = server.process_of(task).owner.$field;
            let root = has(server, task, $capability);
            server.$set(server.tasks[task].process, changed(own, wanted, root)?);
            follow(server, task, before);
            Ok(0)
        }

        /// Tells all three.
        pub fn $get(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let own = server.process_of(task).owner.$field;
            for (at, value) in arguments.iter().zip(own) {
                server.write_bytes(task, *at, &value.to_le_bytes())?;
            }
            Ok(0)
        }
    };
}

setters!(users by set_users, USERS: setuid, setreuid, setresuid, getresuid);
setters!(groups by set_groups, GROUPS: setgid, setregid, setresgid, getresgid);

/// Further groups of users.
pub fn getgroups(server: &mut Server, task: TaskKey, &[room, to, ..]: &Arguments) -> Answer {
    let groups = &server.process_of(task).owner.others;
    let count = groups.len();
    let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_le_bytes()).collect();
    match room as i32 {
        0 => {}
        room if room < 0 || (room as usize) < count => return Err(Errno::EINVAL.into()),
        _ => server.write_bytes(task, to, &bytes)?,
    }
    Ok(count as u64)
}

/// Sets them.
pub fn setgroups(server: &mut Server, task: TaskKey, &[count, from, ..]: &Arguments) -> Answer {
    if !has(server, task, GROUPS) {
        return Err(Errno::EPERM.into());
    }
    if count > MOST_GROUPS {
        return Err(Errno::EINVAL.into());
    }
    let bytes = server.read_bytes(task, from, count as usize * 4)?;
    let groups = bytes.as_chunks().0.iter().map(|group| u32::from_le_bytes(*group)).collect();
    server.process_of_mut(task).owner.others = groups;
    Ok(0)
}
