//! Messages of sockets, with open files in them, and with who sent them.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Protection;
use koito_vfs::{
    Address, FileId, Flags, OnExec, Passed, Received, Receiving, Rights, Sender, Sending, Shape,
    Source,
};

use super::sockets::SOCKET;
use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// `SCM_RIGHTS` and `SCM_CREDENTIALS`.
const RIGHTS: u32 = 1;
const CREDENTIALS: u32 = 2;
/// Bytes of the head of a piece of control data, and what its length is rounded up to.
const CONTROL_HEAD: usize = 16;
const CONTROL_UNIT: usize = 8;
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
        passed: &Passed,
        (to, flags): (Option<Address>, u64),
    ) -> Answer {
        let nonblock = flags & NO_WAIT != 0 || self.world.vfs.flags(file).contains(Flags::NONBLOCK);
        let came = self.number_call(task, |vfs, context| {
            let to = match &to {
                None => None,
                Some(name) => Some(vfs.find_socket(context, name)?),
            };
            for right in &passed.rights {
                vfs.share(*right);
            }
            let sent = vfs.send(file, source, passed.clone(), Sending { to, nonblock });
            if sent.is_err() {
                passed.rights.iter().for_each(|right| vfs.close(*right));
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
    let passed = Passed { sender: server.sender(task), ..Passed::default() };
    server.send_on(task, file, &mut buffer, &passed, (to, flags))
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

/// What control data says: open files, and who sends.
fn passed(server: &mut Server, task: TaskKey, (at, bytes): (u64, u64)) -> Result<Passed, Errno> {
    let mut passed = Passed { sender: server.sender(task), ..Passed::default() };
    if at == 0 {
        return Ok(passed);
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
                passed.rights.push(server.file(task, number.into())?);
            }
        } else if (level, kind) == (SOCKET, CREDENTIALS) {
            passed.sender = server.claimed(task, body)?;
            passed.is_named = true;
        }
        rest = tail.get(body.len().next_multiple_of(8)..).unwrap_or_default();
    }
    if passed.rights.len() > MOST_RIGHTS { Err(Errno::EINVAL) } else { Ok(passed) }
}

/// Sends a message, with open files.
pub fn sendmsg(server: &mut Server, task: TaskKey, &[socket, at, flags, ..]: &Arguments) -> Answer {
    let file = server.socket(task, socket)?;
    let header = header(server, task, at)?;
    let to = match header.name {
        (0, _) => None,
        (name, bytes) => Some(server.address(task, name, bytes)?),
    };
    let passed = passed(server, task, header.control)?;
    let mut buffer = pieces(server, task, header.pieces, Protection::READ)?;
    server.send_on(task, file, &mut buffer, &passed, (to, flags))
}

/// Control data that is being put together.
struct Control {
    bytes: Vec<u8>,
    room: usize,
    is_cut: bool,
}

impl Control {
    /// How many words a further piece can have.
    fn words_left(&self) -> usize {
        self.room.saturating_sub(self.bytes.len() + CONTROL_HEAD) / size_of::<u32>()
    }

    /// Adds a piece, as far as there is room.
    fn add(&mut self, kind: u32, words: &[u32]) {
        let told = words.len().min(self.words_left());
        self.is_cut |= told < words.len();
        if told == 0 {
            return;
        }
        let length = CONTROL_HEAD + told * size_of::<u32>();
        let end = (self.bytes.len() + length.next_multiple_of(CONTROL_UNIT)).min(self.room);
        self.bytes.extend((length as u64).to_le_bytes());
        self.bytes.extend([SOCKET, kind].iter().flat_map(|word| word.to_le_bytes()));
        self.bytes.extend(words[..told].iter().flat_map(|word| word.to_le_bytes()));
        self.bytes.resize(end, 0);
    }
}

impl Server {
    /// The caller, as who receives something from it is told.
    fn sender(&self, task: TaskKey) -> Sender {
        let it = self.process_of(task);
        (it.number, it.owner.users[0], it.owner.groups[0])
    }

    /// Who the caller says that it is, in control data: `EPERM` if it is not, and not the superuser.
    fn claimed(&self, task: TaskKey, body: &[u8]) -> Result<Sender, Errno> {
        let mut words = [[0; 4]; 3];
        if body.len() != words.as_flattened().len() {
            return Err(Errno::EINVAL);
        }
        words.as_flattened_mut().copy_from_slice(body);
        let [process, user, group] = words.map(u32::from_le_bytes);
        let it = self.process_of(task);
        let is_own = process == it.number
            && it.owner.users.contains(&user)
            && it.owner.groups.contains(&group);
        if is_own || it.owner.users[1] == 0 {
            Ok((process, user, group))
        } else {
            Err(Errno::EPERM)
        }
    }

    /// Gives open files that were received to the caller, as many as it has room to be told of.
    fn give_rights(
        &mut self,
        task: TaskKey,
        rights: Rights,
        is_closed_on_exec: bool,
        control: &mut Control,
    ) {
        let on_exec = if is_closed_on_exec { OnExec::Close } else { OnExec::Keep };
        let room = control.words_left();
        let mut numbers: Vec<u32> = Vec::new();
        for right in rights {
            if numbers.len() >= room {
                control.is_cut = true;
                self.world.vfs.close(right);
            } else if let Ok(number) = self.add_descriptor(task, right, on_exec, 0) {
                numbers.push(number as u32);
            } else {
                control.is_cut = true;
            }
        }
        control.add(RIGHTS, &numbers);
    }
}

/// Receives a message, with what goes along.
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
    let mut control = Control { bytes: Vec::new(), room: header.control.1 as usize, is_cut: false };
    if let Some((process, user, group)) = received.sender {
        control.add(CREDENTIALS, &[process, user, group]);
    }
    server.give_rights(task, received.rights, flags & CLOSE_ON_EXEC != 0, &mut control);
    if control.is_cut {
        told |= CONTROL_TRUNCATED;
    }
    server.write_bytes(task, header.control.0, &control.bytes)?;
    let control = control.bytes;
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
