//! Names: finding, making, linking, unlinking and renaming nodes.

use alloc::vec::Vec;

use koito_block::{BlockDevice, Use};

use crate::attributes::{Kind, Maker, New, Node, ROOT, Rename, Time};
use crate::directory::{Directory, Found, LONGEST_NAME};
use crate::error::{Errno, Error, Result, corrupt};
use crate::extent::{self, Extent};
use crate::filesystem::{FileSystem, SPARE};
use crate::inode::{Inode, Stamp};

/// Most names that a node can have.
const MOST_LINKS: u16 = 65000;
/// Link targets shorter than this lie in the inode.
const SHORT_TARGET: usize = 60;

/// A name that can be made or removed.
fn check_name(name: &[u8]) -> Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0)
    {
        return Err(Error::new(Errno::Invalid, "name: empty, `.`, `..`, or with `/` or NUL"));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::new(Errno::NameTooLong, "name: longer than 255 bytes"));
    }
    Ok(())
}

const NO_ENTRY: Error = Error::new(Errno::NoEntry, "name: it does not exist");
const EXISTS: Error = Error::new(Errno::Exists, "name: it exists");

impl<D: BlockDevice> FileSystem<D> {
    fn directory_of(&mut self, node: Node) -> Result<Directory> {
        self.node(node)?;
        self.directory(node.0)
    }

    /// The inode that an entry names, which cannot be one that the file system needs itself.
    fn entry_inode(&mut self, found: &Found) -> Result<Inode> {
        if found.inode < self.superblock.first_inode() && found.inode != ROOT.0 {
            return Err(corrupt("directory: an entry names a reserved inode"));
        }
        self.inode(found.inode).map_err(|error| match error.errno {
            Errno::NoEntry => corrupt("directory: an entry names an unused inode"),
            _ => error,
        })
    }

    /// The node called `name` in `directory`; `.` and `..` are names, too.
    pub fn lookup(&mut self, directory: Node, name: &[u8]) -> Result<Node> {
        let directory = self.directory_of(directory)?;
        if name.len() > LONGEST_NAME {
            return Err(Error::new(Errno::NameTooLong, "name: longer than 255 bytes"));
        }
        let found = self.find_entry(&directory, name)?.ok_or(NO_ENTRY)?;
        self.entry_inode(&found)?;
        Ok(Node(found.inode))
    }

    /// Makes a node called `name` in `directory`. All or nothing happens.
    pub fn create(
        &mut self,
        directory: Node,
        name: &[u8],
        new: New<'_>,
        maker: Maker,
    ) -> Result<Node> {
        check_name(name)?;
        if let New::Link(target) = new {
            if target.is_empty() || target.contains(&0) {
                return Err(Error::new(Errno::Invalid, "target: empty, or with NUL"));
            }
            if target.len() >= self.superblock.block_bytes {
                return Err(Error::new(Errno::NameTooLong, "target: longer than a block"));
            }
        }
        self.changing(maker.now, |this| {
            let mut directory = this.directory_of(directory)?;
            if this.find_entry(&directory, name)?.is_some() {
                return Err(EXISTS);
            }
            let kind = new.kind();
            if kind == Kind::Directory {
                this.check_subdirectories(&directory.inode)?;
            }
            this.reserve(SPARE)?;
            let number = this.allocate_inode(directory.number, kind)?;
            let mut inode = this.new_inode(&new, maker);
            let entered = this.insert_entry(&mut directory, name, number, kind);
            if entered.is_err() {
                // The directory's index is full: what was made for it is a valid directory.
                this.keep(directory.number, directory.inode);
                this.free_inode(number, inode)?;
                return entered.map(|()| Node(number));
            }
            match new {
                New::Directory => {
                    inode = this.start_directory(number, inode, directory.number)?.inode;
                    this.add_subdirectory(&mut directory.inode, 1);
                }
                New::Link(target) if target.len() >= SHORT_TARGET => {
                    this.store_target(&mut inode, number, target)?;
                }
                _ => {}
            }
            this.touch(&mut directory.inode);
            this.keep(directory.number, directory.inode);
            this.keep(number, inode);
            Ok(Node(number))
        })
    }

