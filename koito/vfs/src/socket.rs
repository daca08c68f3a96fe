//! Sockets between programs of this machine (`AF_UNIX`): bytes, messages, and open files that go along.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::arena::Id;
use crate::buffer::{Source, Target};
use crate::file::{File, FileId, Flags, Object};
use crate::inode::{Body, InodeId};
use crate::page::Pages;
use crate::poll::Ready;
use crate::queue::QueueId;
use crate::socket_names::Address;
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// Bytes that wait in a socket, at most.
const MOST_BYTES: usize = 208 << 10;
/// Messages that wait in a socket, at most.
const MOST_MESSAGES: usize = 256;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As a stream, to one partner.
    Stream,
    /// In messages, to one partner.
    Packets,
    /// In messages, to anybody.
    Datagrams,
}

/// Which way is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Nothing more is read.
    Read,
    /// Nothing more is written.
    Write,
    /// Both.
    Both,
}

/// Open files on their way, each held.
pub type Rights = Vec<FileId>;

/// What one send brought.
#[derive(Clone, Debug)]
struct Parcel {
    bytes: Vec<u8>,
    read: usize,
    rights: Rights,
    from: Address,
}

/// Who waits to be accepted.
#[derive(Clone, Debug)]
pub(crate) struct Backlog {
    most: usize,
    pending: VecDeque<SocketId>,
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    pub(crate) shape: Shape,
    pub(crate) name: Address,
    /// The node that it is bound to.
    pub(crate) node: Option<InodeId>,
    pub(crate) peer: Option<SocketId>,
    /// It had a peer.
    pub(crate) connected: bool,
    pub(crate) peer_name: Address,
    pub(crate) backlog: Option<Backlog>,
    inbox: VecDeque<Parcel>,
    inbox_bytes: usize,
    shut_read: bool,
    shut_write: bool,
    /// Woken when there is something to read or to accept.
    readable: QueueId,
    /// Woken when others can send it more.
    writable: QueueId,
    /// Process, user and group of whoever made it, and of whoever made its peer.
    pub(crate) owner: (u32, u32, u32),
    pub(crate) peer_owner: (u32, u32, u32),
}

/// Number of a socket.
pub type SocketId = Id<Socket>;

/// What was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes that were given to the target.
    pub bytes: usize,
    /// Length of the message, if there is such a thing.
    pub message: usize,
    /// Open files, held for the receiver.
    pub rights: Rights,
    /// Whom it came from.
    pub from: Address,
}

/// How to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receiving {
    /// What is received stays (`MSG_PEEK`).
    pub peeks: bool,
    /// It fails rather than waiting.
    pub nonblock: bool,
}

impl<P: Pages> Vfs<P> {
    pub(crate) fn add_socket(&mut self, shape: Shape, owner: (u32, u32, u32)) -> SocketId {
        let (readable, writable) = (self.queues.add(), self.queues.add());
        self.sockets.insert(Socket {
            shape,
            name: Address::None,
            node: None,
            peer: None,
            connected: false,
            peer_name: Address::None,
            backlog: None,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            shut_read: false,
            shut_write: false,
            readable,
            writable,
            owner,
            peer_owner: (0, u32::MAX, u32::MAX),
        })
    }

    pub(crate) fn socket_file(&mut self, socket: SocketId, flags: Flags) -> FileId {
        let flags = (flags & Flags::NONBLOCK) | Flags::READ_WRITE;
        self.add_file(File::new(Object::Socket(socket), flags, None))
    }

    /// A new socket; `owner` is process, user and group.
    pub fn socket(&mut self, shape: Shape, owner: (u32, u32, u32), flags: Flags) -> FileId {
        let socket = self.add_socket(shape, owner);
        self.socket_file(socket, flags)
    }

    /// Two sockets that are each other's partners.
    pub fn socket_pair(
        &mut self,
        shape: Shape,
        owner: (u32, u32, u32),
        flags: Flags,
    ) -> (FileId, FileId) {
        let (one, other) = (self.add_socket(shape, owner), self.add_socket(shape, owner));
        self.join(one, other);
        (self.socket_file(one, flags), self.socket_file(other, flags))
    }

