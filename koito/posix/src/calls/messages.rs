//! Messages of sockets, with open files in them.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Protection;
use koito_vfs::{Address, FileId, Flags, OnExec, Received, Receiving, Rights, Shape, Source};

use super::sockets::SOCKET;
use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// `SCM_RIGHTS`.
const RIGHTS: u32 = 1;
/// Open files in one message, at most.
const MOST_RIGHTS: usize = 253;
/// `MSG_PEEK`, `MSG_TRUNC`, `MSG_DONTWAIT`, `MSG_NOSIGNAL`, `MSG_CMSG_CLOEXEC`, `MSG_CTRUNC`.
const PEEK: u64 = 2;
const TRUNCATED: u32 = 0x20;
const NO_WAIT: u64 = 0x40;
const NO_SIGNAL: u64 = 0x4000;
const CLOSE_ON_EXEC: u64 = 0x4000_0000;
const CONTROL_TRUNCATED: u32 = 8;

impl Server {
    fn send_on(
        &mut self,
        task: TaskKey,
        file: FileId,
        source: &mut dyn Source,
        rights: &mut Rights,
        (to, flags): (Option<Address>, u64),
    ) -> Answer {
        let nonblock = flags & NO_WAIT != 0 || self.world.vfs.flags(file).contains(Flags::NONBLOCK);
        let came = self.number_call(task, |vfs, context| {
            let to = match &to {
                None => None,
                Some(name) => Some(vfs.find_socket(context, name)?),
            };
            for right in rights.iter() {
                vfs.share(*right);
            }
            let sent = vfs.send(file, source, rights.clone(), to, nonblock);
            if sent.is_err() {
                rights.iter().for_each(|right| vfs.close(*right));
            }
            sent.map(|count| count as u64)
        });
        if came == Err(Stop::Error(Errno::EPIPE)) && flags & NO_SIGNAL == 0 {
            self.broken_pipe(task);
        }
        came
    }
}

/// Sends a message.
pub fn sendto(
    server: &mut Server,
    task: TaskKey,
    &[socket, from, bytes, flags, to, length]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    let to = if to == 0 { None } else { Some(server.address(task, to, length)?) };
    let mut buffer = server.buffer(task, from, bytes, Protection::READ)?;
    server.send_on(task, file, &mut buffer, &mut Rights::new(), (to, flags))
}

fn receive_on(
    server: &mut Server,
    task: TaskKey,
    file: FileId,
    buffer: &mut dyn koito_vfs::Target,
    flags: u64,
) -> Result<Received, Stop> {
    let nonblock = flags & NO_WAIT != 0 || server.world.vfs.flags(file).contains(Flags::NONBLOCK);
    let how = Receiving { peeks: flags & PEEK != 0, nonblock };
    match server.file_call(task, |vfs, _| vfs.receive(file, buffer, how))? {
        Came::Value(received) => Ok(received),
        _ => Err(Errno::EIO.into()),
    }
}

/// Receives a message.
pub fn recvfrom(
    server: &mut Server,
    task: TaskKey,
    &[socket, to, bytes, flags, from, length]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    let mut buffer = server.buffer(task, to, bytes, Protection::WRITE)?;
    let received = receive_on(server, task, file, &mut buffer, flags)?;
    received.rights.iter().for_each(|right| server.world.vfs.close(*right));
    server.write_address(task, (from, length), &received.from)?;
    let whole = flags & u64::from(TRUNCATED) != 0;
    Ok(if whole { received.message } else { received.bytes } as u64)
}

/// A `struct msghdr`: name and its length, pieces and their number, control data and its length.
struct Header {
    name: (u64, u64),
    pieces: (u64, u64),
    control: (u64, u64),
}

fn header(server: &mut Server, task: TaskKey, at: u64) -> Result<Header, Errno> {
    let [name, name_bytes, pieces, count, control, control_bytes] = server.read_words(task, at)?;
    if count > 1024 {
        return Err(Errno::EMSGSIZE);
    }
    let name_bytes = name_bytes & u64::from(u32::MAX);
    Ok(Header {
        name: (name, name_bytes),
        pieces: (pieces, count),
        control: (control, control_bytes),
    })
}

/// The pieces of a message, in one buffer.
fn pieces(
    server: &mut Server,
    task: TaskKey,
    (at, count): (u64, u64),
    tried: Protection,
) -> Result<crate::buffer::Buffer, Errno> {
    let mut all = crate::buffer::Buffer::default();
    for index in 0..count {
        let [address, bytes] = server.read_words(task, at.wrapping_add(index * 16))?;
        if bytes > 0 && !all.append(server.buffer(task, address, bytes, tried)?) {
            break;
        }
    }
    Ok(all)
}

