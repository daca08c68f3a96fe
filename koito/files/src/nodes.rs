//! Files by node: what clients hold, and the memory that they share with the server.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use koito::Environment;
use koito::services::{
    ENTRY_WORDS, ErrorNumber, FileTime, FoundNode, Moving, NameIn, NewExtended, NewNode,
    NodeChanges, NodeSpace, NodeStatus, NodeStretch,
};
use koito_fs::{Changes, Cookie, Entry, Errno, Kind, Maker, New, Node, ROOT, Rename, Time};
use nun::mapped::Mapped;

use crate::disk::RemoteDisk;

type FileSystem = koito_fs::FileSystem<RemoteDisk>;
/// What is told to a client.
pub type Told<T> = Result<T, koito_fs::Errno>;

/// Most bytes of one request.
const MOST_BYTES: u64 = 64 << 10;
const WORD: usize = size_of::<u64>();

/// How often each client holds each node.
#[derive(Default)]
pub struct Holds(BTreeMap<(u64, u32), u32>);

impl Holds {
    /// Holds a node `count` times more.
    fn add(&mut self, fs: &mut FileSystem, client: u64, node: u32, count: u32) -> Told<()> {
        let key = (client, node);
        if !self.0.contains_key(&key) {
            fs.hold(Node(node)).map_err(|error| error.errno)?;
        }
        let held = self.0.entry(key).or_default();
        *held = held.saturating_add(count);
        Ok(())
    }

    /// Gives back `count` holds.
    pub fn release(&mut self, fs: &mut FileSystem, client: u64, node: u32, count: u32) -> Told<()> {
        let held = self.0.get_mut(&(client, node)).ok_or(Errno::Invalid)?;
        *held = held.saturating_sub(count);
        if *held == 0 {
            self.0.remove(&(client, node));
            fs.release(Node(node)).map_err(|error| error.errno)?;
        }
        Ok(())
    }

    /// Gives back all that a client holds, and holds the root for it.
    pub fn begin(&mut self, fs: &mut FileSystem, client: u64) -> Told<FoundNode> {
        let all: Vec<_> =
            self.0.range((client, 0)..=(client, u32::MAX)).map(|(key, _)| key.1).collect();
        for node in all {
            self.release(fs, client, node, u32::MAX)?;
        }
        self.found(fs, client, ROOT)
    }

    /// Holds a node again that an earlier instance had given out.
    pub fn again(&mut self, fs: &mut FileSystem, client: u64, node: u32, count: u32) -> Told<()> {
        fs.attributes(Node(node)).map_err(|error| error.errno)?;
        self.add(fs, client, node, count)
    }

    /// Holds a node for a client, and tells of it.
    pub fn found(&mut self, fs: &mut FileSystem, client: u64, node: Node) -> Told<FoundNode> {
        let status = status(fs, node)?;
        self.add(fs, client, node.0, 1)?;
        Ok(FoundNode { node: node.0, status })
    }
}

/// The number that Linux gives an error.
pub const fn number(errno: Errno) -> ErrorNumber {
    ErrorNumber { number: errno as u16 }
}