    /// The inode of a new node, without blocks.
    fn new_inode(&mut self, new: &New<'_>, maker: Maker) -> Inode {
        self.generation = self.generation.wrapping_add(1);
        let mut inode = Inode::empty(self.superblock.inode_bytes);
        let extra = self.superblock.extra_bytes();
        inode.initialise(new.kind(), maker.permissions, self.generation, extra);
        inode.set_owner(maker.user, maker.group);
        inode.set_links(1);
        for stamp in [Stamp::Access, Stamp::Change, Stamp::Modify, Stamp::Creation] {
            inode.set_time(stamp, maker.now);
        }
        match *new {
            New::File | New::Directory => extent::initialise(&mut inode),
            New::Link(target) if target.len() < SHORT_TARGET => {
                inode.root_mut()[..target.len()].copy_from_slice(target);
                inode.set_size(target.len() as u64);
            }
            New::Link(_) => extent::initialise(&mut inode),
            New::CharacterDevice(major, minor) | New::BlockDevice(major, minor) => {
                inode.set_device(major, minor);
            }
            New::Fifo | New::Socket => {}
        }
        if matches!(new, New::Directory) {
            inode.set_links(2);
        }
        inode
    }

    fn store_target(&mut self, inode: &mut Inode, number: u32, target: &[u8]) -> Result<()> {
        let goal = self.superblock.group_start(self.split_inode(number).0);
        let (physical, _) = self.allocate(goal, 1)?;
        inode.add_blocks(1, &self.superblock);
        inode.set_size(target.len() as u64);
        let piece = Extent { logical: 0, count: 1, physical, unwritten: false };
        self.insert_extent(inode, number, piece)?;
        self.cache.replace(physical, Use::Data)?[..target.len()].copy_from_slice(target);
        Ok(())
    }

    /// The target of a symbolic link.
    pub fn read_link(&mut self, link: Node) -> Result<Vec<u8>> {
        let inode = self.node(link)?;
        if inode.kind() != Some(Kind::Link) {
            return Err(Error::new(Errno::Invalid, "link: the node is none"));
        }
        let size = inode.size() as usize;
        if inode.size() < SHORT_TARGET as u64 {
            return Ok(inode.root()[..size].to_vec());
        }
        if inode.size() >= self.superblock.block_bytes as u64 {
            return Err(corrupt("link: longer than a block"));
        }
        let mut target = alloc::vec![0; size];
        self.read_blocks(&inode, link.0, 0, &mut target)?;
        Ok(target)
    }

    /// Gives `node`, which is no directory, a further name.
    pub fn link(&mut self, node: Node, directory: Node, name: &[u8], now: Time) -> Result<()> {
        check_name(name)?;
        self.changing(now, |this| {
            let mut directory = this.directory_of(directory)?;
            let mut inode = this.node(node)?;
            let Some(kind) = inode.kind().filter(|kind| *kind != Kind::Directory) else {
                return Err(Error::new(Errno::IsDirectory, "node: directories have one name"));
            };
            if inode.links() == 0 {
                return Err(Error::new(Errno::NoEntry, "node: its last name is gone"));
            }
            if inode.links() >= MOST_LINKS {
                return Err(Error::new(Errno::TooManyLinks, "node: it has 65000 names"));
            }
            if this.find_entry(&directory, name)?.is_some() {
                return Err(EXISTS);
            }
            this.reserve(SPARE)?;
            let entered = this.insert_entry(&mut directory, name, node.0, kind);
            if entered.is_ok() {
                this.touch(&mut directory.inode);
                inode.set_links(inode.links() + 1);
                inode.set_time(Stamp::Change, now);
                this.keep(node.0, inode);
            }
            this.keep(directory.number, directory.inode);
            entered
        })
    }

    /// Removes a name that is no directory's. The node goes with its last name, or when it is
    /// released for the last time.
    pub fn unlink(&mut self, directory: Node, name: &[u8], now: Time) -> Result<()> {
        check_name(name)?;
        self.changing(now, |this| {
            let mut directory = this.directory_of(directory)?;
            let found = this.find_entry(&directory, name)?.ok_or(NO_ENTRY)?;
            let inode = this.entry_inode(&found)?;
            if inode.kind() == Some(Kind::Directory) {
                return Err(Error::new(Errno::IsDirectory, "name: it is a directory"));
            }
            this.remove_entry(&directory, &found)?;
            this.touch(&mut directory.inode);
            this.keep(directory.number, directory.inode);
            this.drop_name(found.inode, inode)
        })
    }

