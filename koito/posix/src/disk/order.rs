//! One request to the file server: names and contents lie in a part of the channel's memory, the rest travels
//! in a message.

use alloc::vec::Vec;

use koito::services::{
    ENTRY_WORDS, EXTENDED_WORDS, ErrorNumber, FileTime, FilesAsync, FoundNode, Moving, NameIn,
    NewExtended, NewNode, NodeChanges, NodeSpace, NodeStatus, NodeStretch,
};
use koito_linux::Errno;
use koito_vfs::{
    Ask, Attributes, Changes, Extended, Kind, Listed, Maker, New, PAGE_BYTES, Rename, Reply,
    Reported, Request, Time, Vfs,
};
use nun::mapped::Mapped;
use nun::service::{Epoch, Failure};

use crate::machine::Memory;

/// Bytes that one request moves.
pub const MOST_BYTES: usize = 64 << 10;
/// Where names lie in a place: behind what requests move, and the second behind the first.
const NAMES: [usize; 2] = [MOST_BYTES, MOST_BYTES + 4096];
/// Bytes of a place.
pub const PLACE_BYTES: usize = MOST_BYTES + 2 * 4096;
const WORD: usize = size_of::<u64>();

/// A part of the shared memory, for one request at a time.
pub struct Place {
    shared: Mapped,
    start: usize,
}

/// What is asked, in the file server's words.
pub enum Order {
    LookUp(NameIn),
    LinkTarget(u32, NodeStretch),
    List(u32, u64, NodeStretch),
    Read(u32, u64, NodeStretch),
    Write(u32, u64, NodeStretch, FileTime),
    Change(u32, NodeChanges, FileTime),
    Make(NameIn, NewNode, FileTime),
    Link(u32, NameIn, FileTime),
    Remove(NameIn, bool, FileTime),
    Move(NameIn, NameIn, Moving, FileTime),
    Extended(u32, NodeStretch),
    SetExtended(NameIn, NewExtended, NodeStretch, FileTime),
    Sync(Epoch),
    Space,
    Release(u32, u32),
}

/// What the file server answered.
pub enum Done {
    Nothing,
    Node(FoundNode),
    /// So many bytes were moved.
    Bytes(u64),
    Space(NodeSpace),
}

impl Order {
    /// Sends it, and waits for its answer.
    pub async fn carry_out(self, files: FilesAsync<'static>) -> Result<Done, Failure<ErrorNumber>> {
        Ok(match self {
            Self::LookUp(name) => Done::Node(files.look_up(name).await?),
            Self::LinkTarget(link, into) => Done::Bytes(files.link_target(link, into).await?),
            Self::List(node, cookie, into) => Done::Bytes(files.entries(node, cookie, into).await?),
            Self::Read(file, at, into) => Done::Bytes(files.read_node(file, at, into).await?),
            Self::Write(file, at, from, now) => {
                Done::Bytes(files.write_node(file, at, from, now).await?)
            }
            Self::Extended(node, into) => Done::Bytes(files.extended(node, into).await?),
            Self::Make(name, new, now) => Done::Node(files.make_node(name, new, now).await?),
            Self::Space => Done::Space(files.node_space().await?),
            order => {
                match order {
                    Self::Change(node, changes, now) => files.change_node(node, changes, now).await,
                    Self::Link(node, name, now) => files.link_node(node, name, now).await,
                    Self::Remove(name, directory, now) => {
                        files.remove_name(name, directory, now).await
                    }
                    Self::Move(from, to, how, now) => files.move_name(from, to, how, now).await,
                    Self::Release(node, holds) => files.release(node, holds).await,
                    Self::SetExtended(name, new, value, now) => {
                        files.set_extended(name, new, value, now).await
                    }
                    Self::Sync(since) => files.sync_since(since).await,
                    _ => Ok(()),
                }?;
                Done::Nothing
            }
        })
    }
}

impl Place {
    /// Part `index` of `shared`.
    pub const fn new(shared: Mapped, index: usize) -> Self {
        Self { shared, start: index * PLACE_BYTES }
    }

