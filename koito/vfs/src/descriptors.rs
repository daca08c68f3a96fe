//! Descriptors: a process's small numbers for open files.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::file::FileId;
use crate::page::Pages;
use crate::vfs::Vfs;

/// Whether a descriptor survives `execve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExec {
    /// It does.
    Keep,
    /// It is closed.
    Close,
}

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What it leads to; held.
    pub file: FileId,
    /// What `execve` does with it.
    pub on_exec: OnExec,
}

/// The descriptors of a process, by number. Threads share one table.
#[derive(Debug, Default)]
pub struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// There is no free number below.
    lowest: usize,
}

impl Descriptors {
    /// None.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), lowest: 0 }
    }

    /// The open file with this number.
    pub fn file(&self, number: u64) -> Result<FileId, Errno> {
        self.get(number).map(|it| it.file)
    }

    /// The descriptor with this number. Numbers are of 32 bits, whatever stands above.
    pub fn get(&self, number: u64) -> Result<Descriptor, Errno> {
        let slot = self.slots.get(number as u32 as usize);
        slot.copied().flatten().ok_or(Errno::EBADF)
    }

    /// Sets what `execve` does with a descriptor.
    pub fn set_on_exec(&mut self, number: u64, on_exec: OnExec) -> Result<(), Errno> {
        let slot = self.slots.get_mut(number as u32 as usize).and_then(Option::as_mut);
        slot.ok_or(Errno::EBADF)?.on_exec = on_exec;
        Ok(())
    }

    /// Adds a descriptor with the lowest free number from `from` on and below `limit`. It takes over the hold
    /// of `file`, unless it fails.
    pub fn add(
        &mut self,
        file: FileId,
        on_exec: OnExec,
        from: usize,
        limit: usize,
    ) -> Result<u64, Errno> {
        let first = from.max(self.lowest);
        let free = self.slots.iter().skip(first).position(Option::is_none);
        let number = free.map_or(first.max(self.slots.len()), |free| first + free);
        if number >= limit {
            return Err(Errno::EMFILE);
        }
        if from <= self.lowest {
            self.lowest = number + 1;
        }
        self.put(number, Descriptor { file, on_exec });
        Ok(number as u64)
    }

    /// Puts a descriptor at a number; answers what was there, to be closed.
    pub fn replace(
        &mut self,
        number: u64,
        descriptor: Descriptor,
        limit: usize,
    ) -> Result<Option<FileId>, Errno> {
        let number = number as u32 as usize;
        if number >= limit {
            return Err(Errno::EBADF);
        }
        Ok(self.put(number, descriptor))
    }

    fn put(&mut self, number: usize, descriptor: Descriptor) -> Option<FileId> {
        if number >= self.slots.len() {
            self.slots.resize(number + 1, None);
        }
        self.slots[number].replace(descriptor).map(|it| it.file)
    }

    /// Takes a descriptor away; what it leads to is to be closed.
    pub fn take(&mut self, number: u64) -> Result<FileId, Errno> {
        let index = number as u32 as usize;
        let taken = self.slots.get_mut(index).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.lowest = self.lowest.min(index);
        Ok(taken.file)
    }

    /// The first descriptor from a number on.
    pub fn next(&self, from: u64) -> Option<(u64, Descriptor)> {
        let from = usize::try_from(from).ok()?;
        let mut slots = self.slots.iter().enumerate().skip(from);
        slots.find_map(|(number, slot)| Some((number as u64, (*slot)?)))
    }

    /// All open files that they lead to.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        self.slots.iter().flatten().map(|it| it.file)
    }

    /// The same descriptors for a child.
    pub fn fork<P: Pages>(&self, vfs: &mut Vfs<P>) -> Self {
        self.slots.iter().flatten().for_each(|it| vfs.share(it.file));
        Self { slots: self.slots.clone(), lowest: self.lowest }
    }

    /// One that `execve` closes, taken away, if there is one left.
    pub fn take_for_exec(&mut self) -> Option<FileId> {
        let closes = |slot: &Option<Descriptor>| {
            slot.is_some_and(|descriptor| descriptor.on_exec == OnExec::Close)
        };
        let number = self.slots.iter().position(closes)?;
        self.take(number as u64).ok()
    }

    /// Any one, taken away, if there is one left: the process ends.
    pub fn take_any(&mut self) -> Option<FileId> {
        let (number, _) = self.next(0)?;
        self.take(number).ok()
    }
}
