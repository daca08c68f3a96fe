//! Starting processes.
//!
//! A process is built from one Generic of its own, its *quota*: its PCB, address space, nodes,
//! page tables and memory all come from there, and the capabilities to them stand in a node that
//! comes from there too, the *ledger*. So its maker spends two slots on it, and revoking the
//! quota takes everything back at once.

mod ledger;
mod load;

use core::fmt;

use a9n_abi::boot::PAGE_BYTES;
use a9n_loader_core::elf::{ElfError, Program, Purpose};

use self::ledger::Ledger;
use crate::aci::Convention;
use crate::memory::{Maker, Piece, Space};
use crate::thread::Area;
use crate::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, IpcPort, Node, NotificationPort, Pcb,
    Resources, Rights, VectorState, aci, arch,
};

/// Reservations and mappings in a process's address space.
const REGIONS: usize = 48;
/// Page tables there.
const TABLES: usize = 16;

/// A process that was built, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Process {
    quota: Generic,
    ledger: Ledger,
    pcb: Pcb,
    space: Space<REGIONS, TABLES>,
    node: Node,
    entry: u64,
    /// The thread-local base of its first thread, 0 without thread-local storage.
    thread_base: u64,
    convention: Convention,
}

/// How a process starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Its priority, 0 to 255.
    pub priority: u8,
    /// Its thread-local base; 0 for that of the program's thread-local storage, if it has some.
    pub thread_base: u64,
    /// What its `main` receives, if that takes a number.
    pub argument: u64,
    /// Whether its system calls go to its resolver instead of the kernel.
    pub foreign: bool,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, in ticks of the time-stamp counter, its first thread's.
    pub ticks: u64,
    /// Messages that it sent other than on a fast path.
    pub messages: u64,
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
        self.space.address_space()
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

    /// Gives it 2^`size_bits` bytes of its quota to make a heap of, as
    /// [`HeapMemory::granted`](crate::memory::HeapMemory::granted) wants it, and with that its own
    /// address space. The quota has to be large enough for it.
    pub fn grant_heap(&mut self, size_bits: u8) -> Result<(), Error> {
        let memory: Generic = self.ledger.make(size_bits)?;
        self.node.move_from(aci::slot::HEAP_MEMORY, memory)?;
        let node: Node = self.ledger.make(aci::HEAP_RADIX as u8)?;
        self.node.move_from(aci::slot::HEAP_NODE, node)?;
        let (space, rights) = (self.space.address_space(), Rights::READ | Rights::WRITE);
        self.node.mint(aci::slot::ADDRESS_SPACE, space, rights, 0)
    }

    /// Sends its faults to `port`, under `identifier`.
    pub fn set_resolver(&mut self, port: IpcPort, identifier: u64) -> Result<(), Error> {
        let minted = self.ledger.mint(port, Rights::WRITE | Rights::COPY, identifier)?;
        self.pcb.configure_ports(minted, Descriptor::NULL)
    }

    /// Tells `port` how it ends, under `identifier`: faults as for a
    /// [resolver](Self::set_resolver), and the [exit code](crate::entry::exit) as a message. See
    /// [`Ending`](crate::Ending).
    pub fn supervise(&mut self, port: IpcPort, identifier: u64) -> Result<(), Error> {
        self.set_resolver(port, identifier)?;
        self.grant(self.convention.supervisor, port, Rights::WRITE, identifier)
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
        let base = if start.thread_base == 0 { self.thread_base } else { start.thread_base };
        self.pcb.configure_entry(self.entry, 0, base, start.argument)?;
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
        pcb.configure_spaces(self.space.address_space(), self.node, frame)?;
        pcb.configure_entry(entry, stack, start.thread_base, start.argument)?;
        pcb.configure_schedule(start.priority.into(), 0, start.foreign.into())?;
        Ok(pcb)
    }

    /// Makes another process in the same address space, stopped, with a stack of `stack_pages` pages,
    /// a copy of the thread-local storage of its program in `file`, an IPC buffer, and a capability
    /// to itself in slot `own` of the root node. It will begin at `entry`. Its memory comes back with
    /// that of the process, whose program has to [expect](crate::thread::expect_several) it.
    pub fn make_thread(
        &mut self,
        resources: &mut Resources,
        file: &[u8],
        (entry, stack_pages): (u64, u64),
        own: u64,
        start: &Start,
    ) -> Result<Pcb, StartError> {
        let program =
            Program::verify(file, arch::MACHINE, Purpose::User).map_err(StartError::Program)?;
        let locals = program.thread_locals();
        let area = Area::map(&mut self.ledger, &mut self.space, locals.as_ref(), stack_pages)?;
        let pcb: Pcb = self.ledger.make(0)?;
        self.node.mint(own, pcb, Rights::READ | Rights::WRITE, 0)?;
        resources.with_mapped(area.block_frame, |to| {
            area.write_block(&to, locals.as_ref(), Descriptor::slot(own));
        })?;
        pcb.configure_spaces(self.space.address_space(), self.node, area.buffer)?;
        let base = if start.thread_base == 0 { area.base } else { start.thread_base };
        let stack = area.stack_top - arch::RETURN_ADDRESS_BYTES;
        pcb.configure_entry(entry, stack, base, start.argument)?;
        pcb.configure_schedule(start.priority.into(), 0, start.foreign.into())?;
        Ok(pcb)
    }

    /// Reads its memory from `address` on into `bytes`, as far as the one frame reaches that lies there;
    /// answers how far. Only what was made for it can be read: its program, stacks and thread-local
    /// storage.
    pub fn read_memory(
        &mut self,
        resources: &mut Resources,
        address: u64,
        bytes: &mut [u8],
    ) -> Result<usize, Error> {
        match self.space.own_frame(&mut self.ledger, address) {
            Some((frame, offset)) => {
                resources.with_mapped(frame, |memory| memory.copy_to(offset as usize, bytes))
            }
            None => Ok(0),
        }
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage, Error> {
        let (ticks, messages, _, _) = self.pcb.information()?;
        Ok(Usage { ticks, messages })
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

    /// Stops it, as [`dismantle`](Self::dismantle) does before anything is taken from it, so that it does
    /// not fault over what is missing. It can be asked for twice.
    pub fn stop(&self) {
        // If it is gone already, so much the better.
        let _ = self.pcb.suspend();
    }

    /// Maps the first `pages` pages of `frame` into its address space.
    pub fn map(
        &mut self,
        frame: Frame,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<(), Error> {
        self.space.reserve_at(address, pages)?;
        let piece = Piece { address, frame, offset: 0, pages, access };
        let mapped = self.space.map(&mut self.ledger, &[piece]);
        if mapped.is_err() {
            self.space.release(&mut self.ledger, address)?;
        }
        mapped
    }

    /// Maps `pages` pages of `frame`, from page `offset` on, at `address`, to be written to by writes
    /// that may merge: a framebuffer.
    pub fn map_framebuffer(
        &mut self,
        frame: Frame,
        address: u64,
        (offset, pages): (u64, u64),
    ) -> Result<(), Error> {
        self.space.reserve_at(address, pages)?;
        let access = Access::READ | Access::WRITE;
        let piece = Piece { address, frame, offset, pages, access };
        let mapped = self.space.map_write_combining(&mut self.ledger, &piece);
        if mapped.is_err() {
            self.space.release(&mut self.ledger, address)?;
        }
        mapped
    }

    /// Takes away what [`map`](Self::map) mapped at `address`.
    pub fn unmap(&mut self, address: u64) -> Result<(), Error> {
        self.space.release(&mut self.ledger, address)
    }
}