    /// What is to be asked for `request`, with what belongs to it in place. A sync is about all since the
    /// instance `since`.
    pub fn order(
        &self,
        vfs: &Vfs<Memory>,
        request: &Request,
        since: Epoch,
        bytes: &mut [u8],
    ) -> Order {
        let node = request.node;
        let offset = |first: u32| u64::from(first) * PAGE_BYTES as u64;
        match &request.ask {
            Ask::Lookup { name, .. } => Order::LookUp(self.name(node, 0, name)),
            Ask::ReadLink => Order::LinkTarget(node, self.stretch(PAGE_BYTES)),
            Ask::List { cookie, .. } => Order::List(node, *cookie, self.stretch(MOST_BYTES)),
            Ask::Read { first, count } => {
                let length = (*count as usize * PAGE_BYTES).min(MOST_BYTES);
                Order::Read(node, offset(*first), self.stretch(length))
            }
            Ask::Write { first, bytes: length, now } => {
                let length = (*length).min(bytes.len());
                vfs.gather(request.inode, *first, &mut bytes[..length]);
                self.shared.copy_from(self.start, &bytes[..length]);
                Order::Write(node, offset(*first), self.stretch(length), told(*now))
            }
            Ask::Change { changes, now } => Order::Change(node, told_changes(changes), told(*now)),
            Ask::Create { name, new, maker, .. } => {
                let at = self.name(node, 0, name);
                Order::Make(at, self.new_node(new, maker), told(maker.now))
            }
            Ask::Link { name, node: target, now, .. } => {
                Order::Link(*target, self.name(node, 0, name), told(*now))
            }
            Ask::Remove { name, directory, now, .. } => {
                Order::Remove(self.name(node, 0, name), *directory, told(*now))
            }
            Ask::Rename { name, to_node, new_name, how, now, .. } => {
                let how = match how {
                    Rename::Replace => Moving::Replace,
                    Rename::Keep => Moving::Keep,
                    Rename::Exchange => Moving::Exchange,
                };
                let (from, to) = (self.name(node, 0, name), self.name(*to_node, 1, new_name));
                Order::Move(from, to, how, told(*now))
            }
            Ask::Extended => Order::Extended(node, self.stretch(MOST_BYTES)),
            Ask::SetExtended { name, value, now } => {
                let value = value.as_deref();
                let bytes = value.unwrap_or_default();
                self.shared.copy_from(self.start, bytes);
                let new = value.map_or(NewExtended::Nothing, |_| NewExtended::Value);
                let place = self.stretch(bytes.len());
                Order::SetExtended(self.name(node, 0, name), new, place, told(*now))
            }
            Ask::Sync => Order::Sync(since),
            Ask::Space => Order::Space,
            Ask::Forget { holds } => Order::Release(node, *holds),
        }
    }

    /// What the answer to `ask` says.
    pub fn reply<'b>(
        &self,
        ask: &Ask,
        came: Result<Done, Failure<ErrorNumber>>,
        bytes: &'b mut [u8],
    ) -> Result<Reply<'b>, Errno> {
        match (ask, came.map_err(failed)?) {
            // Fewer were written than were to be: there is no room.
            (Ask::Write { bytes, .. }, Done::Bytes(done)) if done != *bytes as u64 => {
                Err(Errno::ENOSPC)
            }
            (Ask::Write { .. }, _) | (_, Done::Nothing) => Ok(Reply::Done),
            (_, Done::Node(found)) => Ok(Reply::Node(found.node, attributes(&found.status))),
            (Ask::List { .. }, Done::Bytes(length)) => {
                Ok(Reply::Entries(entries(self.take(bytes, length))))
            }
            (Ask::Extended, Done::Bytes(length)) => {
                Ok(Reply::Extended(extended(self.take(bytes, length))))
            }
            (_, Done::Bytes(length)) => Ok(Reply::Bytes(self.take(bytes, length))),
            (_, Done::Space(space)) => Ok(Reply::Space(Reported {
                block_bytes: space.block_bytes,
                blocks: (space.blocks, space.free_blocks),
                nodes: (space.nodes.0.into(), space.nodes.1.into()),
            })),
        }
    }

    const fn stretch(&self, bytes: usize) -> NodeStretch {
        NodeStretch { place: self.start as u64, bytes: bytes as u64 }
    }

    /// Puts a name where the file server finds it.
    fn name(&self, directory: u32, which: usize, name: &[u8]) -> NameIn {
        let place = self.start + NAMES[which];
        self.shared.copy_from(place, name);
        NameIn { directory, name: NodeStretch { place: place as u64, bytes: name.len() as u64 } }
    }

    /// What the file server has put there.
    fn take<'b>(&self, bytes: &'b mut [u8], length: u64) -> &'b [u8] {
        let length = (length as usize).min(bytes.len());
        self.shared.copy_to(self.start, &mut bytes[..length]);
        &bytes[..length]
    }

    fn new_node(&self, new: &New, maker: &Maker) -> NewNode {
        let mut target = self.stretch(0);
        let mut device = (0, 0);
        match new {
            New::Link(path) => {
                self.shared.copy_from(self.start, path);
                target.bytes = path.len() as u64;
            }
            New::Device(_, major, minor) => device = (*major, *minor),
            _ => {}
        }
        let mode = new.kind().mode() | u32::from(maker.permissions);
        NewNode { mode, user: maker.user, group: maker.group, device, target }
    }
}