    pub(crate) fn join(&mut self, one: SocketId, other: SocketId) {
        for (it, peer) in [(one, other), (other, one)] {
            let (peer_name, peer_owner) =
                (self.sockets[peer].name.clone(), self.sockets[peer].owner);
            let it = &mut self.sockets[it];
            (it.peer, it.connected) = (Some(peer), true);
            (it.peer_name, it.peer_owner) = (peer_name, peer_owner);
        }
    }

    /// The socket that a file is; `ENOTSOCK` else.
    pub fn socket_of(&self, file: FileId) -> Result<SocketId> {
        match self.files[file].object {
            Object::Socket(socket) => Ok(socket),
            _ => fail(Errno::ENOTSOCK),
        }
    }

    pub(crate) fn wake_socket(&mut self, socket: SocketId) {
        let (readable, writable) = (self.sockets[socket].readable, self.sockets[socket].writable);
        self.queues.wake(readable);
        self.queues.wake(writable);
    }

    pub(crate) fn close_socket(&mut self, socket: SocketId) {
        let Some(mut gone) = self.sockets.remove(socket) else { return };
        if let Some(peer) = gone.peer.filter(|peer| *peer != socket)
            && let Some(it) = self.sockets.get_mut(peer)
            && it.peer == Some(socket)
        {
            it.peer = None;
            self.wake_socket(peer);
        }
        // Datagram sockets may be somebody's partner who is not theirs.
        for other in self.sockets.ids().collect::<Vec<_>>() {
            if self.sockets[other].peer == Some(socket) {
                self.sockets[other].peer = None;
                self.wake_socket(other);
            }
        }
        for pending in gone.backlog.take().map(|it| it.pending).unwrap_or_default() {
            self.close_socket(pending);
        }
        if let Some(node) = gone.node {
            if let Body::Socket(bound) = &mut self.inodes[node].body {
                *bound = None;
            }
            self.release_inode(node);
        }
        if let Address::Abstract(name) = &gone.name {
            self.abstract_names.remove(&**name);
        }
        self.queues.remove(gone.readable);
        self.queues.remove(gone.writable);
        for right in gone.inbox.into_iter().flat_map(|it| it.rights) {
            self.close(right);
        }
    }

    /// Has a socket wait for others to connect.
    pub fn listen(&mut self, file: FileId, most: usize) -> Result<()> {
        let socket = self.socket_of(file)?;
        let it = &mut self.sockets[socket];
        if it.shape == Shape::Datagrams {
            return fail(Errno::EOPNOTSUPP);
        }
        if it.name == Address::None || it.connected {
            return fail(Errno::EINVAL);
        }
        let pending = it.backlog.take().map(|it| it.pending).unwrap_or_default();
        it.backlog = Some(Backlog { most: most.clamp(1, 4096), pending });
        Ok(())
    }

    /// Connects a socket to the one that has this name.
    pub(crate) fn connect_to(&mut self, file: FileId, target: SocketId) -> Result<()> {
        let socket = self.socket_of(file)?;
        let shape = self.sockets[socket].shape;
        if self.sockets[target].shape != shape {
            return fail(Errno::EPROTOTYPE);
        }
        if shape == Shape::Datagrams {
            let name = self.sockets[target].name.clone();
            let it = &mut self.sockets[socket];
            (it.peer, it.connected, it.peer_name) = (Some(target), true, name);
            return Ok(());
        }
        if self.sockets[socket].connected {
            return fail(Errno::EISCONN);
        }
        if self.sockets[socket].backlog.is_some() {
            return fail(Errno::EINVAL);
        }
        let Some(backlog) = &self.sockets[target].backlog else {
            return fail(Errno::ECONNREFUSED);
        };
        if backlog.pending.len() >= backlog.most {
            let writable = self.sockets[target].writable;
            return self.would_wait(file, writable);
        }
        let owner = self.sockets[target].owner;
        let accepted = self.add_socket(shape, owner);
        self.sockets[accepted].name = self.sockets[target].name.clone();
        self.join(socket, accepted);
        if let Some(backlog) = &mut self.sockets[target].backlog {
            backlog.pending.push_back(accepted);
        }
        self.wake_socket(target);
        Ok(())
    }