    /// Removes an empty directory.
    pub fn remove_directory(&mut self, parent: Node, name: &[u8], now: Time) -> Result<()> {
        check_name(name)?;
        self.changing(now, |this| {
            let mut parent = this.directory_of(parent)?;
            let found = this.find_entry(&parent, name)?.ok_or(NO_ENTRY)?;
            let gone = this.removable_directory(&found)?;
            this.remove_entry(&parent, &found)?;
            this.add_subdirectory(&mut parent.inode, -1);
            this.touch(&mut parent.inode);
            this.keep(parent.number, parent.inode);
            this.drop_name(found.inode, gone)
        })
    }

    /// The inode of an empty directory that an entry names.
    fn removable_directory(&mut self, found: &Found) -> Result<Inode> {
        self.entry_inode(found)?;
        let directory = self.directory(found.inode)?;
        if found.inode == ROOT.0 {
            return Err(Error::new(Errno::Busy, "name: it is the root directory"));
        }
        if !self.is_empty(&directory)? {
            return Err(Error::new(Errno::NotEmpty, "name: the directory has entries"));
        }
        Ok(directory.inode)
    }

    /// Renames `name` in `from` to `new_name` in `to`. After a crash, either name is there, and if
    /// something was replaced, it or its replacement.
    pub fn rename(
        &mut self,
        from: Node,
        name: &[u8],
        to: Node,
        new_name: &[u8],
        mode: Rename,
        now: Time,
    ) -> Result<()> {
        check_name(name)?;
        check_name(new_name)?;
        self.changing(now, |this| {
            let source = this.directory_of(from)?;
            let target = this.directory_of(to)?;
            let found = this.find_entry(&source, name)?.ok_or(NO_ENTRY)?;
            let replaced = this.find_entry(&target, new_name)?;
            match (mode, &replaced) {
                (Rename::Keep, Some(_)) => return Err(EXISTS),
                (Rename::Exchange, None) => return Err(NO_ENTRY),
                (_, Some(other)) if other.inode == found.inode => return Ok(()),
                _ => {}
            }
            let moved = this.entry_inode(&found)?;
            this.check_not_inside(&moved, found.inode, &target)?;
            match replaced {
                Some(other) if mode == Rename::Exchange => {
                    let back = this.entry_inode(&other)?;
                    this.check_not_inside(&back, other.inode, &source)?;
                    this.exchange(source, found, moved, target, other, back)
                }
                Some(other) => this.replace(source, found, moved, target, other),
                None => this.move_entry(source, found, moved, target, (name, new_name)),
            }
        })
    }

    /// Refuses to move a directory into itself or below.
    fn check_not_inside(&mut self, moved: &Inode, number: u32, into: &Directory) -> Result<()> {
        let mut above = into.clone();
        if moved.kind() != Some(Kind::Directory) {
            return Ok(());
        }
        for _ in 0..self.superblock.inodes() {
            if above.number == number {
                return Err(Error::new(Errno::Invalid, "new name: inside of what is moved"));
            }
            if above.number == ROOT.0 {
                return Ok(());
            }
            let parent = self.parent(&above)?.inode;
            above = self.directory(parent)?;
        }
        Err(corrupt("directory: it is above itself"))
    }

    fn exchange(
        &mut self,
        mut source: Directory,
        found: Found,
        moved: Inode,
        mut target: Directory,
        other: Found,
        back: Inode,
    ) -> Result<()> {
        let (Some(moved_kind), Some(back_kind)) = (moved.kind(), back.kind()) else {
            return Err(corrupt("node: unknown kind"));
        };
        let source_gains =
            i32::from(back_kind == Kind::Directory) - i32::from(moved_kind == Kind::Directory);
        if source.number != target.number {
            let gaining = if source_gains > 0 { &source } else { &target };
            if source_gains != 0 {
                self.check_subdirectories(&gaining.inode)?;
            }
        }
        self.redirect_entry(&source, &found, other.inode, back_kind)?;
        self.redirect_entry(&target, &other, found.inode, moved_kind)?;
        if source.number != target.number {
            self.move_parent(found.inode, &moved, target.number)?;
            self.move_parent(other.inode, &back, source.number)?;
            self.add_subdirectory(&mut source.inode, source_gains);
            self.add_subdirectory(&mut target.inode, -source_gains);
            self.touch(&mut target.inode);
            self.keep(target.number, target.inode);
        }
        self.touch(&mut source.inode);
        self.keep(source.number, source.inode);
        for (number, mut inode) in [(found.inode, moved), (other.inode, back)] {
            inode.set_time(Stamp::Change, self.now);
            self.keep(number, inode);
        }
        Ok(())
    }

