//! Names: finding, making, linking and unlinking nodes.

use alloc::vec::Vec;

use koito_block::{BlockDevice, Use};

use crate::attributes::{Kind, Maker, New, Node, ROOT, Time};
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
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0)
    {
        return Err(Error::new(Errno::Invalid, "name: empty, `.`, `..`, or with `/` or NUL"));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::new(Errno::NameTooLong, "name: longer than 255 bytes"));
    }
    Ok(())
}

pub(crate) const NO_ENTRY: Error = Error::new(Errno::NoEntry, "name: it does not exist");
pub(crate) const EXISTS: Error = Error::new(Errno::Exists, "name: it exists");

impl<D: BlockDevice> FileSystem<D> {
    pub(crate) fn directory_of(&mut self, node: Node) -> Result<Directory> {
        self.node(node)?;
        self.directory(node.0)
    }

    /// The inode that an entry names, which cannot be one that the file system needs itself.
    pub(crate) fn entry_inode(&mut self, found: &Found) -> Result<Inode> {
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
    pub(crate) fn removable_directory(&mut self, found: &Found) -> Result<Inode> {
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

    /// Refuses one more subdirectory where the format cannot count it.
    pub(crate) fn check_subdirectories(&self, parent: &Inode) -> Result<()> {
        if parent.links() >= MOST_LINKS && !self.superblock.has_many_directories() {
            return Err(Error::new(Errno::TooManyLinks, "directory: 65000 subdirectories"));
        }
        Ok(())
    }

    /// Counts subdirectories: each has a name for its parent. A count of 1 means too many to count.
    pub(crate) fn add_subdirectory(&self, parent: &mut Inode, more: i32) {
        let links = parent.links();
        if links > 1 && more != 0 {
            let count = i32::from(links) + more;
            let countable = (2..=i32::from(MOST_LINKS)).contains(&count);
            parent.set_links(if countable || more < 0 { count.max(2) as u16 } else { 1 });
        }
    }

    /// The contents of a directory changed.
    pub(crate) fn touch(&self, inode: &mut Inode) {
        inode.set_time(Stamp::Modify, self.now);
        inode.set_time(Stamp::Change, self.now);
    }
}
