//! Kernel objects for programs, made of the memory that the root server sets aside.
//!
//! Memory of objects of fixed size does not come back, so objects are used again: threads as *bodies*
//! (PCB, Vector State, a capability to a port of the server's), address spaces with their page tables.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use koito::conventions::{WIDE_RADIX, slot};
use koito_posix_core::PAGE_BYTES;
use nun::aci;
use nun::capability::Capability;
use nun::mapped::Mapped;
use nun::memory::HeapMemory;
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, IpcPort, Node, ObjectType, PageTable,
    Pcb, VectorState, Window, map_pages, range_around,
};

use super::Mapping;
use super::frames::Frames;
use super::placement::{MOST, Placement, Urgency};
use super::threads::Resolver;

/// The identifier of body 0 at the server's port. Clients of the service have lower ones.
pub const IDENTIFIER: u64 = 1 << 32;
/// What part of all memory the server's own heap is, as a logarithm, and logarithms of its bytes.
const HEAP_PART: u32 = 4;
const HEAP_BITS: RangeInclusive<u32> = 24..=27;
/// The same of the memory of kernel objects, and the most that there is use for.
const OBJECTS_PART: u32 = 2;
const OBJECTS_BITS: u32 = 25;
/// Address spaces are kept for the next program with at most so many page tables.
const KEPT_TABLES: usize = 24;

/// What one thread runs as. Its number tells it from others at the server's ports.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// The process, as the kernel has it.
    pub pcb: Pcb,
    /// Its number.
    pub number: u32,
}

/// A page table: a slot for its memory, and the next for itself.
#[derive(Clone, Copy, Debug)]
pub struct Table(u64);

/// Makes kernel objects, and keeps those that nobody uses.
pub struct Objects {
    memory: Generic,
    next_slot: u64,
    /// What programs' memory consists of.
    pub(super) frames: Frames,
    /// Bytes of the server's own heap.
    heap_bytes: usize,
    /// Never runs: its registers are those that programs start with.
    pristine: Pcb,
    bodies: Vec<Body>,
    /// Where they run.
    pub placement: Placement,
    /// The ports at which the server's threads wait, one for each processor.
    pub(super) ports: Vec<IpcPort>,
    /// Who hears of each body, by its number.
    pub(super) resolvers: Vec<Resolver>,
    /// By the processor on which they were.
    idle_bodies: [Vec<u32>; MOST],
    idle_spaces: Vec<Mapping>,
    idle_tables: Vec<Table>,
}

impl Objects {
    /// Takes the pieces of memory of 2^`pool` bytes each; answers the memory of the server's heap as well. Allocates
    /// nothing.
    pub fn new(pool: &[u8]) -> Result<(Self, HeapMemory), Error> {
        let mut next_slot = aci::slot::FREE;
        let mut take = || {
            next_slot += 1;
            next_slot - 1
        };
        let mut frames = Frames::new(pool);
        let bits = frames.bytes().ilog2();
        let heap_bits = (bits - HEAP_PART).clamp(*HEAP_BITS.start(), *HEAP_BITS.end());
        let object_bits = (bits - OBJECTS_PART).min(OBJECTS_BITS);
        // The larger first, so that alignment costs nothing.
        let (memory, heap) = if heap_bits > object_bits {
            let heap = frames.carve(heap_bits, take())?;
            (frames.carve(object_bits, take())?, heap)
        } else {
            (frames.carve(object_bits, take())?, frames.carve(heap_bits, take())?)
        };
        let mut objects = Self {
            memory,
            next_slot,
            frames,
            heap_bytes: 1 << heap_bits,
            pristine: Pcb::slot(0),
            bodies: Vec::new(),
            placement: Placement::default(),
            ports: Vec::new(),
            resolvers: Vec::new(),
            idle_bodies: [const { Vec::new() }; MOST],
            idle_spaces: Vec::new(),
            idle_tables: Vec::new(),
        };
        objects.pristine = objects.make(0)?;
        objects.placement = Placement::new(objects.pristine);
        let node: Node = objects.make(u64::from(aci::HEAP_RADIX))?;
        let heap = HeapMemory::from_quota(heap, node, WIDE_RADIX, own_space())?;
        Ok((objects, heap))
    }

    /// Bytes that the server has for its own use.
    pub const fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Makes more of the memory of programs, and maps it behind what is mapped; answers all that, and how many pages are
    /// still to come. `None` if there is no more.
    pub fn grow(&mut self) -> Option<(Mapped, usize)> {
        if self.frames.later() == 0 {
            return None;
        }
        let slot = self.take_slot().ok()?;
        let made = self.frames.make(slot).and_then(|(frame, first, pages)| {
            let address = aci::WORKSPACE_ADDRESS + first * PAGE_BYTES;
            self.map_own(frame, address).map(|()| (first + pages) * PAGE_BYTES)
        });
        let bytes = made.ok()?;
        Some((Mapped::in_workspace(aci::WORKSPACE_ADDRESS, bytes), self.frames.later()))
    }

    /// A thread's body, stopped, for one of the `allowed` processors; its registers are anybody's.
    pub fn take_body(&mut self, allowed: u64, urgency: Urgency) -> Result<Body, Error> {
        let cpu = self.placement.least_loaded(allowed);
        let there = self.idle_bodies[usize::from(cpu)].pop();
        let idle = there.or_else(|| self.idle_bodies.iter_mut().find_map(Vec::pop));
        let body = match idle {
            Some(number) => self.bodies[number as usize],
            None => self.make_body(cpu)?,
        };
        let begun = self.placement.begin(body, (cpu, allowed), urgency);
        let begun = begun.and_then(|()| self.set_resolver(body, cpu));
        if begun.is_err() {
            self.put_body(body);
        }
        begun.map(|()| body)
    }

