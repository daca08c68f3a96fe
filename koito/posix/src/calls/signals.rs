//! Signals, as programs ask for them.

use alloc::vec::Vec;

use koito_linux::{Errno, raw};
use koito_posix_core::{Action, AlternateStack, Detail, Info, Signal, SignalSet, register};
use koito_vfs::{FileId, Flags, OnExec};

use super::time::nanoseconds;
use crate::call::{Answer, Arguments, Stop};
use crate::process::{Process, ProcessKey};
use crate::server::{Server, TaskKey};

/// Bytes of a set of signals.
const SET_BYTES: u64 = 8;
/// Smallest stack for handlers.
const LEAST_STACK: u64 = 2048;
/// `SS_DISABLE` and `SS_ONSTACK`.
const DISABLE: u64 = 2;
const ON_STACK: u64 = 1;
/// `SI_USER` and `SI_TKILL`.
const BY_KILL: i32 = 0;
const BY_TKILL: i32 = -6;

/// What the process wishes for a signal.
pub fn rt_sigaction(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, new, old, bytes, ..] = arguments;
    let signal = Signal::new(number)?;
    if bytes != SET_BYTES || (new != 0 && !signal.can_be_handled()) {
        return Err(Errno::EINVAL.into());
    }
    let key = server.tasks[task].process;
    let wanted = match new {
        0 => None,
        _ => {
            let space = server.processes[key].space;
            let [handler, flags, restorer, mask] = server.words_of(space, new)?;
            Some(Action { handler, flags, restorer, mask: SignalSet(mask).maskable() })
        }
    };
    if old != 0 {
        let before = server.processes[key].actions[signal.index()];
        let words = [before.handler, before.flags, before.restorer, before.mask.0];
        server.write_words(task, old, &words)?;
    }
    if let Some(action) = wanted {
        let process = &mut server.processes[key];
        process.actions[signal.index()] = action;
        if action.ignores(signal) {
            process.pending.forget(SignalSet::of(signal));
            for task in server.tasks_of(key) {
                server.tasks[task].pending.forget(SignalSet::of(signal));
            }
        }
    }
    Ok(0)
}

/// What the thread holds back.
pub fn rt_sigprocmask(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[how, new, old, bytes, ..] = arguments;
    if bytes != SET_BYTES {
        return Err(Errno::EINVAL.into());
    }
    let before = server.tasks[task].mask;
    if new != 0 {
        let [set] = server.read_words(task, new)?.map(SignalSet);
        let mask = match how as u32 {
            raw::SIG_BLOCK => before.with(set),
            raw::SIG_UNBLOCK => before.without(set),
            raw::SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL.into()),
        };
        server.set_mask(task, mask);
    }
    if old != 0 {
        server.write_words(task, old, &[before.0])?;
    }
    Ok(0)
}

/// Goes on where a handler interrupted.
pub fn rt_sigreturn(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    if server.return_from_handler(task).is_err() {
        let pointer = server.tasks[task].body.pcb.read_register(register::RSP as u64);
        server.fault_signal(task, Signal::SEGMENTATION, 0x80, pointer.unwrap_or(0));
    }
    Err(Stop::Whole)
}

/// Signals that wait until they are not held back any more.
pub fn rt_sigpending(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let pending = server.waiting_signals(task);
    server.write_words(task, to, &[pending.0])?;
    Ok(0)
}

/// Waits for a signal.
pub fn pause(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Err(Stop::Wait)
}

/// Waits for a signal, with others held back meanwhile.
pub fn rt_sigsuspend(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[set, bytes, ..] = arguments;
    if bytes != SET_BYTES {
        return Err(Errno::EINVAL.into());
    }
    if server.tasks[task].restored_mask.is_none() {
        let [mask] = server.read_words(task, set)?;
        server.tasks[task].restored_mask = Some(server.tasks[task].mask);
        server.set_mask(task, SignalSet(mask));
    }
    Err(Stop::Wait)
}

/// The stack for handlers.
pub fn sigaltstack(server: &mut Server, task: TaskKey, &[new, old, ..]: &Arguments) -> Answer {
    let pointer = server.tasks[task].body.pcb.read_register(register::RSP as u64);
    let pointer = pointer.map_err(|_| Errno::EFAULT)?;
    let stack = server.tasks[task].alternate;
    if old != 0 {
        let flags = match stack.bytes {
            0 => DISABLE,
            _ if stack.holds(pointer) => ON_STACK,
            _ => 0,
        };
        server.write_words(task, old, &[stack.start, flags, stack.bytes])?;
    }
    if new != 0 {
        let [start, flags, bytes] = server.read_words(task, new)?;
        if stack.holds(pointer) {
            return Err(Errno::EPERM.into());
        }
        server.tasks[task].alternate = match flags as u32 as u64 {
            DISABLE => AlternateStack::default(),
            0 | ON_STACK if bytes >= LEAST_STACK => AlternateStack { start, bytes },
            0 | ON_STACK => return Err(Errno::ENOMEM.into()),
            _ => return Err(Errno::EINVAL.into()),
        };
    }
    Ok(0)
}

