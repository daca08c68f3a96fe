//! What a load works with: memory that is whole again afterwards, slots, threads.

use nun::abi::MessageInfo;
use nun::aci::{WORKSPACE_ADDRESS, WORKSPACE_BYTES, slot};
use nun::capability::Capability;
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, InitInfo, Node, PageTable, Pcb,
    Resources, Window, map_pages, range_around,
};

use crate::machine::{Body, Request};

/// Logarithm of the memory that a load can use.
const QUOTA_BITS: u8 = 26;
/// Slots of the root node that a load can use.
const SLOTS: u64 = 1024;
/// Radix of the root node.
const ROOT: u8 = nun::abi::init::INIT_NODE_RADIX as u8;
/// Init runs before all threads, but where it waits.
const HIGHEST: u64 = 255;
/// Priority of threads.
pub const USUAL: u64 = 100;
/// Memory that a load maps lies from here on.
pub const AREA: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 4;

/// Reading and writing.
pub const READ_WRITE: Access = Access::READ.union(Access::WRITE);

/// The surroundings of a load.
pub struct Ground {
    init: &'static InitInfo,
    resources: Resources,
    quota: Generic,
    first: u64,
    next: u64,
}

impl Ground {
    pub fn new(init: &'static InitInfo) -> Result<Self, Error> {
        let mut resources = Resources::new(init);
        let quota = resources.make(QUOTA_BITS)?;
        let first = resources.slots().take_run(SLOTS).unwrap_or(0);
        Ok(Self { init, resources, quota, first, next: first })
    }

    /// Takes away all that the last load made.
    pub fn clean(&mut self) -> Result<(), Error> {
        self.node().revoke(self.quota.descriptor().index())?;
        assert!(self.quota.information()?.2 == 0, "memory is missing");
        self.next = self.first;
        Ok(())
    }

    pub fn node(&self) -> Node {
        self.resources.node()
    }

    pub fn space(&self) -> AddressSpace {
        self.resources.address_space()
    }

    /// Number of CPUs.
    pub fn cpus(&self) -> u64 {
        self.init.cpus.into()
    }

    /// What everything of this load is made from.
    pub fn quota(&self) -> Generic {
        self.quota
    }

    /// An empty slot of the root node.
    pub fn slot(&mut self) -> u64 {
        self.next += 1;
        assert!(self.next < self.first + SLOTS, "a load uses too many slots");
        self.next
    }

    /// Makes an object in a slot of its own.
    pub fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let slot = self.slot();
        self.quota.convert(T::TYPE, size_bits.into(), 1, self.node(), slot)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// A node of 2^`radix` slots, in a slot of its own.
    pub fn wide(&mut self, radix: u8) -> Result<Wide, Error> {
        let node: Node = self.make(radix)?;
        Ok(Wide { node, radix })
    }

    /// Fills `count` slots of `wide`, from 1 on, with objects.
    pub fn fill<T: Capability>(&self, wide: &Wide, size_bits: u8, count: u64) -> Result<(), Error> {
        let mut done = 0;
        while done < count {
            let more = (count - done).min(64);
            done += self.quota.convert(T::TYPE, size_bits.into(), more, wide.node, 1 + done)?;
        }
        Ok(())
    }

    /// A window of all of a frame, where `AREA` + `offset` is.
    pub fn attach(&mut self, frame: Frame, offset: u64, pages: u64) -> Result<Window, Error> {
        let slot = self.slot();
        let (first, bits) = range_around(AREA + offset, pages);
        frame.attach(self.space(), first, bits, self.node(), slot)?;
        Ok(Window::slot(slot))
    }

    /// Maps the `pages` pages of a frame at `AREA` + `offset`.
    pub fn map(&mut self, frame: Frame, offset: u64, pages: u64) -> Result<Window, Error> {
        let window = self.attach(frame, offset, pages)?;
        let space = self.space();
        map_pages(space, window, AREA + offset, pages, READ_WRITE, || self.make::<PageTable>(0))?;
        Ok(window)
    }

    /// Lets `pcb` run `body(argument)` in this address space, with this root node.
    pub fn start(&self, pcb: Pcb, body: Body, argument: u64, cpu: u64) -> Result<(), Error> {
        self.prepare(pcb, body, argument, cpu)?;
        pcb.resume()
    }

    /// The same, but it does not run yet.
    pub fn prepare(&self, pcb: Pcb, body: Body, argument: u64, cpu: u64) -> Result<(), Error> {
        pcb.configure_spaces(self.space(), self.node(), Descriptor::NULL)?;
        pcb.configure_entry(body as usize as u64, 0, 0, argument)?;
        pcb.configure_schedule(USUAL, cpu, 0)
    }

    /// Lets all threads on this CPU run until none can.
    pub fn settle(&self) -> Result<(), Error> {
        let own = Pcb::slot(slot::PROCESS);
        own.configure_schedule(0, 0, 0)?;
        own.configure_schedule(HIGHEST, 0, 0)
    }
}

/// A node with many slots.
pub struct Wide {
    pub node: Node,
    pub radix: u8,
}

impl Wide {
    /// Its slot `index`, by a path through the root node.
    pub fn at(&self, index: u64) -> Descriptor {
        let path = self.node.descriptor().index() << self.radix | index;
        Descriptor::path(path, ROOT + self.radix)
    }
}

/// A kernel call for [`repeat`](crate::machine::repeat).
pub fn request(operation: u64, to: impl Into<Descriptor>, words: [u64; 6]) -> Request {
    let [w0, w1, w2, w3, w4, w5] = words;
    [operation, to.into().0, MessageInfo::default().0, w0, w1, w2, w3, w4, w5]
}
