//! Sockets between programs of this machine (`AF_UNIX`): bytes, messages, and open files that go along.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::arena::Id;
use crate::file::{File, FileId, Flags, Object};
use crate::inode::{Body, InodeId};
use crate::page::Pages;
use crate::poll::Ready;
use crate::queue::QueueId;
use crate::socket_names::Address;
use crate::socket_senders::Sender;
use crate::stop::{Result, fail};
use crate::vfs::Vfs;

/// Bytes that wait in a socket, at most.
pub(crate) const MOST_BYTES: usize = 208 << 10;
/// Messages that wait in a socket, at most.
pub(crate) const MOST_MESSAGES: usize = 256;

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

/// How to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// To whom, if not to the partner.
    pub to: Option<SocketId>,
    /// It fails rather than waiting.
    pub nonblock: bool,
}

/// What one send brought.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub bytes: Vec<u8>,
    pub read: usize,
    pub rights: Rights,
    pub sender: Sender,
    pub from: Address,
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
    pub(crate) inbox: VecDeque<Parcel>,
    pub(crate) inbox_bytes: usize,
    pub(crate) shut_read: bool,
    pub(crate) shut_write: bool,
    /// Woken when there is something to read or to accept.
    pub(crate) readable: QueueId,
    /// Woken when others can send it more.
    pub(crate) writable: QueueId,
    /// Process, user and group of whoever made it, and of whoever made its peer.
    pub(crate) owner: (u32, u32, u32),
    pub(crate) peer_owner: (u32, u32, u32),
    /// Who receives is told who sent.
    pub(crate) names_senders: bool,
}

impl Socket {
    /// Who has connected and was not accepted.
    pub(crate) fn waiting_to_be_accepted(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.backlog.iter().flat_map(|backlog| &backlog.pending).copied()
    }
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
    /// Who sent it, if the socket wants to know.
    pub sender: Option<Sender>,
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
            names_senders: false,
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

    /// A socket is gone; what it carried is still to be [closed](Self::close_abandoned).
    pub(crate) fn close_socket(&mut self, socket: SocketId) {
        self.abandon_inbox(socket);
        let Some(mut gone) = self.sockets.remove(socket) else { return };
        if let Some(peer) = gone.peer.filter(|peer| *peer != socket)
            && let Some(it) = self.sockets.get_mut(peer)
            && it.peer == Some(socket)
        {
            it.peer = None;
            self.wake_socket(peer);
        }
        // Datagram sockets may be somebody's partner who is not theirs.
        let others =
            (gone.shape == Shape::Datagrams).then(|| self.sockets.ids().collect::<Vec<_>>());
        for other in others.into_iter().flatten() {
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
