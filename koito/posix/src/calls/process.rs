//! The life of processes and threads: other programs, and the end.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::{Action, AlternateStack, Life, Signal};
use koito_vfs::Kind;
use nun::Descriptor;

use super::paths::{EMPTY_PATH, NO_FOLLOW};
use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::owner::Capabilities;
use crate::server::{Server, TaskKey};

/// Number of the FS base among a process's registers.
const FS_BASE: u64 = 18;
/// `ARCH_SET_FS` and `ARCH_GET_FS`.
const SET_FS: u64 = 0x1002;
const GET_FS: u64 = 0x1003;
/// Bytes of the head of a list of locks.
const ROBUST_BYTES: u64 = 24;
/// Longest path, and longest argument of a program.
const PATH_BYTES: usize = 4095;
const ARGUMENT_BYTES: usize = 128 * 1024;
/// Bytes that each costs beside its own, here and on the stack; and most bytes of all arguments.
const WORD_BYTES: usize = 40;
const ALL_BYTES: usize = 512 * 1024;

/// Ends the thread.
pub fn exit(server: &mut Server, task: TaskKey, &[code, ..]: &Arguments) -> Answer {
    server.end_task(task, code as u8);
    Err(Stop::Halt)
}

/// Ends the process.
pub fn exit_group(server: &mut Server, task: TaskKey, &[code, ..]: &Arguments) -> Answer {
    let process = server.tasks[task].process;
    server.end_process(process, Some(task), Life::Exited(code as u8));
    Err(Stop::Halt)
}

/// Lets others run first.
pub fn sched_yield(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    // The caller goes on on what is left of its time; who is ready takes turns with it.
    Ok(0)
}

/// Runs another program in place of this one.
pub fn execve(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[path, words, environment, ..] = arguments;
    let path = server.read_string(task, path, PATH_BYTES)?;
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    execute(server, task, path, (words, environment))
}

/// The same with a path from a directory on, or the program that is open.
pub fn execveat(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[directory, path, words, environment, flags, _] = arguments;
    if flags & !(EMPTY_PATH | NO_FOLLOW) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = server.name_at(task, (directory, path), flags)?;
    let status = server.world.vfs.status(name).map_err(|_| Errno::ENOENT)?;
    if flags & NO_FOLLOW != 0 && status.attributes.kind == Kind::Link {
        return Err(Errno::ELOOP.into());
    }
    // Found once more by its path, as a script's interpreter does.
    let came = server.file_call(task, |vfs, context| Ok(vfs.path_of(context, name)))?;
    let Came::Value(path) = came else { return Err(Errno::EIO.into()) };
    execute(server, task, path, (words, environment))
}

fn execute(
    server: &mut Server,
    task: TaskKey,
    path: Vec<u8>,
    (words, environment): (u64, u64),
) -> Answer {
    let mut room = ALL_BYTES;
    let words = read_list(server, task, words, &mut room)?;
    let environment = read_list(server, task, environment, &mut room)?;
    let loaded = {
        let process = server.tasks[task].process;
        server.load(Some(process), &path, words, environment)?
    };

    // From here on nothing fails that the program could still be told.
    let process = server.tasks[task].process;
    for other in server.tasks_of(process) {
        if other != task {
            server.halt(other);
            server.end_task(other, 0);
        }
    }
    server.release_locks(task);
    server.tasks[task].robust_list = 0;
    server.leave_space(process);
    let it = &mut server.processes[process];
    it.timers.alarms.clear();
    it.wishes.keeps_capabilities = false;
    let [user, group] = loaded.identity;
    let owner = &mut it.owner;
    owner.users[1] = user.unwrap_or(owner.users[1]);
    owner.groups[1] = group.unwrap_or(owner.groups[1]);
    (owner.users[2], owner.groups[2]) = (owner.users[1], owner.groups[1]);
    owner.capabilities = Capabilities::of(owner.users);
    // Who runs in another's name is not looked into by who started it, nor stopped by its end.
    it.wishes.hides = owner.users[0] != owner.users[1] || owner.groups[0] != owner.groups[1];
    if it.wishes.hides {
        it.wishes.parent_death_signal = 0;
    }
    it.space = loaded.space;
    it.name = loaded.name();
    it.has_executed = true;
    for action in &mut it.actions {
        if action.handler != Action::IGNORE {
            *action = Action::default();
        }
    }
    let number = it.number;
    // What told of an end by another signal was agreed upon by programs that are no more.
    it.exit_signal = Signal::CHILD.number();
    let children: Vec<_> = server.numbers.children(number).collect();
    for child in children {
        server.processes[child].exit_signal = Signal::CHILD.number();
    }
    server.set_number(task, number);
    let it = &mut server.tasks[task];
    it.clear_number = 0;
    it.alternate = AlternateStack::default();
    let body = it.body;
    let space = server.spaces[loaded.space].mapping.space;
    let (none, nothing) = (Descriptor::NULL, Descriptor::NULL);
    body.pcb
        .configure_spaces(space, none, nothing)
        .and_then(|()| server.world.objects.reset(body, loaded.entry, loaded.stack))
        .expect("a thread that waits for its answer takes a new program");
    server.close_for_exec(task);
    let it = &mut server.processes[process];
    it.program = loaded.path;
    let old = it.program_name.replace(loaded.program);
    old.into_iter().for_each(|name| server.world.vfs.unpin(name));
    Err(Stop::Whole)
}

