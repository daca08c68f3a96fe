//! Files in a world of their own: in memory at `/tmp`, by a file server at `/disk`, whose answers come as late
//! as can be: whatever an operation asks is answered only then.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod server;

use koito_linux::Errno;
use koito_vfs::*;
use server::Server;

/// Processes that `/proc` shows: one, number 7, with these descriptors.
#[derive(Default)]
pub struct Processes {
    pub descriptors: Vec<FileId>,
}

impl System for Processes {
    fn next_process(&self, from: u32) -> Option<u32> {
        (from <= 7).then_some(7)
    }
    fn next_thread(&self, process: u32, from: u32) -> Option<u32> {
        (process == 7 && from <= 7).then_some(7)
    }
    fn owner(&self, process: u32) -> Option<(u32, u32)> {
        (process == 7).then_some((0, 0))
    }
    fn next_descriptor(&self, _: u32, from: u64) -> Option<(u64, FileId)> {
        let file = self.descriptors.get(from as usize)?;
        Some((from, *file))
    }
    fn link(&self, _: u32, _: ProcessLink) -> Option<DentryId> {
        None
    }
    fn text(&self, what: SystemText) -> Vec<u8> {
        format!("{what:?}\n").into()
    }
    fn process_text(&self, process: u32, what: ProcessText, _: &dyn Known) -> Vec<u8> {
        format!("{process} {what:?}\n").into()
    }
}

pub struct World {
    pub vfs: Vfs<HeapPages>,
    pub server: Server,
    pub place: Place,
    pub credentials: Credentials<'static>,
    pub processes: Processes,
    pub umask: u16,
    pub clock: i64,
    /// How often the file server was asked.
    pub asked: usize,
}

/// What an operation comes to: its value, or the name that it made.
pub enum Came<T> {
    Value(T),
    Made(DentryId),
    Done,
}

impl World {
    pub fn new() -> Self {
        Self::with_pages(256)
    }

    pub fn with_pages(most: usize) -> Self {
        let mut vfs = Vfs::new(HeapPages::new(4 * most), most);
        let place = vfs.first_place();
        let mut world = Self {
            vfs,
            server: Server::new(),
            place,
            credentials: Credentials::default(),
            processes: Processes::default(),
            umask: 0o022,
            clock: 1_700_000_000,
            asked: 0,
        };
        for directory in ["tmp", "disk", "dev", "proc"] {
            world.mkdir(directory, 0o755).unwrap();
        }
        let at = world.find("tmp").unwrap();
        world.vfs.mount_memory(at, "tmpfs", 0o1777);
        let at = world.find("disk").unwrap();
        let (node, attributes) = world.server.root();
        world.vfs.mount_remote(at, node, attributes);
        let at = world.find("dev").unwrap();
        world.run(|vfs, context| vfs.mount_devices(context, at)).unwrap();
        let at = world.find("proc").unwrap();
        world.vfs.mount_proc(at);
        world
    }

