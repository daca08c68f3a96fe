//! Processes as files (`pidfd`).

use koito_linux::Errno;
use koito_posix_core::{Detail, Info, Signal};
use koito_vfs::{Flags, OnExec};

use super::signals::Sender;
use crate::call::{Answer, Arguments};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};

/// `SI_USER`.
const BY_KILL: i32 = 0;

impl Server {
    /// A descriptor of the caller for the process with a number; it is closed by `execve`.
    pub fn add_process_file(&mut self, task: TaskKey, number: u32, flags: Flags) -> Answer {
        let file = self.world.vfs.process(number, flags);
        let is_over = self.process(number).is_some_and(|it| self.processes[it].life.is_over());
        if is_over {
            self.world.vfs.process_ended(number);
        }
        self.add_descriptor(task, file, OnExec::Close, 0)
    }

    /// The process that a descriptor stands for; `ESRCH` if it is forgotten.
    fn process_behind(&self, task: TaskKey, file: u64) -> Result<ProcessKey, Errno> {
        let file = self.file(task, file)?;
        let (number, is_over) = self.world.vfs.process_of(file).map_err(|_| Errno::EBADF)?;
        let found = self.process(number).ok_or(Errno::ESRCH)?;
        // Another may have its number by now.
        let same = self.processes[found].life.is_over() == is_over;
        if same { Ok(found) } else { Err(Errno::ESRCH) }
    }
}

/// A file that stands for a process.
pub fn pidfd_open(server: &mut Server, task: TaskKey, &[number, flags, ..]: &Arguments) -> Answer {
    let flags = Flags::from_bits_retain(flags as u32);
    if !Flags::NONBLOCK.contains(flags) || number as i32 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let number = number as u32;
    if server.process(number).is_none() {
        let is_thread = server.numbers.thread(number).is_some();
        return Err(if is_thread { Errno::EINVAL } else { Errno::ESRCH }.into());
    }
    server.add_process_file(task, number, flags)
}

/// Sends a process a signal.
pub fn pidfd_send_signal(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, number, info_at, flags, ..] = arguments;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let to = server.process_behind(task, file)?;
    if info_at != 0 {
        let process = u64::from(server.processes[to].number);
        return super::signals::rt_sigqueueinfo(server, task, &[process, number, info_at, 0, 0, 0]);
    }
    let signal = if number == 0 { None } else { Some(Signal::new(number)?) };
    let own = server.process_of(task);
    let detail = Detail::Sender(own.number, own.owner.users[0]);
    if !Sender::of(own).may_send(&server.processes[to], signal) {
        return Err(Errno::EPERM.into());
    }
    if let Some(signal) = signal {
        server.queue(to, Info { signal, code: BY_KILL, detail })?;
    }
    Ok(0)
}

/// A further descriptor for a file that another process has open.
pub fn pidfd_getfd(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, number, flags, ..] = arguments;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let from = server.process_behind(task, file)?;
    server.check_insight(task, from)?;
    let opened = server.processes[from].files.as_ref().ok_or(Errno::ESRCH)?;
    let file = opened.descriptors.file(number)?;
    server.world.vfs.share(file);
    server.add_descriptor(task, file, OnExec::Close, 0)
}
