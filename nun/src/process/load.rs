//! From an ELF file to a process that can be started.

use a9n_abi::boot::{InitSegment, PAGE_BYTES};
use a9n_loader_core::elf::{Program, Purpose, Segment};

use super::ledger::Ledger;
use super::{Process, StartError};
use crate::aci::{self, Convention};
use crate::memory::{Maker, Piece, Space};
use crate::thread::Area;
use crate::{Access, Descriptor, Error, Frame, Generic, Resources, Rights, arch};

/// Pages of a process besides those of its program: kernel objects, page tables, IPC buffer.
const OVERHEAD_PAGES: u64 = 48;
/// Pieces of one segment, one of each size.
const PIECES: usize = 32;

impl Process {
    /// Builds a process that will run the program in `file`, an ELF executable. It has an address
    /// space with the program in it, an IPC buffer, and a root node with what
    /// [`aci::slot`] names; it does not run yet.
    pub fn load(resources: &mut Resources, file: &[u8]) -> Result<Self, StartError> {
        Self::load_as(resources, file, &aci::NUN)
    }

    /// Like [`load`](Self::load), by another convention than Nun's.
    pub fn load_as(
        resources: &mut Resources,
        file: &[u8],
        convention: &Convention,
    ) -> Result<Self, StartError> {
        let program =
            Program::verify(file, arch::MACHINE, Purpose::User).map_err(StartError::Program)?;
        let quota: Generic = resources.make(quota_bits(&program))?;
        let built = Self::build(resources, quota, &program, convention);
        if built.is_err() {
            resources.discard(quota)?;
        }
        built
    }

    /// Like [`load`](Self::load), with a quota of the maker's choice: an empty Generic in a slot of
    /// the root node, from which more can be made for the process. If this fails, it is empty again.
    pub fn load_from(
        resources: &mut Resources,
        quota: Generic,
        file: &[u8],
    ) -> Result<Self, StartError> {
        Self::load_from_as(resources, quota, file, &aci::NUN)
    }

    /// Like [`load_from`](Self::load_from), by another convention than Nun's.
    pub fn load_from_as(
        resources: &mut Resources,
        quota: Generic,
        file: &[u8],
        convention: &Convention,
    ) -> Result<Self, StartError> {
        let program =
            Program::verify(file, arch::MACHINE, Purpose::User).map_err(StartError::Program)?;
        let built = Self::build(resources, quota, &program, convention);
        if built.is_err() {
            resources.node().revoke(quota.descriptor().index())?;
        }
        built
    }

    fn build(
        resources: &mut Resources,
        quota: Generic,
        program: &Program<'_>,
        convention: &Convention,
    ) -> Result<Self, StartError> {
        let ledger = Ledger::new(resources, quota)?;
        let slot = ledger.slot();
        let built = Self::fill(resources, quota, ledger, (program, convention));
        if built.is_err() {
            // The node goes with the quota.
            resources.slots().put(slot);
        }
        built
    }

    fn fill(
        resources: &mut Resources,
        quota: Generic,
        mut ledger: Ledger,
        (program, convention): (&Program<'_>, &Convention),
    ) -> Result<Self, StartError> {
        let addresses = aci::USER_ADDRESSES;
        let space = Space::new(ledger.make(0)?, addresses.start, addresses.end);
        let mut process = Self {
            quota,
            pcb: ledger.make(0)?,
            space: space.reserving_from(aci::ANYWHERE_ADDRESS),
            node: ledger.make(convention.node_radix as u8)?,
            entry: program.entry(),
            thread_base: 0,
            convention: *convention,
            ledger,
        };
        for segment in program.segments() {
            process.load_segment(resources, &segment)?;
        }
        let buffer: Frame = process.ledger.make(PAGE_BYTES.trailing_zeros() as u8)?;
        process.map(buffer, convention.buffer_address, 1, Access::READ | Access::WRITE)?;
        process.pcb.configure_spaces(process.space.address_space(), process.node, buffer)?;
        let own_pcb = Rights::READ | Rights::WRITE;
        process.node.mint(convention.process, process.pcb, own_pcb, 0)?;
        process.node.mint(convention.node, process.node, Rights::all(), 0)?;
        if program.thread_locals().is_some() {
            process.thread_base = process.make_thread_locals(resources, program)?;
        }
        Ok(process)
    }

    /// Gives its first thread a copy of the program's thread-local storage; answers the base.
    fn make_thread_locals(
        &mut self,
        resources: &mut Resources,
        program: &Program<'_>,
    ) -> Result<u64, Error> {
        let locals = program.thread_locals();
        // Its stack and its buffer are where they always are.
        let mut area = Area::map(&mut self.ledger, &mut self.space, locals.as_ref(), 0)?;
        area.buffer_address = self.convention.buffer_address;
        let pcb = Descriptor::slot(self.convention.process);
        resources
            .with_mapped(area.block_frame, |to| area.write_block(&to, locals.as_ref(), pcb))?;
        Ok(area.base)
    }

    /// Fills frames with a segment of the program and maps them where it belongs.
    fn load_segment(
        &mut self,
        resources: &mut Resources,
        segment: &Segment<'_>,
    ) -> Result<(), Error> {
        let access = access_of(segment);
        self.space.reserve_at(segment.first_page(), segment.pages())?;
        let frame = Frame::slot(0);
        let none = Piece { address: 0, frame, offset: 0, pages: 0, access };
        let mut pieces = [none; PIECES];
        let (mut count, mut done) = (0, 0);
        while done < segment.pages()
            && let Some(piece) = pieces.get_mut(count)
        {
            let pages = 1 << (segment.pages() - done).ilog2();
            let bytes = pages * PAGE_BYTES;
            let frame: Frame = self.ledger.make(bytes.trailing_zeros() as u8)?;
            // The frame is all zero; what the file has for it is at `start` in the contents.
            let (start, offset) = match done {
                0 => (0, segment.offset_in_page()),
                _ => (done * PAGE_BYTES - segment.offset_in_page(), 0),
            };
            if let Some(contents) = segment.contents.get(start as usize..)
                && !contents.is_empty()
            {
                resources.with_mapped(frame, |to| to.copy_from(offset as usize, contents))?;
            }
            let address = segment.first_page() + done * PAGE_BYTES;
            *piece = Piece { address, frame, offset: 0, pages, access };
            (count, done) = (count + 1, done + pages);
        }
        self.space.map_owned(&mut self.ledger, pieces.get(..count).unwrap_or_default())
    }
}

/// Logarithm of the memory that a process of `program` needs.
fn quota_bits(program: &Program<'_>) -> u8 {
    let segments: u64 = program.segments().map(|segment| segment.pages()).sum();
    let locals = program.thread_locals().map_or(0, |locals| locals.memory_bytes / PAGE_BYTES);
    // Objects are naturally aligned, so up to half of the memory falls between them.
    let bytes = (segments + locals + OVERHEAD_PAGES).saturating_mul(2 * PAGE_BYTES);
    bytes.checked_next_power_of_two().map_or(u64::BITS, u64::trailing_zeros) as u8
}

/// What a program may do with a segment's memory.
fn access_of(segment: &Segment<'_>) -> Access {
    let bit = |flag, access| if segment.access & flag != 0 { access } else { Access::empty() };
    bit(InitSegment::READ, Access::READ)
        | bit(InitSegment::WRITE, Access::WRITE)
        | bit(InitSegment::EXECUTE, Access::EXECUTE)
}
