//! Init's memory, slots and address space, handed out piece by piece.

use a9n_abi::boot::PAGE_BYTES;
use a9n_abi::init::{InitModule, slot};

use crate::capability::Capability;
use crate::mapped::Mapped;
use crate::memory::{Maker, Piece, Pool, Space};
use crate::slots::{ROOT_WORDS, SlotAllocator, Slots};
use crate::{
    Access, AddressSpace, Culprit, Error, Frame, InitInfo, MemoryType, Node, PageTable, Reason,
    Window, aci,
};

/// Blocks of memory that are kept book of, split ones included.
const BLOCKS: usize = 768;
/// Reservations and mappings in the caller's own address space.
const REGIONS: usize = 160;
/// Page tables there.
const TABLES: usize = 96;

/// What init has to give: its memory as a [`Pool`], its part of the workspace as a [`Space`]. Its
/// root node holds every capability that is made here.
#[derive(Clone, Debug)]
pub struct Resources {
    init: &'static InitInfo,
    pool: InitPool,
    space: InitSpace,
}

/// Init's memory and slots.
pub type InitPool = Pool<BLOCKS, ROOT_WORDS>;

/// Init's part of the workspace.
pub type InitSpace = Space<REGIONS, TABLES>;

impl Resources {
    /// Everything that init received. Of memory in more than 768 pieces, the smallest are left out.
    pub fn new(init: &'static InitInfo) -> Self {
        let mut pool = Pool::new(SlotAllocator::new(init.free_slots));
        let ordinary = || init.generics().iter().filter(|generic| generic.device == 0);
        for bits in (0..=u8::MAX).rev() {
            for generic in ordinary().filter(|generic| generic.size_bits == bits) {
                // Refused only for want of a record.
                let _ = pool.add(generic.slot.into(), bits);
            }
        }
        let end = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4;
        let own = AddressSpace::slot(slot::ADDRESS_SPACE);
        Self { init, pool, space: Space::new(own, aci::WORKSPACE_ADDRESS, end) }
    }

    /// What the kernel told init.
    pub const fn init(&self) -> &'static InitInfo {
        self.init
    }

    /// The free slots of the root node.
    pub fn slots(&mut self) -> &mut SlotAllocator {
        self.pool.slots()
    }

    /// The root node.
    pub const fn node(&self) -> Node {
        Node::slot(slot::NODE)
    }

    /// Init's address space.
    pub const fn address_space(&self) -> AddressSpace {
        self.space.address_space()
    }

    /// The memory, and what is mapped in the first quarter of the workspace: two values, since
    /// whoever maps needs both.
    pub const fn parts(&mut self) -> (&mut InitPool, &mut InitSpace) {
        (&mut self.pool, &mut self.space)
    }

    /// A free slot.
    pub fn take_slot(&mut self) -> Result<u64, Error> {
        self.pool.slots().take_slot()
    }

    /// Makes an object in a slot of its own. `size_bits` is the radix of a Node, the logarithm of
    /// the bytes of a Frame or Generic, else 0.
    pub fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        self.pool.make(size_bits)
    }

    /// Destroys what `make` made, with everything derived from it.
    pub fn discard<T: Capability>(&mut self, object: T) -> Result<(), Error> {
        self.pool.discard(object)
    }

    /// Bytes of memory that nothing is made of.
    pub fn free_bytes(&self) -> u64 {
        self.pool.buddy().free_bytes()
    }

    /// Maps `pages` pages of fresh memory in the workspace, readable and writable.
    pub fn map_fresh(&mut self, pages: u64) -> Result<Mapped, Error> {
        let access = Access::READ | Access::WRITE;
        let address = self.space.allocate(&mut self.pool, pages, access)?;
        Ok(Mapped::in_workspace(address, pages * PAGE_BYTES))
    }

    /// Takes back what [`map_fresh`](Self::map_fresh) mapped.
    pub fn unmap_fresh(&mut self, mapped: Mapped) -> Result<(), Error> {
        self.space.release(&mut self.pool, mapped.address())
    }

    /// The contents of boot module `name`; `None` if there is none. Call it once a module: every
    /// call maps it anew, for good.
    pub fn module(&mut self, name: &str) -> Option<Result<&'static [u8], Error>> {
        let module = self.init.module(name)?;
        Some(self.map_module(module))
    }

    fn map_module(&mut self, module: &'static InitModule) -> Result<&'static [u8], Error> {
        let frames = module.frames.first..module.frames.first + module.frames.count;
        let start = self.space.reserve(module.bytes.div_ceil(PAGE_BYTES).max(1), 12)?;
        let mut address = start;
        for slot in frames {
            let frame = Frame::slot(slot.into());
            let pages = (1 << frame.information()?.0) / PAGE_BYTES;
            let piece = Piece { address, frame, offset: 0, pages, access: Access::READ };
            self.space.map(&mut self.pool, &[piece])?;
            address += pages * PAGE_BYTES;
        }
        let mapped = Mapped::in_workspace(start, module.bytes);
        // SAFETY: the frames were just mapped there, one after the other, without write access.
        // Nobody else has them, and nothing releases the reservation.
        Ok(unsafe { mapped.into_slice() })
    }

    /// Maps `frame` in the workspace, readable and writable, for as long as `work` runs.
    pub fn with_mapped<T>(
        &mut self,
        frame: Frame,
        work: impl FnOnce(Mapped) -> T,
    ) -> Result<T, Error> {
        let pages = (1 << frame.information()?.0) / PAGE_BYTES;
        let address = self.space.reserve(pages, 12)?;
        let access = Access::READ | Access::WRITE;
        let piece = Piece { address, frame, offset: 0, pages, access };
        let mapped = self.space.map(&mut self.pool, &[piece]);
        let result = mapped.map(|()| work(Mapped::in_workspace(address, pages * PAGE_BYTES)));
        self.space.release(&mut self.pool, address)?;
        result
    }

    /// Maps all of `frame` into the caller's own address space, by a Window in the empty slot `slot`.
    /// `address` should lie in the [workspace](aci::WORKSPACE_ADDRESS), past its first quarter,
    /// which this type manages.
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

impl Maker for Resources {
    type Slots = SlotAllocator;

    fn slots(&mut self) -> &mut SlotAllocator {
        self.pool.slots()
    }

    fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        self.pool.make(size_bits)
    }

    fn discard<T: Capability>(&mut self, object: T) -> Result<(), Error> {
        self.pool.discard(object)
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
