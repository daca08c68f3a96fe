//! The file server, as the VFS asks it: names and contents travel through the memory of a channel.

use alloc::vec;
use alloc::vec::Vec;

use koito::services::{
    ENTRY_WORDS, ErrorNumber, FileTime, FilesClient, FoundNode, Moving, NameIn, NewNode,
    NodeChanges, NodeStatus, NodeStretch,
};
use koito::{Environment, Missing};
use koito_linux::Errno;
use koito_vfs::{
    Ask, Attributes, Changes, Finished, Kind, Listed, Maker, New, PAGE_BYTES, Rename, Reply,
    Reported, Request, Time, Vfs,
};
use nun::mapped::Mapped;
use nun::service::{Epoch, Failure};

use crate::machine::Memory;

/// Bytes that one request moves.
const MOST_BYTES: usize = 64 << 10;
/// Where names lie: behind what requests move, and the second behind the first.
const NAMES: [usize; 2] = [MOST_BYTES, MOST_BYTES + 4096];
const WORD: usize = size_of::<u64>();

/// The file server.
pub struct Disk {
    client: FilesClient,
    shared: Mapped,
    /// The instance that holds our nodes.
    epoch: Epoch,
    /// The instance that took what was not synced yet.
    unsynced: Option<Epoch>,
    bytes: Vec<u8>,
}

/// What came of a request to the server.
type Served<T> = Result<T, Errno>;

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

fn attributes(status: &NodeStatus) -> Attributes {
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
    }
}

fn node(found: FoundNode) -> Reply<'static> {
    Reply::Node(found.node, attributes(&found.status))
}

impl Disk {
    /// What the manifest gives; answers the root as well, if there is a disk.
    pub fn open(environment: &Environment) -> Result<(Self, Option<(u32, Attributes)>), Missing> {
        let client = FilesClient::new(environment.service("files")?);
        let shared = environment.bulk(|channel| channel.to.as_deref() == Some("files"))?;
        let root = client.begin().ok().map(|it| (it.node, attributes(&it.status)));
        let epoch = client.session().epoch();
        Ok((Self { client, shared, epoch, unsynced: None, bytes: vec![0; MOST_BYTES] }, root))
    }

    /// Carries out a request and hands its answer to `vfs`.
    pub fn ask(&mut self, vfs: &mut Vfs<Memory>, request: &Request) -> Served<Finished> {
        let mut bytes = core::mem::take(&mut self.bytes);
        let reply = self.serve(vfs, request, &mut bytes);
        let finished = vfs.answer(request, reply);
        self.bytes = bytes;
        let epoch = self.client.session().epoch();
        if core::mem::replace(&mut self.epoch, epoch) != epoch {
            for (node, holds) in vfs.held() {
                // One that is gone is an error to whoever uses it.
                let _ = self.client.hold_again(node, holds);
            }
        }
        finished
    }

    /// Has what the server was told last. Whoever needs to know that it does calls `fsync`.
    pub fn commit(&mut self) {
        if let Some(epoch) = self.unsynced
            && self.client.sync_since(epoch).is_ok()
        {
            self.unsynced = None;
        }
    }

    /// Leaves the disk in order, as far as that can be done.
    pub fn leave(&self) {
        // Whoever begins again mends what was not.
        let _ = self.client.leave();
    }

    /// Whether the server was told something that need not last yet.
    pub const fn is_unsynced(&self) -> bool {
        self.unsynced.is_some()
    }

    /// Puts a name where the server finds it.
    fn name(&self, directory: u32, place: usize, name: &[u8]) -> NameIn {
        let place = NAMES[place];
        self.shared.copy_from(place, name);
        NameIn { directory, name: NodeStretch { place: place as u64, bytes: name.len() as u64 } }
    }

