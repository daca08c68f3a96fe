//! The write load: files that are made, extended, replaced, renamed, cut and deleted, with a sync
//! now and then, and what must be there after each.

use std::collections::BTreeMap;

use anyhow::Result;
use koito_fs::{Access, Changes, FileSystem, Maker, New, Node, Options, ROOT, Rename, Time};

use crate::random::Random;
use crate::record::{Event, Record, Recorder};
use crate::tree::hash;

/// Bytes of the cache during the load: small, so that it must write early.
pub const CACHE: usize = 2 << 20;
/// Operations of a load that is long enough to meet everything.
pub const STEPS: usize = 1200;
/// Files that come and go.
const FILES: u64 = 60;

/// How the load mounts, and everyone who looks at what it left.
pub fn options(access: Access) -> Options {
    Options { access, cache_bytes: CACHE, now: time(0) }
}

fn time(ticks: i64) -> Time {
    Time { seconds: 1_700_000_000 + ticks, nanoseconds: 1 }
}

/// What a path must hold: nothing, or contents of this length and hash.
pub type Contents = Option<(u64, u64)>;

/// What is promised from some event of the record on.
#[derive(Clone, Debug)]
pub enum Promise {
    /// A sync returned: this is what every path holds.
    Synced(BTreeMap<String, Contents>),
    /// An operation on a path starts, so it may hold anything; if only its end changes, what
    /// it held before is still at its start.
    Changing {
        /// The path.
        path: String,
        /// Whether only its end changes.
        at_end: bool,
    },
}

/// A load's record and promises: each promise holds from its event on.
#[derive(Clone, Debug)]
pub struct Load {
    /// What happened to the device.
    pub record: Vec<Event>,
    /// Number of events before it, and the promise.
    pub promises: Vec<(usize, Promise)>,
}

struct Player {
    fs: FileSystem<Recorder>,
    record: Record,
    random: Random,
    /// What each path holds by now.
    now: BTreeMap<String, (Node, Vec<u8>)>,
    promises: Vec<(usize, Promise)>,
    ticks: i64,
    directory: Node,
}

/// Plays `steps` operations on `image`.
pub fn play(image: Vec<u8>, steps: usize, seed: u64) -> Result<Load> {
    let record = Record::default();
    let device = Recorder::new(image, record.clone());
    let mut fs = FileSystem::mount(device, options(Access::ReadWrite))?;
    let maker = Maker { permissions: 0o755, now: time(1), ..Maker::default() };
    let directory = fs.create(ROOT, b"d", New::Directory, maker)?;
    let mut player = Player {
        fs,
        record,
        random: Random::new(seed),
        now: BTreeMap::new(),
        promises: vec![],
        ticks: 1,
        directory,
    };
    player.sync()?;
    for _ in 0..steps {
        player.step()?;
    }
    player.sync()?;
    Ok(Load { record: player.record.take(), promises: player.promises })
}

impl Player {
    fn step(&mut self) -> Result<()> {
        self.ticks += 1;
        let name = self.name();
        match (self.random.below(16), self.now.contains_key(&path(&name))) {
            (0..=5, false) | (0, true) => self.replace_by_rename(&name),
            (1..=4, true) => self.append(&name),
            (5, true) => self.overwrite(&name),
            (6, true) => self.resize(&name),
            (7, true) => self.unlink(&name),
            (8, true) => self.rename(&name),
            (9, _) => self.crowd(),
            (10, _) if self.random.happens(1, 6) => self.large(),
            (11..=13, _) => self.sync(),
            _ => Ok(()),
        }
    }

    fn name(&mut self) -> String {
        format!("file {}", self.random.below(FILES))
    }

    fn maker(&self) -> Maker {
        Maker { user: 7, group: 8, permissions: 0o600, now: time(self.ticks) }
    }

    fn promise(&mut self, promise: Promise) {
        self.promises.push((self.record.len(), promise));
    }

    fn changing(&mut self, name: &str, at_end: bool) {
        self.promise(Promise::Changing { path: path(name), at_end });
    }

    fn data(&mut self, most: u64) -> Vec<u8> {
        let length = 1 + self.random.below(most);
        let first = self.random.number();
        (0..length).map(|at| (first.wrapping_mul(at | 1) >> 32) as u8).collect()
    }

    fn sync(&mut self) -> Result<()> {
        self.fs.sync()?;
        let mark = self.promises.len();
        self.record.push(Event::Mark(mark));
        let contents = self
            .now
            .iter()
            .map(|(path, (_, bytes))| (path.clone(), Some((bytes.len() as u64, hash(bytes)))))
            .collect();
        self.promise(Promise::Synced(contents));
        Ok(())
    }

    /// Writes a new file beside and renames it over: what editors do.
    fn replace_by_rename(&mut self, name: &str) -> Result<()> {
        self.changing("new", false);
        self.changing(name, false);
        let data = self.data(30_000);
        let maker = self.maker();
        let node = self.fs.create(self.directory, b"new", New::File, maker)?;
        self.fs.write(node, 0, &data, maker.now)?;
        let to = self.directory;
        self.fs.rename(to, b"new", to, name.as_bytes(), Rename::Replace, maker.now)?;
        self.now.insert(path(name), (node, data));
        Ok(())
    }

