//! Starting processes.
//!
//! A process is built from one Generic of its own, its *quota*: its PCB, address space, nodes,
//! page tables and memory all come from there, and the capabilities to them stand in a node that
//! comes from there too, the *ledger*. So its maker spends two slots on it, and revoking the
//! quota takes everything back at once.

mod ledger;

use core::fmt;

use a9n_abi::boot::{InitSegment, PAGE_BYTES};
use a9n_loader_core::elf::{ElfError, Program, Purpose, Segment};

use self::ledger::Ledger;
use crate::resources::{map_pages, range_around};
use crate::slots::Slots;
use crate::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, IpcPort, Node, NotificationPort,
    PageTable, Pcb, Resources, Rights, VectorState, Window, aci, arch,
};

/// Pages of a process besides those of its program: kernel objects, page tables, IPC buffer.
const OVERHEAD_PAGES: u64 = 48;

/// A process that was built, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Process {
    quota: Generic,
    ledger: Ledger,
    pcb: Pcb,
    space: AddressSpace,
    node: Node,
    entry: u64,
}

/// How a process starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Its priority, 0 to 255.
    pub priority: u8,
    /// Its thread-local base.
    pub thread_base: u64,
    /// What its `main` receives, if that takes a number.
    pub argument: u64,
    /// Whether its system calls go to its resolver instead of the kernel.
    pub foreign: bool,
}