/// Who sends signals, as far as it decides to whom.
pub struct Sender {
    real: u32,
    effective: u32,
    session: u32,
}

impl Sender {
    /// The one that `process` is.
    pub fn of(process: &Process) -> Self {
        let [real, effective, _] = process.owner.users;
        Self { real, effective, session: process.session }
    }

    /// Whether it may send a signal to a process.
    pub fn may_send(&self, to: &Process, signal: Option<Signal>) -> bool {
        let [its_real, _, its_saved] = to.owner.users;
        self.effective == 0
            || [self.real, self.effective].iter().any(|user| [its_real, its_saved].contains(user))
            || (signal == Some(Signal::CONTINUE) && self.session == to.session)
    }
}

/// The signal with a number, or none for 0, which only looks who is there.
fn signal_or_look(number: u64) -> Result<Option<Signal>, Errno> {
    if number as u32 == 0 { Ok(None) } else { Signal::new(u64::from(number as u32)).map(Some) }
}

/// Sends a signal to processes.
pub fn kill(server: &mut Server, task: TaskKey, &[who, number, ..]: &Arguments) -> Answer {
    let signal = signal_or_look(number)?;
    let own = server.process_of(task);
    let (own_number, own_group, user) = (own.number, own.group, own.owner.users[0]);
    let sender = Sender::of(own);
    let one;
    let many: Vec<ProcessKey>;
    let meant = if who as i32 > 0 {
        one = server.process(who as u32).ok_or(Errno::ESRCH)?;
        core::slice::from_ref(&one)
    } else {
        many = match who as i32 {
            0 => server.numbers.members(own_group).collect(),
            -1 => {
                let others = server.processes.iter();
                let others = others.filter(|(_, it)| it.number != 1 && it.number != own_number);
                others.map(|(key, _)| key).collect()
            }
            who => server.numbers.members(who.unsigned_abs()).collect(),
        };
        &many
    };
    if meant.is_empty() {
        return Err(Errno::ESRCH.into());
    }
    // Who means everybody is not told that some were not to be reached.
    let mut result = if who as i32 == -1 { Ok(0) } else { Err(Errno::EPERM.into()) };
    for &process in meant {
        // One may have ended with the signal to another, and the sender with the one to itself.
        let Some(to) = server.processes.get(process) else { continue };
        if !sender.may_send(to, signal) {
            continue;
        }
        result = Ok(0);
        if let Some(signal) = signal {
            let detail = Detail::Sender(own_number, user);
            server.send(process, Info { signal, code: BY_KILL, detail });
        }
    }
    result
}

/// Sends a signal to a thread of a process.
pub fn tgkill(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[process, thread, number, ..] = arguments;
    let signal = signal_or_look(number)?;
    let key = server.numbers.thread(thread as u32).ok_or(Errno::ESRCH)?;
    let to = server.tasks[key].process;
    if process as u32 != 0 && server.processes[to].number != process as u32 {
        return Err(Errno::ESRCH.into());
    }
    if !Sender::of(server.process_of(task)).may_send(&server.processes[to], signal) {
        return Err(Errno::EPERM.into());
    }
    if let Some(signal) = signal {
        let own = server.process_of(task);
        let detail = Detail::Sender(own.number, own.owner.users[0]);
        server.send_to_task(key, Info { signal, code: BY_TKILL, detail });
    }
    Ok(0)
}

/// The same, whatever process it belongs to.
pub fn tkill(server: &mut Server, task: TaskKey, &[thread, number, ..]: &Arguments) -> Answer {
    tgkill(server, task, &[0, thread, number, 0, 0, 0])
}

