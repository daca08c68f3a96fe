//! `ioctl`: terminals, mostly.

use koito_linux::Errno;
use koito_tty::{Flush, SETTINGS_BYTES, Settings, WindowSize};
use koito_vfs::{FileId, Flags, Object, OnExec, TerminalId};

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Requests, as Linux numbers them.
mod request {
    pub const GET: u32 = 0x5401;
    pub const SET: u32 = 0x5402;
    pub const SET_AFTER: u32 = 0x5403;
    pub const SET_FLUSHED: u32 = 0x5404;
    pub const BREAK: u32 = 0x5409;
    pub const HOLD: u32 = 0x540a;
    pub const FLUSH: u32 = 0x540b;
    pub const TAKE: u32 = 0x540e;
    pub const GET_GROUP: u32 = 0x540f;
    pub const SET_GROUP: u32 = 0x5410;
    pub const WAITING_OUTPUT: u32 = 0x5411;
    pub const GET_WINDOW: u32 = 0x5413;
    pub const SET_WINDOW: u32 = 0x5414;
    pub const READABLE: u32 = 0x541b;
    pub const PACKETS: u32 = 0x5420;
    pub const NONBLOCK: u32 = 0x5421;
    pub const LEAVE: u32 = 0x5422;
    pub const GET_SESSION: u32 = 0x5429;
    pub const NUMBER: u32 = 0x8004_5430;
    pub const GET_PACKETS: u32 = 0x8004_5438;
    pub const LOCK: u32 = 0x4004_5431;
    pub const KEEP_ON_EXEC: u32 = 0x5450;
    pub const CLOSE_ON_EXEC: u32 = 0x5451;
}

/// Commands for an open file.
pub fn ioctl(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, request, argument, ..] = arguments;
    let file = server.file(task, number)?;
    match request as u32 {
        request::NONBLOCK => {
            let on = read_number(server, task, argument)? != 0;
            let mut flags = server.world.vfs.flags(file);
            flags.set(Flags::NONBLOCK, on);
            server.world.vfs.set_flags(file, flags);
            Ok(0)
        }
        request::CLOSE_ON_EXEC => {
            server.opened(task)?.descriptors.set_on_exec(number, OnExec::Close)?;
            Ok(0)
        }
        request::KEEP_ON_EXEC => {
            server.opened(task)?.descriptors.set_on_exec(number, OnExec::Keep)?;
            Ok(0)
        }
        request::READABLE => {
            let bytes = readable(server, file)?;
            write_number(server, task, argument, bytes as u32)
        }
        _ => terminal(server, task, file, arguments),
    }
}