/// Open files that control data names.
fn rights(server: &mut Server, task: TaskKey, (at, bytes): (u64, u64)) -> Result<Rights, Errno> {
    let mut rights = Rights::new();
    if at == 0 {
        return Ok(rights);
    }
    let control = server.read_bytes(task, at, bytes.min(4096) as usize)?;
    let mut rest = &control[..];
    while let Some((head, tail)) = rest.split_at_checked(16) {
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, level, kind) = (number(0) as usize, number(8), number(12));
        let body = length.checked_sub(16).and_then(|length| tail.get(..length));
        let body = body.ok_or(Errno::EINVAL)?;
        if (level, kind) == (SOCKET, RIGHTS) {
            for number in body.chunks_exact(4) {
                let number = u32::from_le_bytes([number[0], number[1], number[2], number[3]]);
                rights.push(server.file(task, number.into())?);
            }
        }
        rest = tail.get(body.len().next_multiple_of(8)..).unwrap_or_default();
    }
    if rights.len() > MOST_RIGHTS { Err(Errno::EINVAL) } else { Ok(rights) }
}

/// Sends a message, with open files.
pub fn sendmsg(server: &mut Server, task: TaskKey, &[socket, at, flags, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let header = header(server, task, at)?;
    let to = match header.name {
        (0, _) => None,
        (name, bytes) => Some(server.address(task, name, bytes)?),
    };
    let mut rights = rights(server, task, header.control)?;
    let mut buffer = pieces(server, task, header.pieces, Protection::READ)?;
    server.send_on(task, file, &mut buffer, &mut rights, (to, flags))
}

/// Receives a message, with open files.
pub fn recvmsg(server: &mut Server, task: TaskKey, &[socket, at, flags, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let header = header(server, task, at)?;
    let mut buffer = pieces(server, task, header.pieces, Protection::WRITE)?;
    let received = receive_on(server, task, file, &mut buffer, flags)?;
    let mut told = if received.message > received.bytes
        && server.world.vfs.socket_shape(file).is_ok_and(|it| it.0 != Shape::Stream)
    {
        TRUNCATED
    } else {
        0
    };
    if header.name.0 != 0 {
        server.write_address(task, (header.name.0, at + 8), &received.from)?;
    }
    let mut control = Vec::new();
    if !received.rights.is_empty() {
        let room = header.control.1.saturating_sub(16) as usize / 4;
        let on_exec = if flags & CLOSE_ON_EXEC == 0 { OnExec::Keep } else { OnExec::Close };
        let mut numbers: Vec<u8> = Vec::new();
        for right in received.rights {
            if numbers.len() / 4 >= room {
                told |= CONTROL_TRUNCATED;
                server.world.vfs.close(right);
            } else if let Ok(number) = server.add_descriptor(task, right, on_exec, 0) {
                numbers.extend((number as u32).to_le_bytes());
            } else {
                told |= CONTROL_TRUNCATED;
            }
        }
        if !numbers.is_empty() {
            control.extend((16 + numbers.len() as u64).to_le_bytes());
            control.extend(SOCKET.to_le_bytes());
            control.extend(RIGHTS.to_le_bytes());
            control.extend(numbers);
        }
        server.write_bytes(task, header.control.0, &control)?;
    }
    server.write_words(task, at + 40, &[control.len() as u64])?;
    server.write_bytes(task, at + 48, &told.to_le_bytes())?;
    Ok(received.bytes as u64)
}

/// Bytes of a `struct mmsghdr`, and where it has the number of bytes of its message.
const ENTRY_BYTES: u64 = 64;
const ENTRY_COUNT: u64 = 56;
/// Messages of one call, at most.
const MOST_MESSAGES: u64 = 1024;

/// Does something with each message of a list, until something stops it; answers with how many it was done.
fn with_each(
    server: &mut Server,
    task: TaskKey,
    (at, count): (u64, u64),
    mut work: impl FnMut(&mut Server, u64, u64) -> Answer,
) -> Answer {
    let mut done = 0;
    while done < count.min(MOST_MESSAGES) {
        let header = at.wrapping_add(done * ENTRY_BYTES);
        match work(server, header, done) {
            Ok(bytes) => {
                let to = header.wrapping_add(ENTRY_COUNT);
                server.write_bytes(task, to, &(bytes as u32).to_le_bytes())?;
            }
            Err(_) if done > 0 => break,
            Err(stop) => return Err(stop),
        }
        done += 1;
    }
    Ok(done)
}

/// Sends several messages.
pub fn sendmmsg(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[socket, at, count, flags, ..] = arguments;
    with_each(server, task, (at, count), |server, header, done| {
        // Of a call that has done something already nothing waits.
        let flags = if done == 0 { flags } else { flags | NO_WAIT };
        sendmsg(server, task, &[socket, header, flags, 0, 0, 0])
    })
}

/// Receives several messages: as many as are there, once there is one.
pub fn recvmmsg(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    const WAIT_FOR_ONE: u64 = 0x1_0000;
    let &[socket, at, count, flags, timeout, _] = arguments;
    if timeout != 0 {
        return Err(Errno::EINVAL.into());
    }
    with_each(server, task, (at, count), |server, header, done| {
        let flags = flags & !WAIT_FOR_ONE;
        let flags = if done == 0 { flags } else { flags | NO_WAIT };
        recvmsg(server, task, &[socket, header, flags, 0, 0, 0])
    })
}
