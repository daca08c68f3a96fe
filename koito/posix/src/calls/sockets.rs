//! Sockets between programs of this machine. There is no network.

use alloc::vec;
use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Protection;
use koito_vfs::{Address, FileId, Flags, OnExec, Received, Receiving, Rights, Shape, Shut, Source};

use crate::call::{Answer, Arguments, Stop};
use crate::calls::descriptors::add_two;
use crate::disk::Acting;
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// `AF_UNIX`.
const UNIX: u64 = 1;
/// Bytes of a `struct sockaddr_un`.
const ADDRESS_BYTES: u64 = 110;
/// `SOL_SOCKET`, and `SCM_RIGHTS` there.
const SOCKET: u32 = 1;
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

fn shape(domain: u64, kind: u64) -> Result<(Shape, Flags), Errno> {
    if domain != UNIX {
        return Err(Errno::EAFNOSUPPORT);
    }
    let flags = Flags::from_bits_retain(kind as u32 & !0xf);
    if !(Flags::NONBLOCK | Flags::CLOSE_ON_EXEC).contains(flags) {
        return Err(Errno::EINVAL);
    }
    let shape = match kind & 0xf {
        1 => Shape::Stream,
        2 => Shape::Datagrams,
        5 => Shape::Packets,
        _ => return Err(Errno::ESOCKTNOSUPPORT),
    };
    Ok((shape, flags))
}

const fn on_exec(flags: Flags) -> OnExec {
    if flags.contains(Flags::CLOSE_ON_EXEC) { OnExec::Close } else { OnExec::Keep }
}

impl Server {
    fn owner(&self, task: TaskKey) -> (u32, u32, u32) {
        let it = self.process_of(task);
        (it.number, it.owner.users[1], it.owner.groups[1])
    }

    /// A socket of the caller's.
    fn socket(&self, task: TaskKey, descriptor: u64) -> Result<FileId, Errno> {
        let file = self.file(task, descriptor)?;
        self.world.vfs.socket_of(file).map(|_| file).map_err(|_| Errno::ENOTSOCK)
    }

    fn address(&mut self, task: TaskKey, at: u64, bytes: u64) -> Result<Address, Errno> {
        if !(2..=ADDRESS_BYTES).contains(&bytes) {
            return Err(Errno::EINVAL);
        }
        let bytes = self.read_bytes(task, at, bytes as usize)?;
        if u64::from(bytes[0]) | u64::from(bytes[1]) << 8 != UNIX {
            return Err(Errno::EAFNOSUPPORT);
        }
        Ok(match &bytes[2..] {
            [] => Address::None,
            [0, name @ ..] => Address::Abstract(name.into()),
            path => {
                let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
                Address::Path(path[..end].into())
            }
        })
    }