fn readable(server: &mut Server, file: FileId) -> Result<usize, Errno> {
    let vfs = &server.world.vfs;
    match vfs.object(file) {
        Object::Pipe(..) => Ok(vfs.pipe_bytes(file)),
        Object::Watcher(watcher) => Ok(vfs.watched_bytes(*watcher)),
        Object::Socket(_) => vfs.socket_bytes(file).map_err(|_| Errno::ENOTTY),
        Object::Terminal(end) => Ok(vfs.terminals.readable_bytes(*end)),
        Object::File(_) => {
            let size = vfs.file_status(file).attributes.size;
            Ok(size.saturating_sub(vfs.offset(file)) as usize)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn read_number(server: &mut Server, task: TaskKey, at: u64) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    server.read_into(task, at, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn write_number(server: &mut Server, task: TaskKey, at: u64, number: u32) -> Answer {
    server.write_bytes(task, at, &number.to_le_bytes())?;
    Ok(0)
}

fn terminal(server: &mut Server, task: TaskKey, file: FileId, arguments: &Arguments) -> Answer {
    let &[_, request, argument, ..] = arguments;
    let end = server.world.vfs.terminal_of(file).map_err(|_| Errno::ENOTTY)?;
    let id = end.terminal;
    let session = server.process_of(task).session;
    match request as u32 {
        request::GET => {
            let settings = server.world.vfs.terminals.terminal(id).settings().encode();
            server.write_bytes(task, argument, &settings)?;
            Ok(0)
        }
        request @ (request::SET | request::SET_AFTER | request::SET_FLUSHED) => {
            let mut bytes = [0; SETTINGS_BYTES];
            server.read_into(task, argument, &mut bytes)?;
            let settings = Settings::decode(&bytes);
            let flush = (request == request::SET_FLUSHED).then_some(Flush::Input);
            server.number_call(task, |vfs, context| {
                vfs.set_terminal(context, end, settings, flush).map(|()| 0)
            })
        }
        request::FLUSH => {
            let what = match argument {
                0 => Flush::Input,
                1 => Flush::Output,
                2 => Flush::Both,
                _ => return Err(Errno::EINVAL.into()),
            };
            server.number_call(task, |vfs, _| {
                vfs.flush_terminal(id, what);
                Ok(0)
            })
        }
        request::HOLD if argument < 2 => server.number_call(task, |vfs, _| {
            vfs.hold_terminal(id, argument == 0);
            Ok(0)
        }),
        request::HOLD | request::BREAK => Ok(0),
        request::TAKE => take(server, task, id),
        request::LEAVE => {
            if server.world.vfs.terminals.terminal(id).session == Some(session) {
                server.world.vfs.terminals.leave_session(session);
            }
            Ok(0)
        }
        request::GET_GROUP => {
            check_own(server, task, id, end.is_master)?;
            let group = server.world.vfs.terminals.terminal(id).foreground;
            write_number(server, task, argument, group.unwrap_or(0))
        }
        request::SET_GROUP => {
            check_own(server, task, id, false)?;
            let group = read_number(server, task, argument)?;
            let of_session = |key| server.processes[key].session == session;
            if !server.numbers.members(group).any(of_session) {
                return Err(Errno::EPERM.into());
            }
            server.number_call(task, |vfs, context| {
                vfs.check_may_change(context, id)?;
                vfs.terminals.set_foreground(id, group);
                Ok(0)
            })
        }
        request::GET_SESSION => {
            check_own(server, task, id, end.is_master)?;
            let session = server.world.vfs.terminals.terminal(id).session;
            write_number(server, task, argument, session.unwrap_or(0))
        }
        request::GET_WINDOW => {
            let it = server.world.vfs.terminals.terminal(id).window();
            let words = [it.rows, it.columns, it.width, it.height];
            let word = words.iter().rev().fold(0, |word, half| word << 16 | u64::from(*half));
            server.write_words(task, argument, &[word])?;
            Ok(0)
        }
        request::SET_WINDOW => {
            let [word] = server.read_words(task, argument)?;
            let [rows, columns, width, height] = [0, 16, 32, 48].map(|at| (word >> at) as u16);
            server.number_call(task, |vfs, _| {
                vfs.set_window(id, WindowSize { rows, columns, width, height });
                Ok(0)
            })
        }
        request::WAITING_OUTPUT => {
            let bytes = server.world.vfs.terminals.terminal(id).output_bytes();
            write_number(server, task, argument, bytes as u32)
        }
        request::NUMBER if end.is_master => {
            let number = server.world.vfs.terminals.number(id).ok_or(Errno::ENOTTY)?;
            write_number(server, task, argument, number)
        }
        request::PACKETS if end.is_master => {
            let on = read_number(server, task, argument)? != 0;
            server.number_call(task, |vfs, _| vfs.set_packets(id, on).map(|()| 0))
        }
        request::GET_PACKETS if end.is_master => {
            let on = server.world.vfs.reads_packets(id);
            write_number(server, task, argument, on.into())
        }
        request::LOCK if end.is_master => {
            let locked = read_number(server, task, argument)? != 0;
            server.world.vfs.terminals.lock(id, locked);
            Ok(0)
        }
        _ => Err(Errno::ENOTTY.into()),
    }
}

/// Refuses what only those may ask whose session the terminal controls.
fn check_own(server: &Server, task: TaskKey, id: TerminalId, is_master: bool) -> Result<(), Errno> {
    let own =
        server.world.vfs.terminals.terminal(id).session == Some(server.process_of(task).session);
    if own || is_master { Ok(()) } else { Err(Errno::ENOTTY) }
}

/// Makes a terminal that of the caller's session, which it leads.
fn take(server: &mut Server, task: TaskKey, id: TerminalId) -> Answer {
    let it = server.process_of(task);
    let (number, session, group) = (it.number, it.session, it.group);
    let terminals = &mut server.world.vfs.terminals;
    if terminals.terminal(id).session == Some(session) {
        return Ok(0);
    }
    let free = terminals.terminal(id).session.is_none() && terminals.of_session(session).is_none();
    if number != session || !free {
        return Err(Errno::EPERM.into());
    }
    terminals.enter_session(id, session, group);
    Ok(0)
}
