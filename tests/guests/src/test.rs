//! What a case works with: fresh objects, and memory that is whole again behind it.

use nun::abi::init::slot;
use nun::aci::{WORKSPACE_ADDRESS, WORKSPACE_BYTES};
use nun::capability::Capability;
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, Generic, InitInfo, Node, NotificationPort,
    PageTable, Pcb, Reason, Resources, Rights, Timer, VirtualCpu, Window, aci, map_pages,
    range_around, ticks,
};

/// Priority of init.
const HIGHEST: u64 = 255;
/// Slots that one case can use.
const SLOTS: u64 = 256;
/// Logarithm of the memory that one case can use.
const MEMORY_BITS: u8 = 23;
/// Memory that a case maps lies from here on.
const AREA: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 4;

/// Both accesses.
pub const READ_WRITE: Access = Access::READ.union(Access::WRITE);

/// The surroundings of a case.
pub struct Test {
    init: &'static InitInfo,
    resources: Resources,
    generic: Generic,
    /// First slot for cases.
    first: u64,
    next: u64,
    address: u64,
    /// What it sleeps at, and the name under which the timer rings there.
    alarm: Option<(NotificationPort, NotificationPort)>,
}

impl Test {
    pub fn new(init: &'static InitInfo) -> Result<Self, Error> {
        let mut resources = Resources::new(init);
        let generic = resources.make(MEMORY_BITS)?;
        let first = resources.slots().take_run(SLOTS).unwrap_or(0);
        Pcb::slot(aci::slot::PROCESS).configure_schedule(HIGHEST, 0, 0)?;
        Ok(Self { init, resources, generic, first, next: first, address: AREA, alarm: None })
    }

    /// Whether there can be virtual CPUs at all.
    pub fn has_guests(&mut self) -> Result<bool, Error> {
        match self.make::<VirtualCpu>(0) {
            Ok(_) => Ok(true),
            Err(error) if error.reason == Reason::NotImplemented => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes away all that the last case made.
    pub fn clean(&mut self) -> Result<(), Error> {
        self.node().revoke(self.generic.descriptor().index())?;
        (self.next, self.address, self.alarm) = (self.first, AREA, None);
        Ok(())
    }

    /// Number of the last CPU.
    pub fn far(&self) -> u64 {
        u64::from(self.init.cpus) - 1
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
        let slot = self.next;
        self.next += 1;
        assert!(self.next <= self.first + SLOTS, "a case uses too many slots");
        slot
    }

    /// Makes an object; `size_bits` as for `convert`.
    pub fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let slot = self.slot();
        self.generic.convert(T::TYPE, size_bits.into(), 1, self.node(), slot)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// Room for `pages` pages that nothing is mapped at.
    pub fn room(&mut self, pages: u64) -> u64 {
        let address = self.address;
        self.address += pages * 4096;
        address
    }

    /// Maps `pages` pages of `frame` at `address` of `space`.
    pub fn map(
        &mut self,
        space: AddressSpace,
        frame: Frame,
        address: u64,
        pages: u64,
    ) -> Result<Window, Error> {
        let slot = self.slot();
        let (first, bits) = range_around(address, pages);
        frame.attach(space, first, bits, self.node(), slot)?;
        let window = Window::slot(slot);
        map_pages(space, window, address, pages, READ_WRITE, || self.make::<PageTable>(0))?;
        Ok(window)
    }

    /// Waits a part of a second, so that others run.
    pub fn sleep(&mut self, part: u64) -> Result<(), Error> {
        if self.alarm.is_none() {
            let port: NotificationPort = self.make(0)?;
            let slot = self.slot();
            self.node().mint(slot, port, Rights::WRITE, 1)?;
            self.alarm = Some((port, NotificationPort::slot(slot)));
        }
        if let Some((port, bell)) = self.alarm {
            Timer::slot(slot::TIMERS).arm(ticks() + self.init.ticks_per_second / part, bell)?;
            port.wait()?;
        }
        Ok(())
    }
}

/// The slot of a capability in the root node.
pub fn index(capability: impl Capability) -> u64 {
    capability.into().index()
}
