//! New processes and threads.

use alloc::vec::Vec;

use koito_linux::{Errno, raw};
use koito_posix_core::{Key, Life, Pending, Signal, register};
use koito_vfs::Flags;

use crate::account::Account;
use crate::call::{Answer, Arguments, Stop};
use crate::owner::Wishes;
use crate::process::{Process, ProcessKey};
use crate::server::{Server, TaskKey};
use crate::space::Space;
use crate::timers::Timers;
use crate::wake::Waiting;

/// Number of the FS base among a process's registers.
const FS_BASE: u64 = 18;
/// Flags of threads, which go together.
const THREAD: u64 = (raw::CLONE_THREAD | raw::CLONE_SIGHAND | raw::CLONE_VM) as u64;
/// What is known; of these, file descriptors and working directories are shared by threads, and only by
/// them.
const KNOWN: u64 = THREAD
    | (raw::CLONE_FS
        | raw::CLONE_FILES
        | raw::CLONE_SYSVSEM
        | raw::CLONE_SETTLS
        | raw::CLONE_PARENT_SETTID
        | raw::CLONE_CHILD_CLEARTID
        | raw::CLONE_CHILD_SETTID
        | raw::CLONE_DETACHED
        | raw::CLONE_PIDFD
        | raw::CLONE_VFORK) as u64;

/// What `clone` and its relatives are asked.
#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    flags: u64,
    /// The signal at the end.
    signal: u8,
    /// Stack pointer, 0 for that of the caller.
    stack: u64,
    thread_base: u64,
    /// Where the number is written: for the caller, and for the new one.
    number_at: (u64, u64),
    /// Where a descriptor for the new process is written.
    process_at: u64,
}

/// A copy of the process.
pub fn fork(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    let wish = Wish { signal: Signal::CHILD.number(), ..Wish::default() };
    carry_out(server, task, &wish)
}

/// The same, which borrows the memory until it ends or runs another program.
pub fn vfork(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    let flags = u64::from(raw::CLONE_VM | raw::CLONE_VFORK);
    let wish = Wish { flags, signal: Signal::CHILD.number(), ..Wish::default() };
    carry_out(server, task, &wish)
}

/// A copy that shares what the flags say.
pub fn clone(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[flags, stack, parent, child, thread_base, _] = arguments;
    let wish = Wish {
        flags: flags & !0xff,
        signal: flags as u8,
        stack,
        thread_base,
        number_at: (parent, child),
        process_at: parent,
    };
    carry_out(server, task, &wish)
}

/// The same, asked in memory.
pub fn clone3(server: &mut Server, task: TaskKey, &[at, bytes, ..]: &Arguments) -> Answer {
    if bytes < 64 {
        return Err(Errno::EINVAL.into());
    }
    let words: [u64; 8] = server.read_words(task, at)?;
    let [flags, process_at, child, parent, signal, stack, stack_bytes, thread_base] = words;
    if signal > 64 || flags & 0xff != 0 {
        return Err(Errno::EINVAL.into());
    }
    let wish = Wish {
        flags,
        signal: signal as u8,
        stack: if stack == 0 { 0 } else { stack.wrapping_add(stack_bytes) },
        thread_base,
        number_at: (parent, child),
        process_at,
    };
    carry_out(server, task, &wish)
}