/// Reads a list of strings that ends with a null pointer, none for no list at all.
fn read_list(
    server: &mut Server,
    task: TaskKey,
    address: u64,
    room: &mut usize,
) -> Result<Vec<Vec<u8>>, Errno> {
    let mut list = Vec::new();
    if address == 0 {
        return Ok(list);
    }
    loop {
        let [pointer] = server.read_words(task, address.wrapping_add(list.len() as u64 * 8))?;
        if pointer == 0 {
            return Ok(list);
        }
        let text =
            server.read_string(task, pointer, ARGUMENT_BYTES).map_err(|errno| match errno {
                Errno::ENAMETOOLONG => Errno::E2BIG,
                errno => errno,
            })?;
        *room = room.checked_sub(text.len() + WORD_BYTES).ok_or(Errno::E2BIG)?;
        list.push(text.into_boxed_slice().into_vec());
    }
}

/// Sets the thread-local base.
pub fn arch_prctl(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[what, address, ..] = arguments;
    let body = server.tasks[task].body;
    match what {
        SET_FS => {
            body.pcb.write_register(FS_BASE, address).map_err(|_| Errno::EPERM)?;
            // It goes on as it stands.
            body.pcb.write_register(0, 0).map_err(|_| Errno::EPERM)?;
            Err(Stop::Whole)
        }
        GET_FS => {
            let base = body.pcb.read_register(FS_BASE).map_err(|_| Errno::EPERM)?;
            server.write_words(task, address, &[base])?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Has the thread's number cleared at an address when it ends.
pub fn set_tid_address(server: &mut Server, task: TaskKey, &[address, ..]: &Arguments) -> Answer {
    server.tasks[task].clear_number = address;
    Ok(server.tasks[task].number.into())
}

/// Says where the locks stand that a thread holds when it ends.
pub fn set_robust_list(server: &mut Server, task: TaskKey, &[at, bytes, ..]: &Arguments) -> Answer {
    if bytes != ROBUST_BYTES {
        return Err(Errno::EINVAL.into());
    }
    server.tasks[task].robust_list = at;
    Ok(0)
}

/// Tells where they stand.
pub fn get_robust_list(
    server: &mut Server,
    task: TaskKey,
    &[number, at, bytes, ..]: &Arguments,
) -> Answer {
    let who = match number as u32 {
        0 => task,
        number => server.numbers.thread(number).ok_or(Errno::ESRCH)?,
    };
    let [user, own] = [who, task].map(|task| server.process_of(task).owner.users[1]);
    if own != 0 && own != user {
        return Err(Errno::EPERM.into());
    }
    let list = server.tasks[who].robust_list;
    server.write_words(task, at, &[list])?;
    server.write_words(task, bytes, &[ROBUST_BYTES])?;
    Ok(0)
}
