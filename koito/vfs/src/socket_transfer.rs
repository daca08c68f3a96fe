//! What sockets carry.

use alloc::vec;

use koito_linux::Errno;

use crate::buffer::{Source, Target};
use crate::file::{FileId, Flags};
use crate::page::Pages;
use crate::socket::{MOST_BYTES, MOST_MESSAGES, Parcel, Received, Receiving, Sending, Shape};
use crate::socket_senders::Passed;
use crate::stop::{Result, Stop, fail};
use crate::vfs::{Context, Vfs};

impl<P: Pages> Vfs<P> {
    /// Sends bytes, with open files whose holds it takes over unless it fails, to the partner or to
    /// `to`. `EPIPE` means that the process gets a `SIGPIPE`, unless it asked not to.
    pub fn send(
        &mut self,
        file: FileId,
        source: &mut dyn Source,
        passed: Passed,
        how: Sending,
    ) -> Result<usize> {
        if !passed.rights.is_empty() {
            self.collect_sockets();
        }
        let socket = self.socket_of(file)?;
        let it = &self.sockets[socket];
        let (shape, from) = (it.shape, it.name.clone());
        if it.shut_write {
            return fail(Errno::EPIPE);
        }
        let target = match (how.to, it.peer) {
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
            return if how.nonblock { fail(Errno::EAGAIN) } else { Err(Stop::Wait(writable)) };
        }
        if shape == Shape::Stream && length == 0 {
            return Ok(0);
        }
        let mut bytes = vec![0; length.min(room)];
        source.take(&mut bytes)?;
        let count = bytes.len();
        let sender = self.named(&passed, socket, target);
        let rights = passed.rights;
        self.flight.count += rights.len();
        let peer = &mut self.sockets[target];
        peer.inbox_bytes += count;
        let joins = shape == Shape::Stream && rights.is_empty() && count < 4096;
        match peer.inbox.back_mut() {
            // Small pieces of a stream become one.
            Some(last)
                if joins
                    && last.rights.is_empty()
                    && last.sender == sender
                    && last.bytes.len() < 16384 =>
            {
                last.bytes.append(&mut bytes);
            }
            _ => peer.inbox.push_back(Parcel { bytes, read: 0, rights, sender, from }),
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
            // Bytes of somebody else's are received by themselves.
            if it.names_senders && *received.sender.get_or_insert(parcel.sender) != parcel.sender {
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
            self.flight.count -= parcel.rights.len();
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
        context: &Context<'_>,
        file: FileId,
        flags: Flags,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let sender = (context.process, context.credentials.user, context.credentials.group);
        let passed = Passed { sender, ..Passed::default() };
        let nonblock = flags.contains(Flags::NONBLOCK);
        self.send(file, source, passed, Sending { to: None, nonblock })
    }
}