fn carry_out(server: &mut Server, task: TaskKey, wish: &Wish) -> Answer {
    let Wish { flags, .. } = *wish;
    let has = |flag: u32| flags & u64::from(flag) != 0;
    let makes_thread = has(raw::CLONE_THREAD);
    if flags & !KNOWN != 0 || (makes_thread && flags & THREAD != THREAD) {
        return Err(Errno::EINVAL.into());
    }
    if makes_thread && has(raw::CLONE_PIDFD) {
        return Err(Errno::EINVAL.into());
    }
    if !makes_thread && has(raw::CLONE_SIGHAND) {
        return Err(Errno::EINVAL.into());
    }
    let parent = server.tasks[task].process;
    server.check_room(Some(parent))?;
    let number = server.new_number()?;
    let process = if makes_thread { parent } else { add_process(server, parent, number, wish)? };
    let mask = server.tasks[task].mask;
    let child = match server.add_task(process, number, (mask, Some(task))) {
        Ok(child) => child,
        Err(errno) => {
            if !makes_thread {
                server.leave_space(process);
                server.close_all(process);
                server.forget_process(process);
            }
            return Err(errno.into());
        }
    };
    if !makes_thread {
        server.tasks[child].alternate = server.tasks[task].alternate;
    }
    if has(raw::CLONE_CHILD_CLEARTID) {
        server.tasks[child].clear_number = wish.number_at.1;
    }
    let number_bytes = number.to_le_bytes();
    // Linux does not look whether these can be written either.
    if has(raw::CLONE_PARENT_SETTID) {
        let _ = server.write_bytes(task, wish.number_at.0, &number_bytes);
    }
    if has(raw::CLONE_CHILD_SETTID) {
        let _ = server.write_bytes(child, wish.number_at.1, &number_bytes);
    }
    if has(raw::CLONE_PIDFD)
        && let Ok(file) = server.add_process_file(task, number, Flags::empty())
    {
        let _ = server.write_bytes(task, wish.process_at, &(file as u32).to_le_bytes());
    }
    begin(server, task, child, wish);
    if has(raw::CLONE_VFORK) {
        server.processes[process].borrowed_from = Some(task);
        server.tasks[task].lends_to = Some(process);
        server.tasks[task].waiting = Some(Waiting::Answer(number.into()));
        return Err(Stop::Halt);
    }
    Ok(number.into())
}

/// A child of `parent`, without threads.
fn add_process(
    server: &mut Server,
    parent: ProcessKey,
    number: u32,
    wish: &Wish,
) -> Result<ProcessKey, Errno> {
    let space = match wish.flags & u64::from(raw::CLONE_VM) {
        0 => copy_space(server, server.processes[parent].space)?,
        _ => {
            let space = server.processes[parent].space;
            server.spaces[space].users += 1;
            space
        }
    };
    let it = &server.processes[parent];
    let vfs = &mut server.world.vfs;
    let files = it.files.as_ref().map(|files| files.fork(vfs));
    it.program_name.into_iter().for_each(|name| vfs.pin(name));
    let child = Process {
        number,
        parent: it.number,
        group: it.group,
        session: it.session,
        owner: it.owner.clone(),
        tasks: Vec::new(),
        space,
        program: it.program.clone(),
        program_name: it.program_name,
        files,
        started: server.clock.now(),
        name: it.name.clone(),
        has_executed: false,
        life: Life::Running,
        is_news: false,
        actions: it.actions,
        limits: it.limits,
        pending: Pending::new(),
        exit_signal: wish.signal,
        borrowed_from: None,
        timers: Timers::default(),
        account: Account::default(),
        wishes: Wishes { parent_death_signal: 0, adopts: false, ..it.wishes },
    };
    let child = server.enter_process(child);
    server.attend_cpu_limit(child);
    Ok(child)
}

fn copy_space(server: &mut Server, space: Key<Space>) -> Result<Key<Space>, Errno> {
    let mapping = server.world.objects.take_space().map_err(|_| Errno::ENOMEM)?;
    let copy = server.spaces[space].fork(&mut server.world, mapping);
    Ok(server.spaces.add(copy))
}

/// Lets the new thread go on where its maker is.
fn begin(server: &mut Server, task: TaskKey, child: TaskKey, wish: &Wish) {
    let (from, to) = (server.tasks[task].body.pcb, server.tasks[child].body.pcb);
    let begun = to.clone_state(from).and_then(|()| {
        if wish.stack != 0 {
            to.write_register(register::RSP as u64, wish.stack)?;
        }
        if wish.flags & u64::from(raw::CLONE_SETTLS) != 0 {
            to.write_register(FS_BASE, wish.thread_base)?;
        }
        to.write_register(register::RAX as u64, 0)?;
        to.resume()
    });
    if begun.is_err() {
        // Only a stack or base outside of user addresses is refused: it faults at once.
        let _ = to.write_register(register::RIP as u64, 0).and_then(|()| to.resume());
    }
}
