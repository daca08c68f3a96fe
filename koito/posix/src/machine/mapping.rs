//! An address space as the kernel has it.

use alloc::vec::Vec;

use koito_posix_core::{PAGE_BYTES, Page};
use nun::abi::{MAPPING_RUNS, MappingRun};
use nun::{Access, AddressSpace, Error, MemoryType, Reason, Window, buffer};

use super::objects::{Objects, Table};

/// An address space, the Windows through which pages are mapped there, and its page tables.
#[derive(Debug)]
pub struct Mapping {
    /// The address space.
    pub space: AddressSpace,
    /// By the number of the frame, as far as it has pages of that, or had.
    windows: Vec<Option<Window>>,
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

impl Run {
    /// Whether a page at `address` could go on with it.
    #[inline]
    fn goes_on(&self, address: u64, frame: usize, access: Access) -> bool {
        self.address + self.pages * PAGE_BYTES == address
            && self.frame == frame
            && self.access == access
    }

    /// Takes its first pages off, which are done.
    const fn skip(&mut self, pages: u64) {
        self.address += pages * PAGE_BYTES;
        self.offset += pages;
        self.pages -= pages;
    }
}

impl Mapping {
    /// Logarithm of the addresses that a program has.
    pub(super) const BITS: u32 = 47;

    pub(super) const fn new(space: AddressSpace) -> Self {
        Self { space, windows: Vec::new(), tables: Vec::new() }
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
        let (frame, offset) = objects.frames.place(page);
        self.map_run(objects, Run { address, frame, offset, pages: 1, access })
    }

    /// Maps pages where none are mapped.
    pub fn map_many(&mut self, objects: &mut Objects, runs: Runs) -> Result<(), Error> {
        match runs.0[..] {
            [run] => self.map_run(objects, run),
            _ => self.carry_out(Some(objects), runs, AddressSpace::map_many),
        }
    }

    fn map_run(&mut self, objects: &mut Objects, mut run: Run) -> Result<(), Error> {
        let window = self.open_window(objects, run.frame)?;
        while run.pages > 0 {
            let Run { address, offset, pages, access, .. } = run;
            match window.map(address, offset, pages, access, MemoryType::Normal) {
                Ok(done) => run.skip(done),
                Err(Error { reason: Reason::MissingTable, .. }) => {
                    self.add_table(objects, address)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Unmaps the one page at `address`.
    pub fn unmap_one(&mut self, objects: &Objects, address: u64, page: Page) -> Result<(), Error> {
        let (frame, _) = objects.frames.place(page);
        self.window(frame)?.unmap(address, 1).map(|_| ())
    }

    /// Changes what may be done with the one page at `address`, which is mapped.
    pub fn protect_one(
        &mut self,
        objects: &Objects,
        address: u64,
        page: Page,
        access: Access,
    ) -> Result<(), Error> {
        let (frame, _) = objects.frames.place(page);
        self.window(frame)?.protect(address, 1, access).map(|_| ())
    }

    /// Unmaps pages, wherever in their frames they are.
    pub fn unmap(&mut self, runs: Runs) -> Result<(), Error> {
        self.carry_out(None, runs, AddressSpace::unmap_many)
    }

    /// Changes what may be done with pages that are mapped, wherever in their frames they are.
    pub fn protect(&mut self, runs: Runs) -> Result<(), Error> {
        self.carry_out(None, runs, AddressSpace::protect_many)
    }

    /// Has the kernel carry out an operation on `runs`, as often as it takes.
    fn carry_out(
        &mut self,
        mut objects: Option<&mut Objects>,
        Runs(mut runs): Runs,
        operation: fn(AddressSpace, u64) -> Result<(u64, u64), Error>,
    ) -> Result<(), Error> {
        let mut first = 0;
        while first < runs.len() {
            let rest = &mut runs[first..];
            let count = rest.len().min(MAPPING_RUNS);
            for (index, run) in rest.iter().take(count).enumerate() {
                let window = match objects.as_deref_mut() {
                    Some(objects) => self.open_window(objects, run.frame)?,
                    None => self.window(run.frame)?,
                };
                let Run { address, offset, pages, access, .. } = *run;
                buffer().set_run(
                    index,
                    MappingRun::new(address, window.descriptor(), offset, pages, access),
                );
            }
            match operation(self.space, count as u64) {
                Ok((done, pages)) => {
                    first += done as usize;
                    if let Some(run) = runs.get_mut(first).filter(|_| pages > 0) {
                        run.skip(pages);
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

    /// The Window through which pages of a frame are mapped.
    #[inline]
    fn window(&self, frame: usize) -> Result<Window, Error> {
        self.windows.get(frame).copied().flatten().ok_or(nun::EXHAUSTED)
    }

    /// The same, also where none is mapped yet.
    #[inline]
    fn open_window(&mut self, objects: &mut Objects, frame: usize) -> Result<Window, Error> {
        match self.window(frame) {
            Err(_) => self.make_window(objects, frame),
            window => window,
        }
    }

    #[cold]
    fn make_window(&mut self, objects: &mut Objects, frame: usize) -> Result<Window, Error> {
        let window = objects.attach(self.space, frame)?;
        if self.windows.len() <= frame {
            self.windows.resize(frame + 1, None);
        }
        self.windows[frame] = Some(window);
        Ok(window)
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

/// Pages of an address space, as the kernel is told of them: in runs.
#[derive(Default)]
pub struct Runs(Vec<Run>);

impl Runs {
    /// Adds a page that lies behind all others. Those that are to be mapped make one run if they lie behind one
    /// another in their frame, too.
    #[inline]
    pub fn add(&mut self, objects: &Objects, address: u64, page: Page, access: Access) {
        let (frame, offset) = objects.frames.place(page);
        match self.0.last_mut() {
            Some(run)
                if run.goes_on(address, frame, access) && run.offset + run.pages == offset =>
            {
                run.pages += 1;
            }
            _ => self.0.push(Run { address, frame, offset, pages: 1, access }),
        }
    }

    /// The same of a page that is not to be mapped: where it lies in its frame is nobody's business then.
    #[inline]
    pub fn add_mapped(&mut self, objects: &Objects, address: u64, page: Page, access: Access) {
        let (frame, _) = objects.frames.place(page);
        match self.0.last_mut() {
            Some(run) if run.goes_on(address, frame, access) => run.pages += 1,
            _ => self.0.push(Run { address, frame, offset: 0, pages: 1, access }),
        }
    }
}
