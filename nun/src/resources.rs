//! Init's memory, slots and address space, handed out piece by piece.

use a9n_abi::boot::PAGE_BYTES;
use a9n_abi::init::{InitModule, slot};

use crate::capability::Capability;
use crate::mapped::Mapped;
use crate::{
    Access, AddressSpace, Culprit, Descriptor, Error, Frame, Generic, InitGeneric, InitInfo,
    MemoryType, Node, ObjectType, PageTable, Reason, SlotAllocator, Window, aci,
};

/// Largest size that is looked for, as a logarithm of bytes.
const MAXIMUM_BITS: u8 = 40;

/// Where what is mapped only for a moment goes: the upper half of the workspace.
const PASSING_ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 2;

/// What init has to give. Its root node holds every capability that is made here.
#[derive(Clone, Debug)]
pub struct Resources {
    init: &'static InitInfo,
    slots: SlotAllocator,
    /// Where in the workspace the next lasting mapping goes.
    next: u64,
}

impl Resources {
    /// Everything that init received.
    pub const fn new(init: &'static InitInfo) -> Self {
        let slots = SlotAllocator::new(init.free_slots);
        Self { init, slots, next: aci::WORKSPACE_ADDRESS }
    }

    /// The free slots of the root node.
    pub const fn slots(&mut self) -> &mut SlotAllocator {
        &mut self.slots
    }

    /// The root node.
    pub const fn node(&self) -> Node {
        Node::slot(slot::NODE)
    }

    /// Init's address space.
    pub const fn address_space(&self) -> AddressSpace {
        AddressSpace::slot(slot::ADDRESS_SPACE)
    }

    /// A free slot.
    pub fn take_slot(&mut self) -> Result<u64, Error> {
        self.slots.take().ok_or(EXHAUSTED)
    }

    /// Makes an object in a slot of its own. `size_bits` is the radix of a Node, the logarithm of
    /// the bytes of a Frame or Generic, else 0.
    pub fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let slot = self.take_slot()?;
        match self.make_in(slot, T::TYPE, size_bits) {
            Ok(()) => Ok(T::named(Descriptor::slot(slot))),
            Err(error) => {
                self.slots.put(slot);
                Err(error)
            }
        }
    }

    /// Makes an object in the empty slot `slot`, from the smallest Generic that has room.
    fn make_in(&self, slot: u64, object: ObjectType, size_bits: u8) -> Result<(), Error> {
        let ordinary = |bits| {
            let fits = move |it: &&InitGeneric| it.device == 0 && it.size_bits == bits;
            self.init.generics().iter().filter(fits)
        };
        for generic in (0..=MAXIMUM_BITS).flat_map(ordinary) {
            let generic = Generic::slot(generic.slot.into());
            match generic.convert(object, size_bits.into(), 1, self.node(), slot) {
                Err(Error { reason: Reason::NotEnoughMemory, .. }) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(EXHAUSTED)
    }

    /// Removes what `make` made, with everything derived from it.
    pub fn discard(&mut self, capability: impl Capability) -> Result<(), Error> {
        let slot = capability.into().index();
        self.node().remove(slot)?;
        self.slots.put(slot);
        Ok(())
    }

    /// The contents of boot module `name`; `None` if there is none. Call it once a module: every
    /// call maps it anew, for good.
    pub fn module(&mut self, name: &str) -> Option<Result<&'static [u8], Error>> {
        let module = self.init.module(name)?;
        Some(self.map_module(module))
    }

    fn map_module(&mut self, module: &'static InitModule) -> Result<&'static [u8], Error> {
        let start = self.next;
        for slot in (module.frames.first..).take(module.frames.count as usize) {
            let frame = Frame::slot(slot.into());
            let (size_bits, _) = frame.information()?;
            let slot = self.take_slot()?;
            self.map(frame, self.next, slot, Access::READ)?;
            self.next += 1 << size_bits;
        }
        let mapped = Mapped::in_workspace(start, module.bytes);
        // SAFETY: the frames were just mapped there, one behind the other, without write access.
        // Nobody else has them, and the windows are never removed.
        Ok(unsafe { mapped.into_slice() })
    }

    /// Maps `frame` in the workspace, readable and writable, for as long as `work` runs.
    pub fn with_mapped<T>(
        &mut self,
        frame: Frame,
        work: impl FnOnce(Mapped) -> T,
    ) -> Result<T, Error> {
        let (size_bits, _) = frame.information()?;
        let slot = self.take_slot()?;
        let mapped = self.map(frame, PASSING_ADDRESS, slot, Access::READ | Access::WRITE);
        let result = mapped.map(|()| {
            // Mapped until the window is removed below.
            work(Mapped::in_workspace(PASSING_ADDRESS, 1 << size_bits))
        });
        if self.node().remove(slot).is_ok() {
            self.slots.put(slot);
        }
        result
    }

    /// Maps all of `frame` into the own address space, by a Window in the empty slot `slot`.
    /// `address` should lie in the [workspace](aci::WORKSPACE_ADDRESS), of which this type uses
    /// the first and third quarter itself.
    pub fn map(
        &mut self,
        frame: Frame,
        address: u64,
        slot: u64,
        access: Access,
    ) -> Result<(), Error> {
        let (size_bits, _) = frame.information()?;
        let space = self.address_space();
        let pages = (1 << size_bits) / PAGE_BYTES;
        let (first, bits) = range_around(address, pages);
        frame.attach(space, first, bits, self.node(), slot)?;
        map_pages(space, Window::slot(slot), address, pages, access, || self.make(0))
    }
}

/// There is nothing left to give.
pub const EXHAUSTED: Error = Error::new(Reason::NotEnoughMemory, Culprit::OTHER);

/// The smallest range that a Window can have around `pages` pages from `address` on: its first
/// address, and the logarithm of its size.
pub const fn range_around(address: u64, pages: u64) -> (u64, u64) {
    let last = address + pages * PAGE_BYTES - 1;
    let bits = u64::BITS - (address ^ last).leading_zeros();
    (address & !((1 << bits) - 1), bits as u64)
}

/// Maps the first `pages` pages of the frame of `window` at `address`, with page tables from
/// `table` where they are missing.
pub fn map_pages(
    space: AddressSpace,
    window: Window,
    address: u64,
    pages: u64,
    access: Access,
    mut table: impl FnMut() -> Result<PageTable, Error>,
) -> Result<(), Error> {
    let mut done = 0;
    while done < pages {
        let at = address + done * PAGE_BYTES;
        match window.map(at, done, pages - done, access, MemoryType::Normal) {
            Ok(mapped) => done += mapped,
            Err(Error { reason: Reason::MissingTable, .. }) => {
                space.install_table(table()?, at)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