/// What the file system calls a time.
pub const fn time(time: FileTime) -> Time {
    Time { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

const fn told_time(time: Time) -> FileTime {
    FileTime { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

fn status(fs: &mut FileSystem, node: Node) -> Told<NodeStatus> {
    let it = fs.attributes(node).map_err(|error| error.errno)?;
    Ok(NodeStatus {
        mode: u32::from(it.kind.mode() | it.permissions),
        links: it.links,
        user: it.user,
        group: it.group,
        size: it.size,
        sectors: it.sectors,
        device: it.device,
        accessed: told_time(it.accessed),
        modified: told_time(it.modified),
        changed: told_time(it.changed),
        is_extended: it.is_extended,
    })
}

/// The memory that a client shares.
pub struct Shared(Mapped);

impl Shared {
    /// That of `client`; `EINVAL` if it has no channel.
    pub fn of(environment: &Environment, client: u64) -> Told<Self> {
        let shared = environment.bulk(|channel| channel.from == Some(client));
        shared.map(Self).map_err(|_| Errno::Invalid)
    }

    fn check(&self, stretch: NodeStretch) -> Told<(usize, usize)> {
        let end = stretch.place.checked_add(stretch.bytes);
        let lies = end.is_some_and(|end| end <= self.0.bytes() as u64);
        if !lies || stretch.bytes > MOST_BYTES || !stretch.place.is_multiple_of(WORD as u64) {
            return Err(Errno::Invalid);
        }
        Ok((stretch.place as usize, stretch.bytes as usize))
    }

    /// What lies in a stretch, as it is now.
    fn copy(&self, stretch: NodeStretch) -> Told<Vec<u8>> {
        let (place, length) = self.check(stretch)?;
        let mut bytes = vec![0; length];
        self.0.copy_to(place, &mut bytes);
        Ok(bytes)
    }

    /// The name in a stretch.
    pub fn name(&self, at: NameIn) -> Told<(Node, Vec<u8>)> {
        if at.name.bytes > 255 {
            return Err(Errno::NameTooLong);
        }
        Ok((Node(at.directory), self.copy(at.name)?))
    }

    /// Puts `bytes` into a stretch, as far as there is room; answers how many.
    pub fn put(&self, bytes: &[u8], into: NodeStretch) -> Told<u64> {
        let (place, room) = self.check(into)?;
        let bytes = &bytes[..bytes.len().min(room)];
        self.0.copy_from(place, bytes);
        Ok(bytes.len() as u64)
    }

    /// Reads a file.
    pub fn read(
        &self,
        fs: &mut FileSystem,
        file: u32,
        offset: u64,
        into: NodeStretch,
    ) -> Told<u64> {
        let (place, room) = self.check(into)?;
        let mut bytes = vec![0; room];
        let length = fs.read(Node(file), offset, &mut bytes).map_err(|error| error.errno)?;
        self.0.copy_from(place, &bytes[..length]);
        Ok(length as u64)
    }

    /// Writes a file.
    pub fn write(
        &self,
        fs: &mut FileSystem,
        file: u32,
        offset: u64,
        from: NodeStretch,
        now: FileTime,
    ) -> Told<u64> {
        let bytes = self.copy(from)?;
        let done = fs.write(Node(file), offset, &bytes, time(now));
        done.map(|length| length as u64).map_err(|error| error.errno)
    }

    /// Lists a directory.
    pub fn list(
        &self,
        fs: &mut FileSystem,
        directory: u32,
        cookie: u64,
        into: NodeStretch,
    ) -> Told<u64> {
        let (place, room) = self.check(into)?;
        let mut packed = Vec::new();
        let take = |entry: &Entry<'_>| {
            let padded = entry.name.len().next_multiple_of(WORD);
            if packed.len() + ENTRY_WORDS * WORD + padded > room {
                return false;
            }
            let kind = entry.kind.map_or(0, |kind| u64::from(kind.mode()));
            let words =
                [kind << 32 | u64::from(entry.node.0), entry.next.0, entry.name.len() as u64];
            packed.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            packed.extend_from_slice(entry.name);
            packed.resize(packed.len().next_multiple_of(WORD), 0);
            true
        };
        fs.list(Node(directory), Cookie(cookie), take).map_err(|error| error.errno)?;
        self.0.copy_from(place, &packed);
        Ok(packed.len() as u64)
    }

    /// The extended attributes of a node.
    pub fn extended(&self, fs: &mut FileSystem, node: u32, into: NodeStretch) -> Told<u64> {
        let mut packed = Vec::new();
        for it in fs.extended(Node(node)).map_err(|error| error.errno)? {
            let words = [it.name.len() as u64, it.value.len() as u64];
            packed.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            packed.extend(it.name);
            packed.extend(it.value);
            packed.resize(packed.len().next_multiple_of(WORD), 0);
        }
        self.put(&packed, into)
    }

    /// Sets one of them.
    pub fn set_extended(
        &self,
        fs: &mut FileSystem,
        at: NameIn,
        (new, from): (NewExtended, NodeStretch),
        now: FileTime,
    ) -> Told<()> {
        let (node, name) = self.name(at)?;
        let value = match new {
            NewExtended::Nothing => None,
            NewExtended::Value => Some(self.copy(from)?),
        };
        fs.set_extended(node, &name, value.as_deref(), time(now)).map_err(|error| error.errno)
    }

    /// Makes a node.
    pub fn make(&self, fs: &mut FileSystem, at: NameIn, new: NewNode, now: FileTime) -> Told<Node> {
        let (directory, name) = self.name(at)?;
        let (major, minor) = new.device;
        let target;
        let kind = Kind::from_mode(new.mode as u16).ok_or(Errno::Invalid)?;
        let made = match kind {
            Kind::File => New::File,
            Kind::Directory => New::Directory,
            Kind::Link => {
                target = self.copy(new.target)?;
                New::Link(&target)
            }
            Kind::Fifo => New::Fifo,
            Kind::Socket => New::Socket,
            Kind::CharacterDevice => New::CharacterDevice(major, minor),
            Kind::BlockDevice => New::BlockDevice(major, minor),
        };
        let permissions = new.mode as u16 & 0o7777;
        let maker = Maker { user: new.user, group: new.group, permissions, now: time(now) };
        fs.create(directory, &name, made, maker).map_err(|error| error.errno)
    }
}

/// Sets attributes.
pub fn change(fs: &mut FileSystem, node: u32, changes: NodeChanges, now: FileTime) -> Told<()> {
    let changes = Changes {
        permissions: changes.permissions,
        user: changes.user,
        group: changes.group,
        size: changes.size,
        accessed: changes.accessed.map(time),
        modified: changes.modified.map(time),
    };
    fs.set_attributes(Node(node), &changes, time(now)).map_err(|error| error.errno)
}

/// What a rename does with something that has the new name.
pub const fn how(moving: Moving) -> Rename {
    match moving {
        Moving::Replace => Rename::Replace,
        Moving::Keep => Rename::Keep,
        Moving::Exchange => Rename::Exchange,
    }
}

/// How much room there is.
pub fn space(fs: &FileSystem) -> NodeSpace {
    let space = fs.space();
    NodeSpace {
        block_bytes: space.block_bytes as u64,
        blocks: space.blocks,
        free_blocks: space.free_blocks,
        nodes: (space.inodes, space.free_inodes),
    }
}
