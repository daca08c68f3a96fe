//! The file server: KOITO's file system on the disk that its manifest entry names.
//!
//! It keeps nothing that the disk does not have, but for changes that nobody was promised yet. So it may
//! die at any moment: the next instance mounts again, which replays the journal. When the disk fails
//! under a change it ends itself for the same reason.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod nodes;
mod tree;

use core::cell::{Cell, RefCell};

use disk::RemoteDisk;
use koito::services::{
    ClockClient, DiskClient, ErrorNumber, FileError, FileSpace, FileStatus, FileTime, Files,
    FilesServer, FoundNode, ListedEntry, Moving, NameIn, NewExtended, NewNode, NodeChanges,
    NodeSpace, NodeStretch, PIECE_BYTES, Path,
};
use koito::{Environment, Missing, Server};
use koito_fs::{Access, Errno, FileSystem, Node, Options, Time};
use nodes::{Holds, Shared, Told, change, how, number, space, time};
use nun::service::{Caller, Vec};
use nun::ticks;
use tree::{Tree, told};

nun::entry!(main, stack = 256 * 1024);

/// Memory for blocks of the disk.
const CACHE_BYTES: usize = 2 << 20;

/// It grows from the pool that the manifest entry gives.
#[global_allocator]
static HEAP: nun_heap::Heap = nun_heap::empty();

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    nun_heap::start(koito::pool_memory().map_err(|_| Missing::Pool)?);
    let server = FileServer {
        environment: &environment,
        mounted: RefCell::new(None),
        holds: RefCell::default(),
        epoch: Cell::new(None),
    };
    // Now, so that it is not the first client who waits for it; who comes then is told why not.
    let _ = server.with(|_, _| Ok(()));
    let error = Server::new(&environment).serve(&FilesServer(server), |_| {});
    panic!("the port is gone: {error}");
}

struct FileServer<'a> {
    environment: &'a Environment,
    mounted: RefCell<Option<Tree>>,
    /// What clients hold of it.
    holds: RefCell<Holds>,
    /// When the counter of ticks began, in seconds since 1970, once it was asked for.
    epoch: Cell<Option<u64>>,
}

impl FileServer<'_> {
    /// The file system on the disk. It is looked for until there is one.
    fn mount(&self) -> Result<Tree, FileError> {
        let client = self.environment.service("disk").map(DiskClient::new);
        let shared = self.environment.bulk(|channel| channel.to.as_deref() == Some("disk"));
        let (Ok(client), Ok(shared)) = (client, shared) else { return Err(FileError::Disk) };
        let disk = RemoteDisk::open(client, shared).map_err(|_| FileError::Disk)?;
        let options =
            Options { access: Access::ReadWrite, cache_bytes: CACHE_BYTES, now: self.now() };
        match FileSystem::mount(disk, options) {
            Ok(mounted) => Ok(Tree(mounted)),
            Err(error) => {
                nun::println!("files: the disk cannot be mounted: {error}");
                Err(told(error.errno))
            }
        }
    }

    /// The time, as far as the manifest gives a clock that knows it.
    fn now(&self) -> Time {
        let clock = self.environment.service("clock").ok().map(ClockClient::new);
        let epoch = self.epoch.get().or_else(|| clock?.epoch().ok().flatten());
        self.epoch.set(epoch);
        let milliseconds = ticks() / self.environment.ticks_per_millisecond;
        Time {
            seconds: epoch.map_or(0, |epoch| (epoch + milliseconds / 1000) as i64),
            nanoseconds: (milliseconds % 1000) as u32 * 1_000_000,
        }
    }

    /// Does something with the file system, at a time.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Tree, Time) -> koito_fs::Result<T>,
    ) -> Result<T, FileError> {
        let mounted = &mut *self.mounted.borrow_mut();
        let tree = match mounted {
            Some(tree) => tree,
            None => mounted.insert(self.mount()?),
        };
        work(tree, self.now()).map_err(|error| {
            // What is in memory may be half a change; what is on the disk is whole.
            assert!(error.errno != Errno::Io, "the disk failed: {error}");
            told(error.errno)
        })
    }

    /// The same for a client that changes something.
    fn change<T>(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut Tree, Time) -> koito_fs::Result<T>,
    ) -> Result<T, FileError> {
        if self.only_reads(caller) { Err(FileError::ReadOnly) } else { self.with(work) }
    }

    /// Whether it is among the clients that may only read, by path: those that the server's arguments name.
    fn only_reads(&self, caller: Caller) -> bool {
        let Some(name) = self.environment.client(caller.client) else { return false };
        self.environment.arguments.split_whitespace().any(|reader| reader == name.as_str())
    }

    /// Does something with nodes, for a client that shares memory.
    fn with_nodes<T>(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut FileSystem<RemoteDisk>, &mut Holds, &Shared) -> Told<T>,
    ) -> Result<T, ErrorNumber> {
        if self.only_reads(caller) {
            return Err(number(Errno::ReadOnly));
        }
        let shared = Shared::of(self.environment, caller.client).map_err(number)?;
        let mounted = &mut *self.mounted.borrow_mut();
        if mounted.is_none() {
            *mounted = Some(self.mount().map_err(|_| number(Errno::Io))?);
        }
        let Some(Tree(fs)) = mounted else { return Err(number(Errno::Io)) };
        work(fs, &mut self.holds.borrow_mut(), &shared).map_err(|errno| {
            // What is in memory may be half a change; what is on the disk is whole.
            assert!(errno != Errno::Io, "the disk failed");
            number(errno)
        })
    }
}

