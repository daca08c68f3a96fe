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
mod tree;

use core::cell::{Cell, RefCell};

use disk::RemoteDisk;
use koito::services::{
    ClockClient, DiskClient, FileError, FileSpace, FileStatus, Files, FilesServer,
};
use koito::services::{ListedEntry, PIECE_BYTES, Path};
use koito::{Environment, Missing, Server};
use koito_fs::{Access, Errno, FileSystem, Options, Time};
use nun::service::{Caller, Vec};
use nun::ticks;
use tree::{Tree, told};

nun::entry!(main, stack = 256 * 1024);

/// All memory that it allocates.
const HEAP_BYTES: usize = 4 << 20;
/// Of that, for blocks of the disk.
const CACHE_BYTES: usize = 2 << 20;

#[global_allocator]
static HEAP: nun_heap::Inside<HEAP_BYTES> = nun_heap::Inside::new();

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let server = FileServer {
        environment: &environment,
        mounted: RefCell::new(None),
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
        _: Caller,
        path: Path,
        offset: u64,
        bytes: Vec<u8, PIECE_BYTES>,
    ) -> Result<(), FileError> {
        let all = self.with(|tree, now| tree.write(&path, offset, &bytes, now))?;
        all.then_some(()).ok_or(FileError::NoSpace)
    }

    fn create(&self, _: Caller, path: Path) -> Result<(), FileError> {
        self.with(|tree, now| tree.create(&path, now))
    }

    fn make_directory(&self, _: Caller, path: Path) -> Result<(), FileError> {
        self.with(|tree, now| tree.make_directory(&path, now))
    }

    fn remove(&self, _: Caller, path: Path) -> Result<(), FileError> {
        self.with(|tree, now| tree.remove(&path, now))
    }

    fn sync(&self, _: Caller) -> Result<(), FileError> {
        self.with(|tree, _| tree.0.sync())
    }

    fn leave(&self, _: Caller) -> Result<(), FileError> {
        match self.mounted.take() {
            Some(tree) => tree.0.unmount().map(|_| ()).map_err(|error| told(error.errno)),
            None => Ok(()),
        }
    }

    fn space(&self, _: Caller) -> Result<FileSpace, FileError> {
        self.with(|tree, _| Ok(tree.space()))
    }
}