    /// Does an operation to its end, with the file server's help; a wait is `EAGAIN`.
    pub fn come<T>(
        &mut self,
        mut operation: impl FnMut(&mut Vfs<HeapPages>, &Context<'_>) -> Result<T>,
    ) -> Result<Came<T>, Errno> {
        for _ in 0..10_000 {
            let context = Context {
                resolve: Resolve::empty(),
                place: &self.place,
                credentials: self.credentials,
                umask: self.umask,
                now: Time { seconds: self.clock, nanoseconds: 0 },
                process: 7,
                group: 7,
                session: 7,
                insists: false,
                system: &self.processes,
            };
            match operation(&mut self.vfs, &context) {
                Ok(value) => return Ok(Came::Value(value)),
                Err(Stop::Error(errno)) => return Err(errno),
                Err(Stop::Wait(_) | Stop::WaitUntil(..)) => return Err(Errno::EAGAIN),
                Err(Stop::Background(_)) => return Err(Errno::EINTR),
                Err(Stop::Fetch(request)) => {
                    self.ask(&request)?;
                }
                Err(Stop::Commit(request)) => match self.ask(&request)? {
                    Finished::Again => {}
                    Finished::Done => return Ok(Came::Done),
                    Finished::Made(dentry) => return Ok(Came::Made(dentry)),
                },
            }
        }
        panic!("it never ends");
    }

    pub fn ask(&mut self, request: &Request) -> Result<Finished, Errno> {
        self.asked += 1;
        self.server.serve(&mut self.vfs, request)
    }

    /// An operation whose value is nothing, or is not to be had from the server.
    pub fn run<T: Default>(
        &mut self,
        operation: impl FnMut(&mut Vfs<HeapPages>, &Context<'_>) -> Result<T>,
    ) -> Result<T, Errno> {
        match self.come(operation)? {
            Came::Value(value) => Ok(value),
            Came::Made(dentry) => {
                self.vfs.unpin(dentry);
                Ok(T::default())
            }
            Came::Done => Ok(T::default()),
        }
    }

    /// Tells the file server what nobody waits for.
    pub fn settle(&mut self) {
        while let Some(request) = self.vfs.background().or_else(|| self.vfs.write_back()) {
            let _ = self.ask(&request);
        }
    }

    pub fn find(&mut self, path: &str) -> Result<DentryId, Errno> {
        self.find_last(path, Last::Follow)
    }

    pub fn find_last(&mut self, path: &str, last: Last) -> Result<DentryId, Errno> {
        let start = self.place.directory;
        match self.come(|vfs, context| vfs.find(context, start, path.as_bytes(), last))? {
            Came::Value(dentry) => Ok(dentry),
            _ => panic!("it makes nothing"),
        }
    }

    pub fn open(&mut self, path: &str, flags: Flags) -> Result<FileId, Errno> {
        self.open_mode(path, flags, 0o666)
    }

    pub fn open_mode(&mut self, path: &str, flags: Flags, mode: u16) -> Result<FileId, Errno> {
        let start = self.place.directory;
        match self.come(|vfs, context| vfs.open(context, start, path.as_bytes(), flags, mode))? {
            Came::Value(file) => Ok(file),
            Came::Made(dentry) => {
                match self.come(|vfs, context| vfs.open_made(context, dentry, flags))? {
                    Came::Value(file) => Ok(file),
                    _ => panic!("it makes nothing"),
                }
            }
            Came::Done => panic!("it makes a file"),
        }
    }

    pub fn mkdir(&mut self, path: &str, mode: u16) -> Result<(), Errno> {
        let start = self.place.directory;
        self.run(|vfs, context| vfs.make_directory(context, start, path.as_bytes(), mode))
    }

    pub fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        let start = self.place.directory;
        self.run(|vfs, context| vfs.unlink(context, start, path.as_bytes()))
    }

    pub fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        let start = self.place.directory;
        self.run(|vfs, context| vfs.remove_directory(context, start, path.as_bytes()))
    }

    pub fn rename(&mut self, from: &str, to: &str, how: Rename) -> Result<(), Errno> {
        let start = self.place.directory;
        self.run(|vfs, context| {
            vfs.rename(context, (start, from.as_bytes()), (start, to.as_bytes()), how)
        })
    }

    pub fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        let start = self.place.directory;
        self.run(|vfs, context| vfs.make_link(context, target.as_bytes(), start, path.as_bytes()))
    }

    pub fn link(&mut self, old: &str, path: &str) -> Result<(), Errno> {
        let old = self.find_last(old, Last::Keep)?;
        let start = self.place.directory;
        self.run(|vfs, context| vfs.link(context, old, start, path.as_bytes()))
    }

    pub fn read_link(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let link = self.find_last(path, Last::Keep)?;
        self.run(|vfs, context| vfs.read_link(context, link))
    }

    pub fn status(&mut self, path: &str) -> Result<Status, Errno> {
        let dentry = self.find_last(path, Last::Keep)?;
        self.vfs.status(dentry).map_err(|_| Errno::ENOENT)
    }

    pub fn read(&mut self, file: FileId, most: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; most];
        let count = self.run(|vfs, context| vfs.read(context, file, &mut &mut bytes[..]))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub fn read_at(&mut self, file: FileId, offset: u64, most: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; most];
        let count =
            self.run(|vfs, context| vfs.read_at(context, file, offset, &mut &mut bytes[..]))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize, Errno> {
        self.run(|vfs, context| vfs.write(context, file, &mut &bytes[..]))
    }

    pub fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.run(|vfs, context| vfs.write_at(context, file, offset, &mut &bytes[..]))
    }

    /// Names in a directory, sorted.
    pub fn list(&mut self, path: &str) -> Result<Vec<String>, Errno> {
        let file = self.open(path, Flags::DIRECTORY)?;
        let mut names = Vec::new();
        loop {
            let before = names.len();
            self.run(|vfs, context| {
                vfs.list(context, file, &mut |entry| {
                    names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                    true
                })
            })?;
            if names.len() == before {
                break;
            }
        }
        self.vfs.close(file);
        names.sort();
        Ok(names)
    }

    /// Makes a file with these contents.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Errno> {
        let flags = Flags::WRITE | Flags::CREATE | Flags::TRUNCATE;
        let file = self.open(path, flags)?;
        let written = self.write(file, bytes);
        self.vfs.close(file);
        written.map(|count| assert_eq!(count, bytes.len()))
    }

    /// All that a file has.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let file = self.open(path, Flags::empty())?;
        let bytes = self.read(file, 1 << 20);
        self.vfs.close(file);
        bytes
    }
}