impl Files for FileServer<'_> {
    fn status(&self, _: Caller, path: Path) -> Result<FileStatus, FileError> {
        self.with(|tree, _| tree.status(&path))
    }

    fn list(&self, _: Caller, path: Path, from: u64) -> Result<Option<ListedEntry>, FileError> {
        self.with(|tree, _| tree.list(&path, from))
    }

    fn read(&self, _: Caller, path: Path, offset: u64) -> Result<Vec<u8, PIECE_BYTES>, FileError> {
        self.with(|tree, _| tree.read(&path, offset))
    }

    fn write(
        &self,
        caller: Caller,
        path: Path,
        offset: u64,
        bytes: Vec<u8, PIECE_BYTES>,
    ) -> Result<(), FileError> {
        let all = self.change(caller, |tree, now| tree.write(&path, offset, &bytes, now))?;
        all.then_some(()).ok_or(FileError::NoSpace)
    }

    fn create(&self, caller: Caller, path: Path) -> Result<(), FileError> {
        self.change(caller, |tree, now| tree.create(&path, now))
    }

    fn make_directory(&self, caller: Caller, path: Path) -> Result<(), FileError> {
        self.change(caller, |tree, now| tree.make_directory(&path, now))
    }

    fn remove(&self, caller: Caller, path: Path) -> Result<(), FileError> {
        self.change(caller, |tree, now| tree.remove(&path, now))
    }

    fn read_into(
        &self,
        caller: Caller,
        path: Path,
        offset: u64,
        into: NodeStretch,
    ) -> Result<u64, FileError> {
        let shared = Shared::of(self.environment, caller.client).map_err(told)?;
        let read = self.with(|tree, _| {
            let file = tree.node(&path)?;
            Ok(shared.read(&mut tree.0, file.0, offset, into))
        })?;
        // A disk that fails under a read leaves nothing half done.
        read.map_err(told)
    }

    fn sync(&self, _: Caller) -> Result<(), FileError> {
        self.with(|tree, _| tree.0.sync())
    }

    fn leave(&self, caller: Caller) -> Result<(), FileError> {
        if self.only_reads(caller) {
            return Err(FileError::ReadOnly);
        }
        self.holds.take();
        match self.mounted.take() {
            Some(tree) => tree.0.unmount().map(|_| ()).map_err(|error| told(error.errno)),
            None => Ok(()),
        }
    }

    fn space(&self, _: Caller) -> Result<FileSpace, FileError> {
        self.with(|tree, _| Ok(tree.space()))
    }

    fn begin(&self, caller: Caller) -> Result<FoundNode, ErrorNumber> {
        self.with_nodes(caller, |fs, holds, _| holds.begin(fs, caller.client))
    }

    fn hold_again(&self, caller: Caller, node: u32, count: u32) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, holds, _| holds.again(fs, caller.client, node, count))
    }

    fn release(&self, caller: Caller, node: u32, count: u32) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, holds, _| holds.release(fs, caller.client, node, count))
    }

    fn look_up(&self, caller: Caller, name: NameIn) -> Result<FoundNode, ErrorNumber> {
        self.with_nodes(caller, |fs, holds, shared| {
            let (directory, name) = shared.name(name)?;
            let node = fs.lookup(directory, &name).map_err(|error| error.errno)?;
            holds.found(fs, caller.client, node)
        })
    }

    fn link_target(
        &self,
        caller: Caller,
        link: u32,
        into: NodeStretch,
    ) -> Result<u64, ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| {
            let target = fs.read_link(Node(link)).map_err(|error| error.errno)?;
            shared.put(&target, into)
        })
    }

    fn entries(
        &self,
        caller: Caller,
        directory: u32,
        cookie: u64,
        into: NodeStretch,
    ) -> Result<u64, ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| shared.list(fs, directory, cookie, into))
    }

    fn read_node(
        &self,
        caller: Caller,
        file: u32,
        offset: u64,
        into: NodeStretch,
    ) -> Result<u64, ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| shared.read(fs, file, offset, into))
    }

    fn write_node(
        &self,
        caller: Caller,
        file: u32,
        offset: u64,
        from: NodeStretch,
        now: FileTime,
    ) -> Result<u64, ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| shared.write(fs, file, offset, from, now))
    }

    fn change_node(
        &self,
        caller: Caller,
        node: u32,
        changes: NodeChanges,
        now: FileTime,
    ) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, _, _| change(fs, node, changes, now))
    }

    fn make_node(
        &self,
        caller: Caller,
        at: NameIn,
        new: NewNode,
        now: FileTime,
    ) -> Result<FoundNode, ErrorNumber> {
        self.with_nodes(caller, |fs, holds, shared| {
            let node = shared.make(fs, at, new, now)?;
            holds.found(fs, caller.client, node)
        })
    }

    fn link_node(
        &self,
        caller: Caller,
        node: u32,
        at: NameIn,
        now: FileTime,
    ) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| {
            let (directory, name) = shared.name(at)?;
            let linked = fs.link(Node(node), directory, &name, time(now));
            linked.map_err(|error| error.errno)
        })
    }

    fn remove_name(
        &self,
        caller: Caller,
        at: NameIn,
        directory: bool,
        now: FileTime,
    ) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| {
            let (parent, name) = shared.name(at)?;
            let removed = if directory {
                fs.remove_directory(parent, &name, time(now))
            } else {
                fs.unlink(parent, &name, time(now))
            };
            removed.map_err(|error| error.errno)
        })
    }

    fn move_name(
        &self,
        caller: Caller,
        from: NameIn,
        to: NameIn,
        moving: Moving,
        now: FileTime,
    ) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| {
            let (from, name) = shared.name(from)?;
            let (to, new_name) = shared.name(to)?;
            let renamed = fs.rename(from, &name, to, &new_name, how(moving), time(now));
            renamed.map_err(|error| error.errno)
        })
    }

    fn node_space(&self, caller: Caller) -> Result<NodeSpace, ErrorNumber> {
        self.with_nodes(caller, |fs, _, _| Ok(space(fs)))
    }

    fn sync_since(&self, caller: Caller, epoch: u16) -> Result<(), ErrorNumber> {
        if epoch != self.environment.epoch {
            return Err(number(Errno::Io));
        }
        self.with_nodes(caller, |fs, _, _| fs.sync().map_err(|error| error.errno))
    }

    fn extended(&self, caller: Caller, node: u32, into: NodeStretch) -> Result<u64, ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| shared.extended(fs, node, into))
    }

    fn set_extended(
        &self,
        caller: Caller,
        name: NameIn,
        new: NewExtended,
        value: NodeStretch,
        now: FileTime,
    ) -> Result<(), ErrorNumber> {
        self.with_nodes(caller, |fs, _, shared| shared.set_extended(fs, name, (new, value), now))
    }
}
