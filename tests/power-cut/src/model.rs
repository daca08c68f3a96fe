//! A file system as it should be: trees in plain memory, beside which a real one is driven.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use koito_block::{BlockDevice, MemoryDevice};
use koito_fs::{
    Access, Changes, Cookie, Errno, FileSystem, Kind, Maker, New, Node, ROOT, Rename, Time,
};

use crate::random::Random;
use crate::scratch::Scratch;
use crate::{fsck, load};

/// What is random in the names of a directory.
const NAMES: u64 = 300;
/// Directories besides the root.
const DIRECTORIES: u64 = 4;
/// Longest file, in bytes.
const LONGEST: u64 = 400_000;

/// What the model knows of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    File(Vec<u8>),
    Link(Vec<u8>),
    Directory,
}

/// The model: nodes, and who is called what.
#[derive(Clone, Debug, Default)]
pub struct Model {
    nodes: BTreeMap<Node, Body>,
    names: BTreeMap<(Node, Vec<u8>), Node>,
    /// Nodes without names that are held.
    held: BTreeSet<Node>,
    directories: Vec<Node>,
    ticks: i64,
    /// Operations that found the device full.
    pub refused: u64,
}

/// An operation that may find the device full.
fn unless_full<T>(result: koito_fs::Result<T>, refused: &mut u64) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.errno == Errno::NoSpace => {
            *refused += 1;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl Model {
    /// The model of an image that has only a root directory with `lost+found`.
    pub fn new<D: BlockDevice>(fs: &mut FileSystem<D>) -> Result<Self> {
        let mut model = Self { directories: vec![ROOT], ticks: 1_700_000_000, ..Self::default() };
        let lost = fs.lookup(ROOT, b"lost+found")?;
        model.nodes.insert(lost, Body::Directory);
        model.names.insert((ROOT, b"lost+found".to_vec()), lost);
        for number in 0..DIRECTORIES {
            let name = format!("directory {number}").into_bytes();
            let node = fs.create(ROOT, &name, New::Directory, model.maker())?;
            model.nodes.insert(node, Body::Directory);
            model.names.insert((ROOT, name), node);
            model.directories.push(node);
        }
        Ok(model)
    }

    fn now(&mut self) -> Time {
        self.ticks += 1;
        Time { seconds: self.ticks, nanoseconds: 5 }
    }

    fn maker(&mut self) -> Maker {
        Maker { user: 1000, group: 70_000, permissions: 0o640, now: self.now() }
    }

    fn place(&self, random: &mut Random) -> (Node, Vec<u8>) {
        let directory = self.directories[random.below(self.directories.len() as u64) as usize];
        let number = random.below(NAMES);
        let padding = "x".repeat((number % 40) as usize * 3);
        (directory, format!("name {number} {padding}").into_bytes())
    }

    fn names_of(&self, node: Node) -> usize {
        self.names.values().filter(|other| **other == node).count()
    }

    /// Plays one random operation on both.
    pub fn step<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        random: &mut Random,
    ) -> Result<()> {
        let (directory, name) = self.place(random);
        let found = self.names.get(&(directory, name.clone())).copied();
        match (random.below(20), found) {
            (0..=4, None) => self.create(fs, directory, name, random),
            (5..=9, Some(node)) => self.write(fs, node, random),
            (10, Some(node)) => self.resize(fs, node, random),
            (11..=12, Some(node)) => self.unlink(fs, directory, name, node, random),
            (13..=14, Some(node)) => self.rename(fs, directory, name, node, random),
            (15, Some(node)) => self.link(fs, node, random),
            (16, _) => self.release(fs, random),
            (17, Some(node)) => self.compare_node(fs, node),
            (18, _) if random.happens(1, 4) => Ok(fs.sync()?),
            (19, _) if random.happens(1, 20) => self.compare(fs),
            _ => Ok(()),
        }
    }

    fn create<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        directory: Node,
        name: Vec<u8>,
        random: &mut Random,
    ) -> Result<()> {
        let target = vec![b't'; 1 + random.below(200) as usize];
        let (new, body) = match random.below(6) {
            0 => (New::Link(&target), Body::Link(target.clone())),
            _ => (New::File, Body::File(vec![])),
        };
        let maker = self.maker();
        if let Some(node) = unless_full(fs.create(directory, &name, new, maker), &mut self.refused)?
        {
            ensure!(self.nodes.insert(node, body).is_none(), "node {node:?} was in use");
            self.names.insert((directory, name), node);
        }
        Ok(())
    }

    fn write<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        node: Node,
        random: &mut Random,
    ) -> Result<()> {
        let now = self.now();
        let Some(Body::File(contents)) = self.nodes.get_mut(&node) else { return Ok(()) };
        let append = random.happens(1, 2) && (contents.len() as u64) < LONGEST;
        let offset = if append { contents.len() as u64 } else { random.below(LONGEST) };
        let length = if random.happens(1, 3) { random.below(60_000) } else { random.below(5000) };
        let data: Vec<u8> = (0..length).map(|at| (at * 7 + offset) as u8 | 1).collect();
        let done = unless_full(fs.write(node, offset, &data, now), &mut self.refused)?.unwrap_or(0);
        let end = offset as usize + done;
        if done > 0 {
            contents.resize(contents.len().max(end), 0);
            contents[offset as usize..end].copy_from_slice(&data[..done]);
        }
        Ok(())
    }

    fn resize<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        node: Node,
        random: &mut Random,
    ) -> Result<()> {
        let now = self.now();
        let Some(Body::File(contents)) = self.nodes.get_mut(&node) else { return Ok(()) };
        let size = random.below(LONGEST);
        let changes = Changes { size: Some(size), ..Changes::default() };
        fs.set_attributes(node, &changes, now)?;
        contents.resize(size as usize, 0);
        Ok(())
    }

    fn lose_name<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        node: Node,
        held: bool,
    ) -> Result<()> {
        if self.names_of(node) == 0 {
            if held {
                self.held.insert(node);
                self.compare_node(fs, node)?;
            } else {
                self.nodes.remove(&node);
            }
        } else if held {
            fs.release(node)?;
        }
        Ok(())
    }

    fn unlink<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        directory: Node,
        name: Vec<u8>,
        node: Node,
        random: &mut Random,
    ) -> Result<()> {
        let held = random.happens(1, 3);
        if held {
            fs.hold(node)?;
        }
        let now = self.now();
        fs.unlink(directory, &name, now)?;
        self.names.remove(&(directory, name));
        self.lose_name(fs, node, held)
    }

    fn rename<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        directory: Node,
        name: Vec<u8>,
        node: Node,
        random: &mut Random,
    ) -> Result<()> {
        let (to, new_name) = self.place(random);
        let other = self.names.get(&(to, new_name.clone())).copied();
        let mode = match random.below(3) {
            0 => Rename::Keep,
            1 => Rename::Exchange,
            _ => Rename::Replace,
        };
        let now = self.now();
        let done = fs.rename(directory, &name, to, &new_name, mode, now);
        match (mode, other) {
            (Rename::Keep, Some(_)) => {
                ensure!(matches!(done, Err(error) if error.errno == Errno::Exists), "{done:?}");
                return Ok(());
            }
            (Rename::Exchange, None) => {
                ensure!(matches!(done, Err(error) if error.errno == Errno::NoEntry), "{done:?}");
                return Ok(());
            }
            _ => {}
        }
        if unless_full(done, &mut self.refused)?.is_none() || other == Some(node) {
            return Ok(());
        }
        self.names.remove(&(directory, name.clone()));
        self.names.insert((to, new_name), node);
        match other {
            Some(other) if mode == Rename::Exchange => {
                self.names.insert((directory, name), other);
                Ok(())
            }
            Some(other) => self.lose_name(fs, other, false),
            None => Ok(()),
        }
    }

    fn link<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        node: Node,
        random: &mut Random,
    ) -> Result<()> {
        let (directory, name) = self.place(random);
        let now = self.now();
        let done = fs.link(node, directory, &name, now);
        if self.names.contains_key(&(directory, name.clone())) {
            ensure!(matches!(done, Err(error) if error.errno == Errno::Exists), "{done:?}");
        } else if unless_full(done, &mut self.refused)?.is_some() {
            self.names.insert((directory, name), node);
        }
        Ok(())
    }

    fn release<D: BlockDevice>(
        &mut self,
        fs: &mut FileSystem<D>,
        random: &mut Random,
    ) -> Result<()> {
        let which = random.below(self.held.len() as u64) as usize;
        if let Some(node) = self.held.iter().nth(which).copied() {
            self.compare_node(fs, node)?;
            fs.release(node)?;
            self.held.remove(&node);
            self.nodes.remove(&node);
        }
        Ok(())
    }

    /// Forgets what a fresh mount has forgotten: nodes without names.
    pub fn remounted(&mut self) {
        for node in std::mem::take(&mut self.held) {
            self.nodes.remove(&node);
        }
    }

    /// Releases everything that is held.
    pub fn release_all<D: BlockDevice>(&mut self, fs: &mut FileSystem<D>) -> Result<()> {
        for node in std::mem::take(&mut self.held) {
            fs.release(node)?;
            self.nodes.remove(&node);
        }
        Ok(())
    }

    fn compare_node<D: BlockDevice>(&mut self, fs: &mut FileSystem<D>, node: Node) -> Result<()> {
        let attributes = fs.attributes(node)?;
        match &self.nodes[&node] {
            Body::File(contents) => {
                ensure!(attributes.kind == Kind::File, "{node:?} is no file");
                ensure!(attributes.size == contents.len() as u64, "size of {node:?}");
                ensure!(usize::from(attributes.links) == self.names_of(node), "links of {node:?}");
                let mut seen = vec![0xee; contents.len() + 10];
                let length = fs.read(node, 0, &mut seen)?;
                ensure!(seen[..length] == contents[..], "contents of {node:?} differ");
            }
            Body::Link(target) => ensure!(fs.read_link(node)? == *target, "target of {node:?}"),
            Body::Directory => ensure!(attributes.kind == Kind::Directory, "{node:?} is none"),
        }
        Ok(())
    }

    /// Compares all of the real file system with the model.
    pub fn compare<D: BlockDevice>(&mut self, fs: &mut FileSystem<D>) -> Result<()> {
        for node in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.compare_node(fs, node).with_context(|| format!("node {node:?}"))?;
        }
        for directory in &self.directories {
            let mut seen = BTreeMap::new();
            let mut cookie = Cookie::default();
            loop {
                let mut taken = 0;
                fs.list(*directory, cookie, |entry| {
                    if taken == 7 {
                        return false;
                    }
                    taken += 1;
                    cookie = entry.next;
                    if entry.name != b"." && entry.name != b".." {
                        seen.insert((*directory, entry.name.to_vec()), entry.node);
                    }
                    true
                })?;
                if taken == 0 {
                    break;
                }
            }
            let start = (*directory, vec![]);
            let expected: BTreeMap<_, _> = self
                .names
                .range(start..)
                .take_while(|((parent, _), _)| parent == directory)
                .map(|(name, node)| (name.clone(), *node))
                .collect();
            ensure!(
                seen == expected,
                "{directory:?}: {} names, not {}",
                seen.len(),
                expected.len()
            );
        }
        for ((directory, name), node) in &self.names {
            ensure!(fs.lookup(*directory, name)? == *node, "lookup of {name:?}");
        }
        Ok(())
    }
}

/// Plays `steps` random operations on `image` and a model, mounts again now and then, and lets
/// `e2fsck` look at the end. Answers how many found the disk full.
pub fn run(image: Vec<u8>, steps: u64, seed: u64, scratch: &Scratch) -> Result<u64> {
    let options = load::options(Access::ReadWrite);
    let mut fs = FileSystem::mount(MemoryDevice::new(image), options)?;
    let mut model = Model::new(&mut fs)?;
    let mut random = Random::new(seed);
    for step in 0..steps {
        model.step(&mut fs, &mut random).with_context(|| format!("step {step}"))?;
        if random.happens(1, 3000) {
            fs = FileSystem::mount(fs.unmount()?, options)?;
            model.remounted();
            model.compare(&mut fs)?;
        }
    }
    model.compare(&mut fs)?;
    model.release_all(&mut fs)?;
    let file = scratch.path().join("model.img");
    std::fs::write(&file, fs.unmount()?.bytes())?;
    fsck::is_clean(&file)?;
    Ok(model.refused)
}