    /// Takes the next who has connected.
    pub fn accept(&mut self, file: FileId, flags: Flags) -> Result<FileId> {
        let socket = self.socket_of(file)?;
        let it = &mut self.sockets[socket];
        let readable = it.readable;
        let Some(backlog) = &mut it.backlog else { return fail(Errno::EINVAL) };
        let Some(accepted) = backlog.pending.pop_front() else {
            return self.would_wait(file, readable);
        };
        self.wake_socket(socket);
        Ok(self.socket_file(accepted, flags))
    }

    /// Shuts a socket, for one direction or both.
    pub fn shut(&mut self, file: FileId, way: Shut) -> Result<()> {
        let socket = self.socket_of(file)?;
        let it = &mut self.sockets[socket];
        if !it.connected {
            return fail(Errno::ENOTCONN);
        }
        it.shut_read |= way != Shut::Write;
        it.shut_write |= way != Shut::Read;
        let peer = it.peer;
        self.wake_socket(socket);
        peer.into_iter().for_each(|peer| self.wake_socket(peer));
        Ok(())
    }

    /// Sends bytes, with open files whose holds it takes over unless it fails, to the partner or to
    /// `to`. `EPIPE` means that the process gets a `SIGPIPE`, unless it asked not to.
    pub fn send(
        &mut self,
        file: FileId,
        source: &mut dyn Source,
        rights: Rights,
        to: Option<SocketId>,
        nonblock: bool,
    ) -> Result<usize> {
        let socket = self.socket_of(file)?;
        let it = &self.sockets[socket];
        let (shape, from) = (it.shape, it.name.clone());
        if it.shut_write {
            return fail(Errno::EPIPE);
        }
        let target = match (to, it.peer) {
            (Some(_), Some(_)) if shape != Shape::Datagrams => return fail(Errno::EISCONN),
            (Some(to), _) if shape == Shape::Datagrams => to,
            (_, Some(peer)) => peer,
            _ if shape == Shape::Datagrams && it.connected => return fail(Errno::ECONNREFUSED),
            _ if it.connected => return fail(Errno::EPIPE),
            _ => return fail(Errno::ENOTCONN),
        };
        let peer = &self.sockets[target];
        if peer.shut_read {
            return fail(Errno::EPIPE);
        }
        let length = source.left();
        if shape != Shape::Stream && length > MOST_BYTES {
            return fail(Errno::EMSGSIZE);
        }
        let room = MOST_BYTES - peer.inbox_bytes.min(MOST_BYTES);
        let fits = if shape == Shape::Stream { room > 0 } else { room >= length };
        if !fits || peer.inbox.len() >= MOST_MESSAGES {
            let writable = peer.writable;
            return if nonblock { fail(Errno::EAGAIN) } else { Err(Stop::Wait(writable)) };
        }
        if shape == Shape::Stream && length == 0 {
            return Ok(0);
        }
        let mut bytes = vec![0; length.min(room)];
        source.take(&mut bytes)?;
        let count = bytes.len();
        let peer = &mut self.sockets[target];
        peer.inbox_bytes += count;
        let joins = shape == Shape::Stream && rights.is_empty() && count < 4096;
        match peer.inbox.back_mut() {
            // Small pieces of a stream become one.
            Some(last) if joins && last.rights.is_empty() && last.bytes.len() < 16384 => {
                last.bytes.append(&mut bytes);
            }
            _ => peer.inbox.push_back(Parcel { bytes, read: 0, rights, from }),
        }
        let readable = peer.readable;
        self.queues.wake(readable);
        Ok(count)
    }