    fn serve<'b>(
        &mut self,
        vfs: &Vfs<Memory>,
        request: &Request,
        bytes: &'b mut [u8],
    ) -> Served<Reply<'b>> {
        let (client, it) = (&self.client, request.node);
        let all = |bytes: usize| NodeStretch { place: 0, bytes: bytes as u64 };
        match &request.ask {
            Ask::Lookup { name, .. } => {
                client.look_up(self.name(it, 0, name)).map(node).map_err(failed)
            }
            Ask::ReadLink => {
                let length = client.link_target(it, all(PAGE_BYTES)).map_err(failed)?;
                Ok(Reply::Bytes(self.take(bytes, length)))
            }
            Ask::List { cookie, .. } => {
                let length = client.entries(it, *cookie, all(MOST_BYTES)).map_err(failed)?;
                Ok(Reply::Entries(entries(self.take(bytes, length))))
            }
            Ask::Read { first, count } => {
                let length = (*count as usize * PAGE_BYTES).min(MOST_BYTES);
                let offset = u64::from(*first) * PAGE_BYTES as u64;
                let length = client.read_node(it, offset, all(length)).map_err(failed)?;
                Ok(Reply::Bytes(self.take(bytes, length)))
            }
            Ask::Write { first, bytes: length, now } => {
                let length = (*length).min(bytes.len());
                vfs.gather(request.inode, *first, &mut bytes[..length]);
                self.shared.copy_from(0, &bytes[..length]);
                let offset = u64::from(*first) * PAGE_BYTES as u64;
                let written = client.write_node(it, offset, all(length), told(*now));
                let whole = written.map_err(failed)? == length as u64;
                self.note_change();
                whole.then_some(Reply::Done).ok_or(Errno::ENOSPC)
            }
            Ask::Change { changes, now } => {
                let changed = client.change_node(it, told_changes(changes), told(*now));
                self.done(changed)
            }
            Ask::Create { name, new, maker, .. } => {
                let at = self.name(it, 0, name);
                let made = client.make_node(at, self.new_node(new, maker), told(maker.now));
                let reply = made.map(node).map_err(failed)?;
                self.note_change();
                Ok(reply)
            }
            Ask::Link { name, node: target, now, .. } => {
                let linked = client.link_node(*target, self.name(it, 0, name), told(*now));
                self.done(linked)
            }
            Ask::Remove { name, directory, now, .. } => {
                let removed = client.remove_name(self.name(it, 0, name), *directory, told(*now));
                self.done(removed)
            }
            Ask::Rename { name, to_node, new_name, how, now, .. } => {
                let how = match how {
                    Rename::Replace => Moving::Replace,
                    Rename::Keep => Moving::Keep,
                    Rename::Exchange => Moving::Exchange,
                };
                let (from, to) = (self.name(it, 0, name), self.name(*to_node, 1, new_name));
                let renamed = client.move_name(from, to, how, told(*now));
                self.done(renamed)
            }
            Ask::Sync => {
                let epoch = self.unsynced.take().unwrap_or(client.session().epoch());
                client.sync_since(epoch).map(|()| Reply::Done).map_err(failed)
            }
            Ask::Space => {
                let space = client.node_space().map_err(failed)?;
                Ok(Reply::Space(Reported {
                    block_bytes: space.block_bytes,
                    blocks: (space.blocks, space.free_blocks),
                    nodes: (space.nodes.0.into(), space.nodes.1.into()),
                }))
            }
            Ask::Forget { holds } => {
                // A server that died has forgotten it already.
                let _ = client.release(it, *holds);
                Ok(Reply::Done)
            }
        }
    }

    /// What the server has put into the shared memory.
    fn take<'b>(&self, bytes: &'b mut [u8], length: u64) -> &'b [u8] {
        let length = (length as usize).min(bytes.len());
        self.shared.copy_to(0, &mut bytes[..length]);
        &bytes[..length]
    }

    /// Something was changed that is to be lost with nobody but this instance of the server.
    fn note_change(&mut self) {
        let epoch = self.client.session().epoch();
        self.unsynced.get_or_insert(epoch);
    }

    fn done(&mut self, outcome: Result<(), Failure<ErrorNumber>>) -> Served<Reply<'static>> {
        outcome.map_err(failed)?;
        self.note_change();
        Ok(Reply::Done)
    }

    fn new_node(&self, new: &New, maker: &Maker) -> NewNode {
        let mut target = NodeStretch { place: 0, bytes: 0 };
        let mut device = (0, 0);
        match new {
            New::Link(path) => {
                self.shared.copy_from(0, path);
                target.bytes = path.len() as u64;
            }
            New::Device(_, major, minor) => device = (*major, *minor),
            _ => {}
        }
        let mode = new.kind().mode() | u32::from(maker.permissions);
        NewNode { mode, user: maker.user, group: maker.group, device, target }
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

/// What a listing says; what makes no sense ends it.
fn entries(packed: &[u8]) -> Vec<Listed> {
    let mut entries = Vec::new();
    let mut rest = packed;
    while let Some((head, tail)) = rest.split_at_checked(ENTRY_WORDS * WORD) {
        let mut words = head
            .chunks_exact(WORD)
            .map(|word| word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)));
        let mut word = || words.next().unwrap_or(0);
        let (first, next, length) = (word(), word(), word() as usize);
        let Some(name) = tail.get(..length) else { break };
        let kind = ((first >> 32) != 0).then(|| Kind::from_mode((first >> 32) as u32)).flatten();
        let number = first & u64::from(u32::MAX);
        entries.push(Listed { name: name.into(), number, kind, next });
        rest = tail.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    }
    entries
}
