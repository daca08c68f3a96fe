//! Sockets between programs of this machine. There is no network.

use alloc::vec;
use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{Address, FileId, Flags, OnExec, Shape, Shut};

use crate::call::{Answer, Arguments};
use crate::calls::descriptors::add_two;
use crate::disk::Acting;
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// `AF_UNIX`.
const UNIX: u64 = 1;
/// Bytes of a `struct sockaddr_un`.
const ADDRESS_BYTES: u64 = 110;
/// `SO_PASSCRED`.
const NAMES_SENDERS: u64 = 16;
/// `SOL_SOCKET`.
pub const SOCKET: u32 = 1;

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
    pub fn socket(&self, task: TaskKey, descriptor: u64) -> Result<FileId, Errno> {
        let file = self.file(task, descriptor)?;
        self.world.vfs.socket_of(file).map(|_| file).map_err(|_| Errno::ENOTSOCK)
    }

    /// The address at a place.
    pub fn address(&mut self, task: TaskKey, at: u64, bytes: u64) -> Result<Address, Errno> {
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
    pub fn write_address(
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

/// Sets an option: those that change nothing here are taken as well.
pub fn setsockopt(
    server: &mut Server,
    task: TaskKey,
    &[socket, level, option, at, length, _]: &Arguments,
) -> Answer {
    let file = server.socket(task, socket)?;
    if length < 4 {
        return Err(Errno::EINVAL.into());
    }
    let mut word = [0; 4];
    server.read_into(task, at, &mut word)?;
    match (level as u32, option) {
        // SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE.
        (SOCKET, 2 | 7 | 8 | 9) => Ok(0),
        (SOCKET, NAMES_SENDERS) => {
            let named = server.world.vfs.name_senders(file, word != [0; 4]);
            named.map(|()| 0).map_err(|_| Errno::ENOTSOCK.into())
        }
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
        NAMES_SENDERS => &[vfs.names_senders(file).map_err(|_| Errno::ENOTSOCK)?.into()],
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