    fn append(&mut self, name: &str) -> Result<()> {
        self.changing(name, true);
        let data = self.data(9000);
        let now = time(self.ticks);
        if let Some((node, contents)) = self.now.get_mut(&path(name)) {
            self.fs.write(*node, contents.len() as u64, &data, now)?;
            contents.extend(data);
        }
        Ok(())
    }

    fn overwrite(&mut self, name: &str) -> Result<()> {
        self.changing(name, false);
        let data = self.data(5000);
        let now = time(self.ticks);
        if let Some((node, contents)) = self.now.get_mut(&path(name)) {
            let offset = self.random.below(contents.len() as u64 + 20_000) as usize;
            self.fs.write(*node, offset as u64, &data, now)?;
            contents.resize(contents.len().max(offset + data.len()), 0);
            contents[offset..offset + data.len()].copy_from_slice(&data);
        }
        Ok(())
    }

    fn resize(&mut self, name: &str) -> Result<()> {
        self.changing(name, false);
        let now = time(self.ticks);
        if let Some((node, contents)) = self.now.get_mut(&path(name)) {
            let size = self.random.below(2 * contents.len() as u64);
            let changes = Changes { size: Some(size), ..Changes::default() };
            self.fs.set_attributes(*node, &changes, now)?;
            contents.resize(size as usize, 0);
        }
        Ok(())
    }

    /// Unlinks a file, sometimes while it is held, so that it becomes an orphan.
    fn unlink(&mut self, name: &str) -> Result<()> {
        self.changing(name, false);
        let now = time(self.ticks);
        if let Some((node, _)) = self.now.remove(&path(name)) {
            let held = self.random.happens(1, 2);
            if held {
                self.fs.hold(node)?;
            }
            self.fs.unlink(self.directory, name.as_bytes(), now)?;
            if held && self.random.happens(1, 2) {
                self.fs.release(node)?;
            }
        }
        Ok(())
    }

    fn rename(&mut self, name: &str) -> Result<()> {
        let new_name = self.name();
        self.changing(name, false);
        self.changing(&new_name, false);
        let (to, now) = (self.directory, time(self.ticks));
        self.fs.rename(to, name.as_bytes(), to, new_name.as_bytes(), Rename::Replace, now)?;
        if let Some(file) = self.now.remove(&path(name)) {
            self.now.insert(path(&new_name), file);
        }
        Ok(())
    }

    /// Makes or removes many names at once, so that directories and their indices grow.
    fn crowd(&mut self) -> Result<()> {
        let maker = self.maker();
        match self.fs.lookup(ROOT, b"crowd") {
            Ok(crowd) => {
                for number in 0..40 {
                    self.fs.unlink(crowd, crowd_name(number).as_bytes(), maker.now)?;
                }
                self.fs.remove_directory(ROOT, b"crowd", maker.now)?;
            }
            Err(_) => {
                let crowd = self.fs.create(ROOT, b"crowd", New::Directory, maker)?;
                for number in 0..40 {
                    let target = crowd_name(number + 1);
                    let new = New::Link(target.as_bytes());
                    self.fs.create(crowd, crowd_name(number).as_bytes(), new, maker)?;
                }
            }
        }
        Ok(())
    }

    /// Makes or removes a file of many extents, which takes several transactions to free.
    fn large(&mut self) -> Result<()> {
        self.changing("large", false);
        let maker = self.maker();
        let (to, now) = (self.directory, maker.now);
        if self.now.remove(&path("large")).is_some() {
            return Ok(self.fs.unlink(to, b"large", now)?);
        }
        let node = self.fs.create(to, b"large", New::File, maker)?;
        let mut contents = vec![];
        for piece in 0..40 {
            let data = self.data(2000);
            let offset = piece * 9000;
            self.fs.write(node, offset as u64, &data, now)?;
            contents.resize(offset, 0);
            contents.extend(data);
        }
        self.now.insert(path("large"), (node, contents));
        Ok(())
    }
}

fn path(name: &str) -> String {
    format!("/d/{name}")
}

fn crowd_name(number: u64) -> String {
    format!("{number}{}", "-one of many".repeat(18))
}

/// What must hold at a moment: what every path holds for sure, and which may have grown.
pub fn expected(promises: &[(usize, Promise)], events: usize) -> BTreeMap<&str, (Contents, bool)> {
    let mut expected: BTreeMap<&str, (Contents, bool)> = BTreeMap::new();
    for (_, promise) in promises.iter().take_while(|(from, _)| *from < events) {
        match promise {
            Promise::Synced(contents) => {
                expected = contents.iter().map(|(path, held)| (&**path, (*held, false))).collect();
            }
            Promise::Changing { path, at_end: true } => {
                if let Some(entry) = expected.get_mut(&**path) {
                    entry.1 = true;
                }
            }
            Promise::Changing { path, at_end: false } => {
                expected.remove(&**path);
            }
        }
    }
    expected
}
