//! Waiting for children.

use koito_linux::{Errno, raw};
use koito_posix_core::{Detail, Info, Life, Signal, Which};

use super::resources;
use crate::call::{Answer, Arguments, Stop};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};

/// What is waited for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    which: Which,
    /// `WNOHANG` and so on.
    options: u32,
    /// Children that ended, and those that were stopped and continued.
    ended: bool,
    stopped: bool,
    continued: bool,
}

/// Waits for a child; tells its number and status.
pub fn wait4(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, status_at, options, usage, ..] = arguments;
    let options = options as u32;
    let known = raw::WNOHANG | raw::WUNTRACED | raw::WCONTINUED | CLONE_OPTIONS;
    if options & !known != 0 {
        return Err(Errno::EINVAL.into());
    }
    let which = Which::from_number(number as i32, server.process_of(task).group)?;
    let wish = Wish {
        which,
        options,
        ended: true,
        stopped: options & raw::WUNTRACED != 0,
        continued: options & raw::WCONTINUED != 0,
    };
    let Some(child) = find(server, task, &wish)? else { return Ok(0) };
    let (number, life) = (server.processes[child].number, server.processes[child].life);
    if status_at != 0 {
        server.write_bytes(task, status_at, &life.status().to_le_bytes())?;
    }
    if usage != 0 {
        let (used, faults) = (server.used_by_it_all(child), server.faults_of_it_all(child));
        server.write_bytes(task, usage, &resources::usage(used, 0, faults))?;
    }
    take(server, child);
    Ok(number.into())
}

/// The options about threads that Linux has, and that change nothing here.
const CLONE_OPTIONS: u32 = 0xe000_0000;

/// The same, told as for a signal.
pub fn waitid(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    const PROCESS_FILE: u64 = 3;
    let &[kind, number, info_at, options, usage, _] = arguments;
    let options = options as u32;
    let known = raw::WNOHANG | raw::WUNTRACED | raw::WCONTINUED | raw::WEXITED | raw::WNOWAIT;
    if options & !(known | CLONE_OPTIONS) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let which = match (kind, number as u32) {
        (0, _) => Which::Any,
        (1, 0) => return Err(Errno::EINVAL.into()),
        (1, number) => Which::Process(number),
        (PROCESS_FILE, _) => {
            let file = server.file(task, number)?;
            let (number, _) = server.world.vfs.process_of(file).map_err(|_| Errno::EBADF)?;
            Which::Process(number)
        }
        (2, 0) => Which::Group(server.process_of(task).group),
        (2, group) => Which::Group(group),
        _ => return Err(Errno::EINVAL.into()),
    };
    let wish = Wish {
        which,
        options,
        ended: options & raw::WEXITED != 0,
        stopped: options & raw::WUNTRACED != 0,
        continued: options & raw::WCONTINUED != 0,
    };
    if !wish.ended && !wish.stopped && !wish.continued {
        return Err(Errno::EINVAL.into());
    }
    let Some(child) = find(server, task, &wish)? else {
        if info_at != 0 {
            server.write_bytes(task, info_at, &[0; Info::BYTES])?;
        }
        return Ok(0);
    };
    let it = &server.processes[child];
    let (code, status) = it.life.told();
    let detail = Detail::Child(it.number, it.owner.users[0], status);
    if info_at != 0 {
        let info = Info { signal: Signal::CHILD, code, detail };
        server.write_bytes(task, info_at, &info.bytes())?;
    }
    if usage != 0 {
        let (used, faults) = (server.used_by_it_all(child), server.faults_of_it_all(child));
        server.write_bytes(task, usage, &resources::usage(used, 0, faults))?;
    }
    if options & raw::WNOWAIT == 0 {
        take(server, child);
    }
    Ok(0)
}

/// A child that there is something to tell of; `None` if there is none and the caller does not wait.
fn find(server: &Server, task: TaskKey, wish: &Wish) -> Result<Option<ProcessKey>, Stop> {
    let own = server.process_of(task).number;
    let mut has_some = false;
    for key in server.numbers.children(own) {
        let child = &server.processes[key];
        if !wish.which.means(child.number, child.group) {
            continue;
        }
        has_some = true;
        let wanted = match child.life {
            Life::Running => false,
            Life::Stopped(_) => wish.stopped,
            Life::Continued => wish.continued,
            Life::Exited(_) | Life::Killed(_) => wish.ended,
        };
        if wanted && child.is_news {
            return Ok(Some(key));
        }
    }
    match (has_some, wish.options & raw::WNOHANG) {
        (false, _) => Err(Errno::ECHILD.into()),
        (true, 0) => Err(Stop::Wait),
        (true, _) => Ok(None),
    }
}

/// The parent has been told of a child.
fn take(server: &mut Server, child: ProcessKey) {
    let it = &mut server.processes[child];
    it.is_news = false;
    match it.life {
        Life::Exited(_) | Life::Killed(_) => {
            server.settle_account(child);
            server.forget_process(child);
        }
        Life::Continued => it.life = Life::Running,
        Life::Running | Life::Stopped(_) => {}
    }
}
