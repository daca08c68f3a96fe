//! An address space as the kernel has it.

use alloc::vec::Vec;

use koito_posix_core::{PAGE_BYTES, Page};
use nun::abi::{MAPPING_RUNS, MappingRun};
use nun::{Access, AddressSpace, Error, MemoryType, Reason, Window, buffer};

use super::objects::{FRAMES, Objects, Table};

/// An address space, the Windows through which pages are mapped there, and its page tables.
#[derive(Debug)]
pub struct Mapping {
    /// The address space.
    pub space: AddressSpace,
    windows: [Window; FRAMES],
    /// Oldest first.
    pub(super) tables: Vec<Table>,
}

/// Neighbouring pages that lie behind one another in a frame.
#[derive(Clone, Copy)]
struct Run {
    address: u64,
    frame: usize,
    offset: u64,
    pages: u64,
    access: Access,
}

impl Mapping {
    /// Logarithm of the addresses that a program has.
    pub(super) const BITS: u32 = 47;

    pub(super) const fn new(space: AddressSpace, windows: [Window; FRAMES]) -> Self {
        Self { space, windows, tables: Vec::new() }
    }

    /// How many page tables it has.
    pub const fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Maps a page where none is mapped.
    pub fn map(
        &mut self,
        objects: &mut Objects,
        address: u64,
        page: Page,
        access: Access,
    ) -> Result<(), Error> {
        let (frame, offset) = objects.place(page);
        loop {
            match self.windows[frame].map(address, offset, 1, access, MemoryType::Normal) {
                Ok(_) => return Ok(()),
                Err(Error { reason: Reason::MissingTable, .. }) => {
                    self.add_table(objects, address)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Maps pages where none are mapped: address, page and access of each, ascending.
    pub fn map_many(
        &mut self,
        objects: &mut Objects,
        pages: impl Iterator<Item = (u64, Page, Access)>,
    ) -> Result<(), Error> {
        let mut runs: Vec<Run> = Vec::new();
        for (address, page, access) in pages {
            let (frame, offset) = objects.place(page);
            match runs.last_mut() {
                Some(run)
                    if run.frame == frame
                        && run.access == access
                        && run.address + run.pages * PAGE_BYTES == address
                        && run.offset + run.pages == offset =>
                {
                    run.pages += 1;
                }
                _ => runs.push(Run { address, frame, offset, pages: 1, access }),
            }
        }
        self.carry_out(Some(objects), &mut runs, AddressSpace::map_many)
    }

    /// Unmaps the one page at `address`.
    pub fn unmap_one(&mut self, objects: &Objects, address: u64, page: Page) -> Result<(), Error> {
        let (frame, _) = objects.place(page);
        self.windows[frame].unmap(address, 1).map(|_| ())
    }

    /// Changes what may be done with the one page at `address`, which is mapped.
    pub fn protect_one(
        &mut self,
        objects: &Objects,
        address: u64,
        page: Page,
        access: Access,
    ) -> Result<(), Error> {
        let (frame, _) = objects.place(page);
        self.windows[frame].protect(address, 1, access).map(|_| ())
    }

    /// Unmaps pages: address and page of each, ascending.
    pub fn unmap(
        &mut self,
        objects: &Objects,
        pages: impl Iterator<Item = (u64, Page)>,
    ) -> Result<(), Error> {
        let mut runs = stretches(objects, pages, Access::READ);
        self.carry_out(None, &mut runs, AddressSpace::unmap_many)
    }

    /// Changes what may be done with pages that are mapped: address and page of each, ascending.
    pub fn protect(
        &mut self,
        objects: &Objects,
        pages: impl Iterator<Item = (u64, Page)>,
        access: Access,
    ) -> Result<(), Error> {
        let mut runs = stretches(objects, pages, access);
        self.carry_out(None, &mut runs, AddressSpace::protect_many)
    }

    /// Has the kernel carry out an operation on `runs`, as often as it takes.
    fn carry_out(
        &mut self,
        mut objects: Option<&mut Objects>,
        runs: &mut [Run],
        operation: fn(AddressSpace, u64) -> Result<(u64, u64), Error>,
    ) -> Result<(), Error> {
        let mut first = 0;
        while first < runs.len() {
            let rest = &mut runs[first..];
            let count = rest.len().min(MAPPING_RUNS);
            for (index, run) in rest.iter().take(count).enumerate() {
                let window = self.windows[run.frame].descriptor();
                let Run { address, offset, pages, access, .. } = *run;
                buffer().set_run(index, MappingRun::new(address, window, offset, pages, access));
            }
            match operation(self.space, count as u64) {
                Ok((done, pages)) => {
                    first += done as usize;
                    if let Some(run) = runs.get_mut(first).filter(|_| pages > 0) {
                        run.address += pages * PAGE_BYTES;
                        run.offset += pages;
                        run.pages -= pages;
                    }
                }
                Err(Error { reason: Reason::MissingTable, .. })
                    if let Some(objects) = objects.as_deref_mut() =>
                {
                    let address = rest.first().map_or(0, |run| run.address);
                    self.add_table(objects, address)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add_table(&mut self, objects: &mut Objects, address: u64) -> Result<(), Error> {
        let (table, place) = objects.take_table()?;
        match self.space.install_table(table, address) {
            Ok(_) => {
                self.tables.push(place);
                Ok(())
            }
            Err(error) => {
                objects.put_table(place);
                Err(error)
            }
        }
    }
}

/// Runs of `pages` that lie behind one another, wherever in the frame they are.
fn stretches(
    objects: &Objects,
    pages: impl Iterator<Item = (u64, Page)>,
    access: Access,
) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut last = 0;
    for (address, page) in pages {
        let (frame, _) = objects.place(page);
        match runs.last_mut() {
            Some(run) if run.frame == frame && address == last + PAGE_BYTES => run.pages += 1,
            _ => runs.push(Run { address, frame, offset: 0, pages: 1, access }),
        }
        last = address;
    }
    runs
}