    /// Writes an address and its length, as far as there is room.
    fn write_address(
        &mut self,
        task: TaskKey,
        (at, length_at): (u64, u64),
        address: &Address,
    ) -> Result<(), Errno> {
        if at == 0 || length_at == 0 {
            return Ok(());
        }
        // What was received is not received again.
        self.world.acting = Acting::Nobody;
        let mut bytes = vec![UNIX as u8, 0];
        match address {
            Address::None => {}
            Address::Path(path) => {
                bytes.extend_from_slice(path);
                bytes.push(0);
            }
            Address::Abstract(name) => {
                bytes.push(0);
                bytes.extend_from_slice(name);
            }
        }
        let mut room = [0; 4];
        self.read_into(task, length_at, &mut room)?;
        let room = u32::from_le_bytes(room) as usize;
        self.write_bytes(task, at, &bytes[..bytes.len().min(room)])?;
        self.write_bytes(task, length_at, &(bytes.len() as u32).to_le_bytes())
    }

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

/// A socket.
pub fn socket(server: &mut Server, task: TaskKey, &[domain, kind, ..]: &Arguments) -> Answer {
    let (shape, flags) = shape(domain, kind)?;
    let owner = server.owner(task);
    let file = server.world.vfs.socket(shape, owner, flags);
    server.add_descriptor(task, file, on_exec(flags), 0)
}

/// Two sockets, each other's partners.
pub fn socketpair(
    server: &mut Server,
    task: TaskKey,
    &[domain, kind, _, to, ..]: &Arguments,
) -> Answer {
    let (shape, flags) = shape(domain, kind)?;
    let owner = server.owner(task);
    let pair = server.world.vfs.socket_pair(shape, owner, flags);
    add_two(server, task, pair, (flags, to))
}

/// Gives a socket a name.
pub fn bind(server: &mut Server, task: TaskKey, &[socket, at, bytes, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let name = server.address(task, at, bytes)?;
    match server.file_call(task, |vfs, context| vfs.bind(context, file, name.clone()))? {
        Came::Made(made) => {
            server.number_call(task, |vfs, _| vfs.bind_made(file, made, name.clone()).map(|()| 0))
        }
        _ => Ok(0),
    }
}

/// Lets others connect.
pub fn listen(server: &mut Server, task: TaskKey, &[socket, most, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    server.number_call(task, |vfs, _| vfs.listen(file, most as u32 as usize).map(|()| 0))
}

/// Connects to a named socket.
pub fn connect(server: &mut Server, task: TaskKey, &[socket, at, bytes, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let name = server.address(task, at, bytes)?;
    server.number_call(task, |vfs, context| vfs.connect(context, file, &name).map(|()| 0))
}

/// Takes who has connected.
pub fn accept4(
    server: &mut Server,
    task: TaskKey,
    &[socket, at, length, flags, ..]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    let flags = Flags::from_bits_retain(flags as u32);
    if !(Flags::NONBLOCK | Flags::CLOSE_ON_EXEC).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let came = server.file_call(task, |vfs, _| vfs.accept(file, flags))?;
    let Came::Value(accepted) = came else { return Err(Errno::EIO.into()) };
    let names = server.world.vfs.socket_names(accepted);
    let peer = names.ok().and_then(|it| it.1).cloned().unwrap_or_default();
    let number = server.add_descriptor(task, accepted, on_exec(flags), 0)?;
    server.write_address(task, (at, length), &peer)?;
    Ok(number)
}

/// Takes who has connected.
pub fn accept(server: &mut Server, task: TaskKey, &[socket, at, length, ..]: &Arguments) -> Answer {
    accept4(server, task, &[socket, at, length, 0, 0, 0])
}

/// Shuts a socket, one way or both.
pub fn shutdown(server: &mut Server, task: TaskKey, &[socket, how, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let way = match how {
        0 => Shut::Read,
        1 => Shut::Write,
        2 => Shut::Both,
        _ => return Err(Errno::EINVAL.into()),
    };
    server.number_call(task, |vfs, _| vfs.shut(file, way).map(|()| 0))
}

/// What a socket is called.
pub fn getsockname(
    server: &mut Server,
    task: TaskKey,
    &[socket, at, length, ..]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    let name = server.world.vfs.socket_names(file).map_err(|_| Errno::ENOTSOCK)?.0.clone();
    server.write_address(task, (at, length), &name)?;
    Ok(0)
}

/// What its partner is called.
pub fn getpeername(
    server: &mut Server,
    task: TaskKey,
    &[socket, at, length, ..]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    let names = server.world.vfs.socket_names(file).map_err(|_| Errno::ENOTSOCK)?;
    let name = names.1.ok_or(Errno::ENOTCONN)?.clone();
    server.write_address(task, (at, length), &name)?;
    Ok(0)
}

/// Sets an option: those that change nothing here are taken.
pub fn setsockopt(
    server: &mut Server,
    task: TaskKey,
    &[socket, level, option, ..]: &Arguments,
) -> Answer {
    server.socket(task, socket)?;
    // SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE.
    match (level as u32, option) {
        (SOCKET, 2 | 7 | 8 | 9) => Ok(0),
        _ => Err(Errno::ENOPROTOOPT.into()),
    }
}

/// Tells an option.
pub fn getsockopt(
    server: &mut Server,
    task: TaskKey,
    &[socket, level, option, at, length, _]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    if level as u32 != SOCKET {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let vfs = &server.world.vfs;
    let (shape, listens) = vfs.socket_shape(file).map_err(|_| Errno::ENOTSOCK)?;
    let kind = match shape {
        Shape::Stream => 1,
        Shape::Datagrams => 2,
        Shape::Packets => 5,
    };
    let (process, user, group) = vfs.peer_owner(file).map_err(|_| Errno::ENOTSOCK)?;
    // SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_PEERCRED, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN.
    let words: &[u32] = match option {
        3 => &[kind],
        4 | 38 => &[0],
        7 | 8 => &[208 << 10],
        17 => &[process, user, group],
        30 => &[listens as u32],
        39 => &[UNIX as u32],
        _ => return Err(Errno::ENOPROTOOPT.into()),
    };
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut room = [0; 4];
    server.read_into(task, length, &mut room)?;
    let told = bytes.len().min(u32::from_le_bytes(room) as usize);
    server.write_bytes(task, at, &bytes[..told])?;
    server.write_bytes(task, length, &(told as u32).to_le_bytes())?;
    Ok(0)
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