/// Waits for one of some signals, which are held back, and takes it without a handler.
pub fn rt_sigtimedwait(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[set, info_at, timeout, bytes, ..] = arguments;
    if bytes != SET_BYTES {
        return Err(Errno::EINVAL.into());
    }
    let [set] = server.read_words(task, set)?.map(SignalSet);
    if let Some(info) = server.take_one_of(task, set.maskable()) {
        server.tasks[task].deadline = None;
        if info_at != 0 {
            server.write_bytes(task, info_at, &info.bytes())?;
        }
        return Ok(info.signal.number().into());
    }
    let now = server.clock.now();
    let deadline = match (server.tasks[task].deadline, timeout) {
        (Some(deadline), _) => Some(deadline),
        (None, 0) => None,
        (None, at) => Some(now.saturating_add(nanoseconds(server.read_words(task, at)?)?)),
    };
    if deadline.is_some_and(|deadline| deadline <= now) {
        return Err(Errno::EAGAIN.into());
    }
    server.set_deadline(task, deadline);
    Err(Stop::Wait)
}

/// What is told of a signal that the caller sends with a value, as its `siginfo_t` has it. Only the kernel
/// says that the kernel sent something.
fn read_told(
    server: &mut Server,
    task: TaskKey,
    to: ProcessKey,
    (number, at): (u64, u64),
) -> Result<Option<Info>, Errno> {
    let signal = signal_or_look(number)?;
    let [_, code, sender, value]: [u64; 4] = server.read_words(task, at)?;
    let code = code as i32;
    let is_own = server.processes[to].number == server.process_of(task).number;
    let poses = code >= 0 || code == BY_TKILL;
    if !Sender::of(server.process_of(task)).may_send(&server.processes[to], signal)
        || (poses && !is_own)
    {
        return Err(Errno::EPERM);
    }
    let detail = Detail::Value(sender as u32, (sender >> 32) as u32, value);
    Ok(signal.map(|signal| Info { signal, code, detail }))
}

/// Sends a signal with a value.
pub fn rt_sigqueueinfo(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[process, number, info_at, ..] = arguments;
    let to = server.process(process as u32).ok_or(Errno::ESRCH)?;
    if let Some(info) = read_told(server, task, to, (number, info_at))? {
        server.queue(to, info)?;
    }
    Ok(0)
}

/// Sends a thread of a process a signal with a value.
pub fn rt_tgsigqueueinfo(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[process, thread, number, info_at, ..] = arguments;
    let to = server.process(process as u32).ok_or(Errno::ESRCH)?;
    let mut threads = server.tasks_of(to).into_iter();
    let thread = threads.find(|it| server.tasks[*it].number == thread as u32);
    let thread = thread.ok_or(Errno::ESRCH)?;
    if let Some(info) = read_told(server, task, to, (number, info_at))? {
        server.queue_for_task(thread, info)?;
    }
    Ok(0)
}

/// A file that tells of signals, or another set for one.
pub fn signalfd4(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    const NEW: u32 = u32::MAX;
    let &[number, set, bytes, flags, ..] = arguments;
    let flags = Flags::from_bits_retain(flags as u32);
    let known = (Flags::CLOSE_ON_EXEC | Flags::NONBLOCK).contains(flags);
    if bytes != SET_BYTES || !known {
        return Err(Errno::EINVAL.into());
    }
    let [set] = server.read_words(task, set)?;
    let set = SignalSet(set).maskable().0;
    if number as u32 != NEW {
        let file = server.file(task, number)?;
        server.world.vfs.set_signals(file, set).map_err(|_| Errno::EINVAL)?;
        return Ok(number);
    }
    let file = server.world.vfs.signals(set, flags);
    let closes = flags.contains(Flags::CLOSE_ON_EXEC);
    let on_exec = if closes { OnExec::Close } else { OnExec::Keep };
    server.add_descriptor(task, file, on_exec, 0)
}

/// The same without flags.
pub fn signalfd(server: &mut Server, task: TaskKey, &[file, set, bytes, ..]: &Arguments) -> Answer {
    signalfd4(server, task, &[file, set, bytes, 0, 0, 0])
}

/// Reads the signals of `set` that wait, as many as there is room for.
pub fn read_signals(
    server: &mut Server,
    task: TaskKey,
    (file, set): (FileId, u64),
    (to, bytes): (u64, u64),
) -> Answer {
    let room = bytes / Info::BYTES as u64;
    if room == 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut done = 0;
    while done < room
        && let Some(info) = server.take_one_of(task, SignalSet(set))
    {
        let at = to.wrapping_add(done * Info::BYTES as u64);
        server.write_bytes(task, at, &info.file_bytes())?;
        done += 1;
    }
    if done == 0 {
        let stop = server.world.vfs.would_wait_for_signals(file);
        return Err(server.stop_at(task, stop));
    }
    Ok(done * Info::BYTES as u64)
}