    /// Receives what was sent: of a stream as much as there is up to the next open files, else one message.
    pub fn receive(
        &mut self,
        file: FileId,
        target: &mut dyn Target,
        how: Receiving,
    ) -> Result<Received> {
        let socket = self.socket_of(file)?;
        let it = &mut self.sockets[socket];
        let is_stream = it.shape == Shape::Stream;
        if is_stream && target.room() == 0 {
            return Ok(Received::default());
        }
        if it.inbox.is_empty() {
            let over = it.shut_read || (it.connected && it.peer.is_none());
            if over && it.shape != Shape::Datagrams {
                return Ok(Received::default());
            }
            if self.sockets[socket].shape != Shape::Datagrams && !self.sockets[socket].connected {
                return fail(if is_stream { Errno::EINVAL } else { Errno::ENOTCONN });
            }
            let peer_shut = self.sockets[socket].peer.is_some_and(|it| self.sockets[it].shut_write);
            if peer_shut && self.sockets[socket].shape != Shape::Datagrams {
                return Ok(Received::default());
            }
            let readable = self.sockets[socket].readable;
            return if how.nonblock { fail(Errno::EAGAIN) } else { Err(Stop::Wait(readable)) };
        }
        let mut received = Received::default();
        let mut first = true;
        while let Some(parcel) = it.inbox.front_mut() {
            if !first && (!is_stream || !parcel.rights.is_empty() || target.room() == 0) {
                break;
            }
            let rest = &parcel.bytes[parcel.read..];
            let count = rest.len().min(target.room());
            match target.put(&rest[..count]) {
                Err(_) if received.bytes > 0 => break,
                put => put?,
            }
            received.bytes += count;
            received.message = rest.len();
            first = false;
            if how.peeks {
                received.from = parcel.from.clone();
                break;
            }
            received.rights.append(&mut parcel.rights);
            parcel.read += count;
            if !is_stream || parcel.read == parcel.bytes.len() {
                let used = parcel.bytes.len();
                received.from = core::mem::take(&mut parcel.from);
                it.inbox_bytes -= used;
                it.inbox.pop_front();
            }
        }
        let (writable, peer) = (it.writable, it.peer);
        self.queues.wake(writable);
        if let Some(peer) = peer {
            let writable = self.sockets[peer].writable;
            self.queues.wake(writable);
        }
        Ok(received)
    }

    pub(crate) fn read_socket(
        &mut self,
        file: FileId,
        flags: Flags,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let nonblock = flags.contains(Flags::NONBLOCK);
        let received = self.receive(file, target, Receiving { peeks: false, nonblock })?;
        // Who only reads does not want them.
        received.rights.into_iter().for_each(|right| self.close(right));
        Ok(received.bytes)
    }

    pub(crate) fn write_socket(
        &mut self,
        file: FileId,
        flags: Flags,
        source: &mut dyn Source,
    ) -> Result<usize> {
        self.send(file, source, Rights::new(), None, flags.contains(Flags::NONBLOCK))
    }

    /// Process, user and group of the partner's maker.
    pub fn peer_owner(&self, file: FileId) -> Result<(u32, u32, u32)> {
        Ok(self.sockets[self.socket_of(file)?].peer_owner)
    }

    /// How bytes travel, and whether it listens.
    pub fn socket_shape(&self, file: FileId) -> Result<(Shape, bool)> {
        let it = &self.sockets[self.socket_of(file)?];
        Ok((it.shape, it.backlog.is_some()))
    }

    /// Bytes that can be received.
    pub fn socket_bytes(&self, file: FileId) -> Result<usize> {
        let it = &self.sockets[self.socket_of(file)?];
        Ok(match it.shape {
            Shape::Stream => it.inbox.iter().map(|it| it.bytes.len() - it.read).sum(),
            _ => it.inbox.front().map_or(0, |it| it.bytes.len()),
        })
    }

    pub(crate) fn socket_ready(&self, socket: SocketId) -> Ready {
        let it = &self.sockets[socket];
        let peer = it.peer.map(|peer| &self.sockets[peer]);
        let lost = it.connected && peer.is_none() && it.shape != Shape::Datagrams;
        let peer_shut = lost || peer.is_some_and(|peer| peer.shut_write);
        let waits = it.backlog.as_ref().is_some_and(|it| !it.pending.is_empty());
        let readable = !it.inbox.is_empty() || waits || it.shut_read || peer_shut;
        let writable = it.backlog.is_none()
            && peer.is_none_or(|peer| {
                peer.inbox_bytes < MOST_BYTES / 2 && peer.inbox.len() < MOST_MESSAGES
            });
        let mut ready = Ready::when(readable, writable);
        if peer_shut || it.shut_read {
            ready |= Ready::READ_HANG_UP;
        }
        let unused = it.shape != Shape::Datagrams && !it.connected && it.backlog.is_none();
        if lost || unused || (it.shut_read && it.shut_write) {
            ready |= Ready::HANG_UP;
        }
        ready
    }

    pub(crate) fn socket_queues(&self, socket: SocketId) -> [QueueId; 2] {
        let it = &self.sockets[socket];
        let writable = it.peer.map_or(it.writable, |peer| self.sockets[peer].writable);
        [it.readable, writable]
    }
}