/// Why a process could not be built.
#[derive(Debug)]
pub enum StartError {
    /// Its program cannot be used.
    Program(ElfError),
    /// The kernel refused something.
    Kernel(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(error) => error.fmt(f),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl Process {
    /// Builds a process that will run the program in `file`, an ELF executable. It has an address
    /// space with the program in it, an IPC buffer, and a root node with what
    /// [`aci::slot`] names; it does not run yet.
    pub fn load(resources: &mut Resources, file: &[u8]) -> Result<Self, StartError> {
        let program =
            Program::verify(file, arch::MACHINE, Purpose::User).map_err(StartError::Program)?;
        let program_pages: u64 = program.segments().map(|segment| segment.pages()).sum();
        // Objects are naturally aligned, so up to half of the memory falls between them.
        let bytes = (program_pages + OVERHEAD_PAGES) * 2 * PAGE_BYTES;
        let quota: Generic = resources.make(bytes.next_power_of_two().trailing_zeros() as u8)?;
        let built = Self::build(resources, quota, &program);
        if built.is_err() {
            resources.discard(quota)?;
        }
        built
    }

    /// Like [`load`](Self::load), with a quota of the maker's choice: a Generic in a slot of the
    /// root node, from which more can be made for the process. If this fails, what was made from
    /// it by then stays until it is revoked.
    pub fn load_from(
        resources: &mut Resources,
        quota: Generic,
        file: &[u8],
    ) -> Result<Self, StartError> {
        let program =
            Program::verify(file, arch::MACHINE, Purpose::User).map_err(StartError::Program)?;
        Self::build(resources, quota, &program)
    }

    fn build(
        resources: &mut Resources,
        quota: Generic,
        program: &Program<'_>,
    ) -> Result<Self, StartError> {
        let mut ledger = Ledger::new(resources, quota)?;
        let mut process = Self {
            quota,
            pcb: ledger.make(0)?,
            space: ledger.make(0)?,
            node: ledger.make(aci::NODE_RADIX as u8)?,
            entry: program.entry(),
            ledger,
        };
        for segment in program.segments() {
            process.load_segment(resources, &segment)?;
        }
        let buffer: Frame = process.ledger.make(PAGE_BYTES.trailing_zeros() as u8)?;
        process.map(buffer, aci::BUFFER_ADDRESS, 1, Access::READ | Access::WRITE)?;
        process.pcb.configure_spaces(process.space, process.node, buffer)?;
        let own_pcb = Rights::READ | Rights::WRITE;
        process.node.mint(aci::slot::PROCESS, process.pcb, own_pcb, 0)?;
        process.node.mint(aci::slot::NODE, process.node, Rights::all(), 0)?;
        Ok(process)
    }

    /// Its PCB.
    pub const fn pcb(&self) -> Pcb {
        self.pcb
    }

    /// Address of its program's first instruction.
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// Its root node.
    pub const fn node(&self) -> Node {
        self.node
    }

    /// Its address space.
    pub const fn address_space(&self) -> AddressSpace {
        self.space
    }

    /// Puts a capability into slot `index` of its root node: at most with `rights`, and with
    /// `identifier` if that is not 0.
    pub fn grant(
        &self,
        index: u64,
        capability: impl Into<Descriptor>,
        rights: Rights,
        identifier: u64,
    ) -> Result<(), Error> {
        self.node.mint(index, capability, rights, identifier)
    }

    /// Sends its faults to `port`, under `identifier`.
    pub fn set_resolver(&mut self, port: IpcPort, identifier: u64) -> Result<(), Error> {
        let minted = self.ledger.mint(port, Rights::WRITE | Rights::COPY, identifier)?;
        self.pcb.configure_ports(minted, Descriptor::NULL)
    }

    /// Lets signals of `notification` end its receives.
    pub fn bind(&self, notification: NotificationPort) -> Result<(), Error> {
        self.pcb.configure_ports(Descriptor::NULL, notification)
    }

    /// Lets it use FPU and SIMD, which its program must be compiled for.
    pub fn allow_vectors(&mut self) -> Result<(), Error> {
        let state: VectorState = self.ledger.make(0)?;
        self.pcb.configure_vector(state)
    }

    /// Lets it run from its program's entry on.
    pub fn start(&self, start: &Start) -> Result<(), Error> {
        // Its own first instruction sets its stack.
        self.pcb.configure_entry(self.entry, 0, start.thread_base, start.argument)?;
        self.pcb.configure_schedule(start.priority.into(), 0, start.foreign.into())?;
        self.pcb.resume()
    }

    /// Makes another process in the same address space, stopped: with the same root node, but an
    /// IPC buffer of its own at `buffer`. It will begin at `entry` with stack pointer `stack`.
    pub fn add_thread(
        &mut self,
        entry: u64,
        stack: u64,
        buffer: u64,
        start: &Start,
    ) -> Result<Pcb, Error> {
        let pcb: Pcb = self.ledger.make(0)?;
        let frame: Frame = self.ledger.make(PAGE_BYTES.trailing_zeros() as u8)?;
        self.map(frame, buffer, 1, Access::READ | Access::WRITE)?;
        pcb.configure_spaces(self.space, self.node, frame)?;
        pcb.configure_entry(entry, stack, start.thread_base, start.argument)?;
        pcb.configure_schedule(start.priority.into(), 0, start.foreign.into())?;
        Ok(pcb)
    }

    /// Ends it and takes back all that it was made from.
    pub fn destroy(self, resources: &mut Resources) -> Result<(), Error> {
        self.stop();
        resources.discard(self.quota)?;
        resources.slots().put(self.ledger.slot());
        Ok(())
    }

    /// Ends it and empties its quota, which is the answer: another can be built from it.
    pub fn dismantle(self, resources: &mut Resources) -> Result<Generic, Error> {
        self.stop();
        resources.node().revoke(self.quota.descriptor().index())?;
        resources.slots().put(self.ledger.slot());
        Ok(self.quota)
    }

    /// Stops it before anything is taken from it, so that it does not fault over what is missing.
    fn stop(&self) {
        // If it is gone already, so much the better.
        let _ = self.pcb.suspend();
    }

    /// Fills frames with a segment of the program and maps them where it belongs.
    fn load_segment(
        &mut self,
        resources: &mut Resources,
        segment: &Segment<'_>,
    ) -> Result<(), Error> {
        let access = access_of(segment);
        let mut done = 0;
        while done < segment.pages() {
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
            self.map(frame, segment.first_page() + done * PAGE_BYTES, pages, access)?;
            done += pages;
        }
        Ok(())
    }

    /// Maps the first `pages` pages of `frame` into its address space.
    pub fn map(
        &mut self,
        frame: Frame,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<(), Error> {
        let (node, index, window) = self.ledger.take()?;
        let (first, bits) = range_around(address, pages);
        frame.attach(self.space, first, bits, node, index)?;
        let ledger = &mut self.ledger;
        map_pages(self.space, Window::at(window), address, pages, access, || {
            ledger.make::<PageTable>(0)
        })
    }
}

/// What a program may do with a segment's memory.
fn access_of(segment: &Segment<'_>) -> Access {
    let bit = |flag, access| if segment.access & flag != 0 { access } else { Access::empty() };
    bit(InitSegment::READ, Access::READ)
        | bit(InitSegment::WRITE, Access::WRITE)
        | bit(InitSegment::EXECUTE, Access::EXECUTE)
}