    /// A body that is used may run on the `allowed` processors only.
    pub fn allow(&mut self, body: Body, allowed: u64) -> Result<(), Error> {
        self.placement.allow(body, allowed)?;
        self.set_resolver(body, self.placement.cpu(body) as u8)
    }

    fn make_body(&mut self, cpu: u8) -> Result<Body, Error> {
        let pcb: Pcb = self.make(0)?;
        let state: VectorState = self.make(0)?;
        let slots = [self.take_slot()?, self.take_slot()?];
        pcb.configure_vector(state)?;
        let body = Body { pcb, number: self.bodies.len() as u32 };
        let resolver = self.resolve(body, cpu, slots)?;
        self.placement.add(body)?;
        self.resolvers.push(resolver);
        self.bodies.push(body);
        Ok(body)
    }

    /// Takes a body back that is stopped, or will be before anything else happens.
    pub fn put_body(&mut self, body: Body) {
        self.placement.end(body);
        self.idle_bodies[self.placement.cpu(body)].push(body.number);
    }

    /// Gives a stopped body the registers that programs start with.
    pub fn reset(&self, body: Body, instruction: u64, stack: u64) -> Result<(), Error> {
        body.pcb.clone_state(self.pristine)?;
        body.pcb.configure_entry(instruction, stack, 0, 0)
    }

    /// An address space in which nothing is mapped.
    pub fn take_space(&mut self) -> Result<Mapping, Error> {
        if let Some(space) = self.idle_spaces.pop() {
            return Ok(space);
        }
        self.make(0).map(Mapping::new)
    }

    /// A way to map pages of frame `number` in an address space.
    pub(super) fn attach(&mut self, space: AddressSpace, number: usize) -> Result<Window, Error> {
        let slot = self.take_slot()?;
        let frame = self.frames.frame(number);
        frame.attach(space, 0, u64::from(Mapping::BITS), root(), slot)?;
        Ok(Window::slot(slot))
    }

    /// Takes an address space back in which nothing is mapped and nobody runs.
    pub fn put_space(&mut self, mut space: Mapping) {
        while space.tables.len() > KEPT_TABLES
            && let Some(table) = space.tables.pop()
        {
            // The newest first: those on which others hang are older.
            if root().remove(table.0 + 1).is_ok() {
                self.idle_tables.push(table);
            }
        }
        self.idle_spaces.push(space);
    }

    /// A page table, and the slots that it takes.
    pub fn take_table(&mut self) -> Result<(PageTable, Table), Error> {
        let table = match self.idle_tables.pop() {
            Some(table) => table,
            None => match self.make_table() {
                Ok(table) => table,
                // Those who run have more need of it than those who may come.
                Err(error) => self.idle_table().ok_or(error)?,
            },
        };
        let memory = Generic::slot(table.0);
        match memory.convert(ObjectType::PageTable, 0, 1, root(), table.0 + 1) {
            Ok(_) => Ok((PageTable::slot(table.0 + 1), table)),
            Err(error) => {
                self.idle_tables.push(table);
                Err(error)
            }
        }
    }

    fn make_table(&mut self) -> Result<Table, Error> {
        let slot = self.take_slot()?;
        self.take_slot()?;
        let bits = u64::from(PAGE_BYTES.trailing_zeros());
        self.memory.convert(ObjectType::Generic, bits, 1, root(), slot)?;
        Ok(Table(slot))
    }

    /// A table of an address space that is kept for the next program.
    fn idle_table(&mut self) -> Option<Table> {
        let space = self.idle_spaces.iter_mut().rev().find(|it| it.tables() > 0)?;
        let table = space.tables.pop()?;
        root().remove(table.0 + 1).is_ok().then_some(table)
    }

    /// Takes back a table that could not be used.
    pub fn put_table(&mut self, table: Table) {
        if root().remove(table.0 + 1).is_ok() {
            self.idle_tables.push(table);
        }
    }

    pub(super) fn take_slot(&mut self) -> Result<u64, Error> {
        if self.next_slot == slot::POOL {
            // There stands what all this is made of.
            self.next_slot = slot::MODULES;
        }
        if self.next_slot >= 1 << WIDE_RADIX {
            return Err(nun::EXHAUSTED);
        }
        self.next_slot += 1;
        Ok(self.next_slot - 1)
    }

    pub(super) fn make<T: Capability>(&mut self, size_bits: u64) -> Result<T, Error> {
        self.make_in(self.memory, size_bits)
    }

    fn make_in<T: Capability>(&mut self, memory: Generic, size_bits: u64) -> Result<T, Error> {
        let slot = self.take_slot()?;
        memory.convert(T::TYPE, size_bits, 1, root(), slot)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// Maps all of `frame` into the caller's own address space.
    pub(super) fn map_own(&mut self, frame: Frame, address: u64) -> Result<(), Error> {
        let space = own_space();
        let pages = (1 << frame.information()?.0) / PAGE_BYTES;
        let (first, bits) = range_around(address, pages);
        let slot = self.take_slot()?;
        frame.attach(space, first, bits, root(), slot)?;
        let access = Access::READ | Access::WRITE;
        map_pages(space, Window::slot(slot), address, pages, access, || self.make(0))
    }
}

/// The own root node.
pub(super) const fn root() -> Node {
    Node::slot(aci::slot::NODE)
}

/// The own address space.
pub(super) const fn own_space() -> AddressSpace {
    AddressSpace::slot(aci::slot::ADDRESS_SPACE)
}