    /// Moves an entry over another, whose node loses the name.
    fn replace(
        &mut self,
        mut source: Directory,
        found: Found,
        mut moved: Inode,
        mut target: Directory,
        other: Found,
    ) -> Result<()> {
        let gone = self.entry_inode(&other)?;
        let is_directory = moved.kind() == Some(Kind::Directory);
        match (is_directory, gone.kind() == Some(Kind::Directory)) {
            (true, true) => drop(self.removable_directory(&other)?),
            (true, false) => {
                return Err(Error::new(Errno::NotDirectory, "new name: not a directory"));
            }
            (false, true) => {
                return Err(Error::new(Errno::IsDirectory, "new name: a directory"));
            }
            (false, false) => {}
        }
        let kind = moved.kind().ok_or(corrupt("node: unknown kind"))?;
        self.redirect_entry(&target, &other, found.inode, kind)?;
        self.remove_entry(&source, &found)?;
        if is_directory {
            // The target directory loses one and gains one.
            self.add_subdirectory(&mut source.inode, -1);
            if source.number != target.number {
                self.move_parent(found.inode, &moved, target.number)?;
            }
        }
        self.touch(&mut source.inode);
        self.keep(source.number, source.inode);
        if source.number != target.number {
            self.touch(&mut target.inode);
            self.keep(target.number, target.inode);
        }
        moved.set_time(Stamp::Change, self.now);
        self.keep(found.inode, moved);
        self.drop_name(other.inode, gone)
    }

    /// Moves an entry to a name that is free: the old and the new one.
    fn move_entry(
        &mut self,
        mut source: Directory,
        found: Found,
        mut moved: Inode,
        mut target: Directory,
        (name, new_name): (&[u8], &[u8]),
    ) -> Result<()> {
        let kind = moved.kind().ok_or(corrupt("node: unknown kind"))?;
        let same = source.number == target.number;
        if kind == Kind::Directory && !same {
            self.check_subdirectories(&target.inode)?;
        }
        self.reserve(SPARE)?;
        let entered = self.insert_entry(&mut target, new_name, found.inode, kind);
        if entered.is_err() {
            self.keep(target.number, target.inode);
            return entered;
        }
        if kind == Kind::Directory && !same {
            self.move_parent(found.inode, &moved, target.number)?;
            self.add_subdirectory(&mut source.inode, -1);
            self.add_subdirectory(&mut target.inode, 1);
        }
        self.touch(&mut target.inode);
        self.keep(target.number, target.inode);
        if same {
            source = self.directory(source.number)?;
        }
        // The old entry may have moved when the new one was added.
        let found = self.find_entry(&source, name)?.ok_or(NO_ENTRY)?;
        self.remove_entry(&source, &found)?;
        self.touch(&mut source.inode);
        self.keep(source.number, source.inode);
        moved.set_time(Stamp::Change, self.now);
        self.keep(found.inode, moved);
        Ok(())
    }

    /// Makes `..` of a directory that is moved name its new parent.
    fn move_parent(&mut self, number: u32, inode: &Inode, parent: u32) -> Result<()> {
        if inode.kind() == Some(Kind::Directory) {
            let directory = self.directory(number)?;
            let entry = self.parent(&directory)?;
            self.redirect_entry(&directory, &entry, parent, Kind::Directory)?;
        }
        Ok(())
    }

    /// Refuses one more subdirectory where the format cannot count it.
    fn check_subdirectories(&self, parent: &Inode) -> Result<()> {
        if parent.links() >= MOST_LINKS && !self.superblock.has_many_directories() {
            return Err(Error::new(Errno::TooManyLinks, "directory: 65000 subdirectories"));
        }
        Ok(())
    }

    /// Counts subdirectories: each has a name for its parent. A count of 1 means too many to count.
    fn add_subdirectory(&self, parent: &mut Inode, more: i32) {
        let links = parent.links();
        if links > 1 && more != 0 {
            let count = i32::from(links) + more;
            let countable = (2..=i32::from(MOST_LINKS)).contains(&count);
            parent.set_links(if countable || more < 0 { count.max(2) as u16 } else { 1 });
        }
    }

    /// The contents of a directory changed.
    fn touch(&self, inode: &mut Inode) {
        inode.set_time(Stamp::Modify, self.now);
        inode.set_time(Stamp::Change, self.now);
    }
}
