//! Renaming: to a name that is free, over another, or exchanging two.

use koito_block::BlockDevice;

use crate::attributes::{Kind, Node, ROOT, Rename, Time};
use crate::directory::{Directory, Found};
use crate::error::{Errno, Error, Result, corrupt};
use crate::filesystem::{FileSystem, SPARE};
use crate::inode::{Inode, Stamp};
use crate::namespace::{EXISTS, NO_ENTRY, check_name};

impl<D: BlockDevice> FileSystem<D> {
    /// Renames `name` in `from` to `new_name` in `to`. After a crash, either name is there, and if
    /// something was replaced, it or its replacement. Where several errors could be told, it is the one that
    /// Linux tells: a place within what is moved, then one above it, then what kinds of nodes meet.
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
            if this.lies_in(&target, &moved, found.inode)? {
                return Err(Error::new(Errno::Invalid, "new name: inside of what is moved"));
            }
            let Some(other) = replaced else {
                return this.move_entry(source, found, moved, target, (name, new_name));
            };
            let there = this.entry_inode(&other)?;
            let is_above = this.lies_in(&source, &there, other.inode)?;
            match mode {
                Rename::Exchange if is_above => {
                    Err(Error::new(Errno::Invalid, "old name: inside of what it is exchanged with"))
                }
                Rename::Exchange => this.exchange(source, found, moved, target, other, there),
                _ if is_above => Err(Error::new(Errno::NotEmpty, "new name: holds the old one")),
                _ => this.replace(source, found, moved, target, other, there),
            }
        })
    }

    /// Whether `directory` is the node `number`, which is `inode`, or lies below it.
    fn lies_in(&mut self, directory: &Directory, inode: &Inode, number: u32) -> Result<bool> {
        let mut above = directory.clone();
        if inode.kind() != Some(Kind::Directory) {
            return Ok(false);
        }
        for _ in 0..self.superblock.inodes() {
            if above.number == number {
                return Ok(true);
            }
            if above.number == ROOT.0 {
                return Ok(false);
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
        gone: Inode,
    ) -> Result<()> {
        let is_directory = moved.kind() == Some(Kind::Directory);
        match (is_directory, gone.kind() == Some(Kind::Directory)) {
            (true, true) => {
                self.removable_directory(&other)?;
            }
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
}
