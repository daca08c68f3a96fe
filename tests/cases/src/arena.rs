//! Fresh objects and memory for a case, all of one Generic, so that they go at a stroke.

use nun::aci::{WORKSPACE_ADDRESS, WORKSPACE_BYTES};
use nun::capability::Capability;
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, InitInfo, Node, PageTable, Resources,
    Rights, Window, map_pages, range_around,
};

/// Logarithm of the memory that one case can use.
const MEMORY_BITS: u8 = 23;
/// Memory that a case maps lies from here on.
pub const AREA: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 4;

/// Both accesses.
pub const READ_WRITE: Access = Access::READ.union(Access::WRITE);

/// Slots, memory and addresses for one case after the other.
pub struct Arena {
    init: &'static InitInfo,
    /// What init has besides.
    pub resources: Resources,
    generic: Generic,
    first: u64,
    slots: u64,
    used: u64,
    address: u64,
}

impl Arena {
    /// An arena with room for `slots` capabilities.
    pub fn new(init: &'static InitInfo, slots: u64) -> Result<Self, Error> {
        let mut resources = Resources::new(init);
        let generic = resources.make(MEMORY_BITS)?;
        let first = resources.slots().take_run(slots).unwrap_or(0);
        Ok(Self { init, resources, generic, first, slots, used: 0, address: AREA })
    }

    /// Takes away all that the last case made. What it was given from elsewhere goes too.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.node().revoke(self.generic.descriptor().index())?;
        for slot in self.first..self.first + self.used {
            if self.node().look(slot)?.0 != 0 {
                self.node().remove(slot)?;
            }
        }
        (self.used, self.address) = (0, AREA);
        Ok(())
    }

    /// What the kernel told init.
    pub fn init(&self) -> &'static InitInfo {
        self.init
    }

    /// Number of the last CPU: another one than init's, if there is one.
    pub fn far(&self) -> u64 {
        u64::from(self.init.cpus) - 1
    }

    /// The Generic that everything of a case comes from.
    pub fn generic(&self) -> Generic {
        self.generic
    }

    /// The root node.
    pub fn node(&self) -> Node {
        self.resources.node()
    }

    /// The own address space.
    pub fn space(&self) -> AddressSpace {
        self.resources.address_space()
    }

    /// An empty slot of the root node.
    pub fn slot(&mut self) -> u64 {
        self.slots(1)
    }

    /// The first of `count` empty slots.
    pub fn slots(&mut self, count: u64) -> u64 {
        let slot = self.first + self.used;
        self.used += count;
        assert!(self.used <= self.slots, "a case uses too many slots");
        slot
    }

    /// Makes an object; `size_bits` as for `convert`.
    pub fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let slot = self.slot();
        self.generic.convert(T::TYPE, size_bits.into(), 1, self.node(), slot)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// Mints a capability into a slot of its own.
    pub fn mint<T: Capability>(
        &mut self,
        source: T,
        rights: Rights,
        identifier: u64,
    ) -> Result<T, Error> {
        let slot = self.slot();
        self.node().mint(slot, source, rights, identifier)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// Room for `pages` pages that nothing is mapped at.
    pub fn room(&mut self, pages: u64) -> u64 {
        let address = self.address;
        self.address += pages * 4096;
        address
    }

    /// Makes a window of `frame` around `pages` pages at `address` of `space`.
    pub fn attach(
        &mut self,
        space: AddressSpace,
        frame: Frame,
        address: u64,
        pages: u64,
    ) -> Result<Window, Error> {
        let slot = self.slot();
        let (first, bits) = range_around(address, pages);
        frame.attach(space, first, bits, self.node(), slot)?;
        Ok(Window::slot(slot))
    }

    /// Maps `pages` pages of `frame` at `address` of `space`.
    pub fn map(
        &mut self,
        space: AddressSpace,
        frame: Frame,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<Window, Error> {
        let window = self.attach(space, frame, address, pages)?;
        map_pages(space, window, address, pages, access, || self.make::<PageTable>(0))?;
        Ok(window)
    }
}

/// The slot of a capability in the root node.
pub fn index(capability: impl Capability) -> u64 {
    capability.into().index()
}