fn failed(failure: Failure<ErrorNumber>) -> Errno {
    match failure {
        Failure::Method(error) => Errno::new(error.number).unwrap_or(Errno::EIO),
        Failure::Call(_) => Errno::EIO,
    }
}

const fn told(time: Time) -> FileTime {
    FileTime { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

const fn heard(time: FileTime) -> Time {
    Time { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

/// What is known of a node, in the VFS's words.
pub fn attributes(status: &NodeStatus) -> Attributes {
    Attributes {
        kind: Kind::from_mode(status.mode).unwrap_or(Kind::File),
        permissions: status.mode as u16 & 0o7777,
        links: status.links.into(),
        user: status.user,
        group: status.group,
        size: status.size,
        sectors: status.sectors,
        device: status.device,
        accessed: heard(status.accessed),
        modified: heard(status.modified),
        changed: heard(status.changed),
        is_extended: status.is_extended,
    }
}

fn told_changes(changes: &Changes) -> NodeChanges {
    NodeChanges {
        permissions: changes.permissions,
        user: changes.user,
        group: changes.group,
        size: changes.size,
        accessed: changes.accessed.map(told),
        modified: changes.modified.map(told),
    }
}

/// The next `N` words of what the file server has packed, and what is behind them.
fn words<const N: usize>(packed: &[u8]) -> Option<([u64; N], &[u8])> {
    let (head, tail) = packed.split_at_checked(N * WORD)?;
    let mut words = [[0; WORD]; N];
    words.as_flattened_mut().copy_from_slice(head);
    Some((words.map(u64::from_le_bytes), tail))
}

/// What a listing says; what makes no sense ends it.
fn entries(packed: &[u8]) -> Vec<Listed> {
    let mut entries = Vec::new();
    let mut rest = packed;
    while let Some(([first, next, length], tail)) = words::<ENTRY_WORDS>(rest) {
        let length = length as usize;
        let Some(name) = tail.get(..length) else { break };
        let kind = ((first >> 32) != 0).then(|| Kind::from_mode((first >> 32) as u32)).flatten();
        let number = first & u64::from(u32::MAX);
        entries.push(Listed { name: name.into(), number, kind, next });
        rest = tail.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    }
    entries
}

/// The extended attributes of a node; what makes no sense ends them.
fn extended(packed: &[u8]) -> Vec<Extended> {
    let mut all = Vec::new();
    let mut rest = packed;
    while let Some(([name, value], tail)) = words::<EXTENDED_WORDS>(rest) {
        let end = name.saturating_add(value) as usize;
        let Some((name, value)) = tail.get(..end).map(|it| it.split_at(name as usize)) else {
            break;
        };
        all.push((name.into(), value.into()));
        rest = tail.get(end.next_multiple_of(WORD)..).unwrap_or_default();
    }
    all
}
