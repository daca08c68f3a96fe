//! From typed addresses to objects, and back to memory.

use core::num::NonZeroU64;

use a9n_abi::init::InitInfo;
use a9n_hal::{Context, Hal, KernelAddress, PageSize, PhysicalAddress};

use crate::{AddressSpace, Dying, Internal, Node, Notification, Pcb, Port, Process, Ref, Slot};

/// Types that a [`Ref`] can name, with their layout on machine `H`.
pub trait Object<H: Hal> {
    /// What lies in memory.
    type Layout;
    /// Logarithm of the bytes that it takes; it is aligned to as many.
    const SIZE_BITS: u32;
}

impl<H: Hal> Object<H> for Process {
    type Layout = Pcb<H::Context>;
    const SIZE_BITS: u32 = size_of::<Pcb<H::Context>>().next_power_of_two().ilog2();
}

impl<H: Hal> Object<H> for Port {
    type Layout = Self;
    const SIZE_BITS: u32 = size_of::<Self>().ilog2();
}

impl<H: Hal> Object<H> for Notification {
    type Layout = Self;
    const SIZE_BITS: u32 = size_of::<Self>().ilog2();
}

impl<H: Hal> Object<H> for AddressSpace {
    type Layout = Self;
    const SIZE_BITS: u32 = size_of::<Self>().ilog2() + 1;
}

impl<H: Hal> Object<H> for Slot {
    type Layout = Self;
    const SIZE_BITS: u32 = size_of::<Self>().ilog2();
}

/// The header of a node; the whole has [`Node::radix`] more bits.
impl<H: Hal> Object<H> for Node {
    type Layout = Self;
    const SIZE_BITS: u32 = size_of::<Self>().ilog2();
}

/// Logarithm of the bytes in a slot, and of the smallest node.
const SLOT_BITS: u32 = 6;

/// Logarithm of the bytes in a page, and in a page table.
const PAGE_BITS: u32 = PageSize::Small.bits();

const _: () = assert!(size_of::<Node>() == size_of::<Slot>());
const _: () = assert!(size_of::<Port>() == 64 && size_of::<Notification>() == 64);

/// All kernel objects of one machine.
#[derive(Clone, Debug)]
pub struct Store<H> {
    hal: H,
}

impl<H: Hal> Store<H> {
    /// The store in the memory of `hal`.
    pub const fn new(hal: H) -> Self {
        Self { hal }
    }

    /// The machine.
    #[inline(always)]
    pub const fn hal(&self) -> &H {
        &self.hal
    }

    /// The object that `reference` names.
    #[inline(always)]
    pub fn get<T: Object<H>>(&self, reference: Ref<T>) -> &T::Layout {
        let pointer = self.hal.object(reference.address(), size_of::<T::Layout>());
        // SAFETY: the crate's documentation argues that a `Ref` in anyone's hands names a live
        // object of its type. All objects are made of `Cell`s, so shared references may overlap;
        // `create` and `destroy` take `&mut self`, so none outlives the object.
        unsafe { pointer.cast().as_ref() }
    }

    /// Makes an object at `address`. The memory is zero, aligned to the object's size and belongs
    /// to nobody else: the portable kernel's accounting of Generics sees to it.
    pub fn create<T: Object<H>>(&mut self, address: PhysicalAddress, object: T::Layout) -> Ref<T> {
        let address = self.hal.kernel_address(address);
        self.hal.claim(address, 1 << T::SIZE_BITS);
        let pointer = self.hal.object(address, size_of::<T::Layout>());
        // SAFETY: `pointer` is valid for the object's size and aligned for it (objects are
        // aligned to their size); nothing refers to memory that was not an object until now.
        unsafe { pointer.cast().write(object) };
        Ref::new(address)
    }

    /// Makes a node of 2^`radix` slots at `address`, in zeroed memory, which reads as empty slots.
    pub fn create_node(&mut self, address: PhysicalAddress, radix: u32) -> Ref<Node> {
        let header = Node {
            radix: core::cell::Cell::new(u64::from(radix)),
            emptied: core::cell::Cell::new(1),
            dying_next: core::cell::Cell::new(None),
        };
        let node = self.create::<Node>(address, header);
        let slots = (1usize << radix).wrapping_sub(1) << SLOT_BITS;
        if let Some(first) = NonZeroU64::new(node.address().0.get().wrapping_add(1 << SLOT_BITS)) {
            self.hal.claim(KernelAddress(first), slots);
        }
        node
    }

    /// Ends the life of an object. Nothing refers to it any more.
    pub fn destroy<T: Object<H>>(&mut self, object: Ref<T>) {
        self.hal.release(object.address(), 1 << T::SIZE_BITS);
    }

    /// Ends the life of a node. All its slots are empty, and nothing refers to it any more.
    pub fn destroy_node(&mut self, node: Ref<Node>) {
        let bytes = 1 << (self.get(node).radix() + SLOT_BITS);
        self.hal.release(node.address(), bytes);
    }

    /// Logarithm of the bytes of a node with `radix`.
    pub const fn node_bits(radix: u32) -> u32 {
        radix + SLOT_BITS
    }

    /// Slot `index` of `node`; `None` for the header and past the end.
    pub fn slot(&self, node: Ref<Node>, index: u64) -> Option<Ref<Slot>> {
        let slots = 1u64 << (self.get(node).radix() & 63);
        if index == 0 || index >= slots {
            return None;
        }
        self.slot_at(node, index)
    }

    fn slot_at(&self, node: Ref<Node>, index: u64) -> Option<Ref<Slot>> {
        let address = node.address().0.get().wrapping_add(index << SLOT_BITS);
        NonZeroU64::new(address).map(|address| Ref::new(KernelAddress(address)))
    }

    /// Slot `index` of the root node of `pcb`, whose last index is `mask`, as the fast paths see it:
    /// an index out of range is `None`, under speculation another slot of the same node. Index 0
    /// gives the header, which has no rights when it is read as a capability. A node is aligned to
    /// its size, so a slot's address is put together without an addition that could overflow.
    #[inline(always)]
    pub fn fast_slot_at(&self, pcb: &Pcb<H::Context>, mask: u64, index: u64) -> Option<Ref<Slot>> {
        if index > mask {
            return None;
        }
        let address = pcb.fast_slots.get().address().0 | ((index & mask) << SLOT_BITS);
        Some(Ref::new(KernelAddress(address)))
    }

    /// Where the fast paths begin to look for slots of `process`: in `node`, if it may use them.
    pub fn fast_slots(&self, process: Ref<Process>, node: Option<Ref<Node>>) -> Ref<Slot> {
        match node {
            Some(node) => Ref::new(node.address()),
            None => self.internal_slot(process, Internal::AddressSpace),
        }
    }

    /// What is in [that slot](Self::fast_slot_at).
    #[inline(always)]
    pub fn fast_slot(&self, pcb: &Pcb<H::Context>, mask: u64, index: u64) -> Option<&Slot> {
        self.fast_slot_at(pcb, mask, index).map(|slot| self.get::<Slot>(slot))
    }

    /// Slot `internal` of a PCB.
    pub fn internal_slot(&self, process: Ref<Process>, internal: Internal) -> Ref<Slot> {
        let offset =
            core::mem::offset_of!(Pcb<H::Context>, slots) + ((internal as usize) << SLOT_BITS);
        // The PCB does not wrap, so neither does an address inside it.
        Ref::new(KernelAddress(process.address().0.saturating_add(offset as u64)))
    }

    /// Which slot of which PCB `slot` is, if it is marked as an internal one.
    pub fn internal_owner(&self, slot: Ref<Slot>) -> Option<(Ref<Process>, Internal)> {
        if !self.get(slot).is_internal() {
            return None;
        }
        let bits = <Process as Object<H>>::SIZE_BITS;
        let address = slot.address().0.get();
        let base = address & !((1 << bits) - 1);
        let offset = core::mem::offset_of!(Pcb<H::Context>, slots) as u64;
        let number = (address.wrapping_sub(base).wrapping_sub(offset)) >> SLOT_BITS;
        let internal = Internal::from_number(number)?;
        NonZeroU64::new(base).map(|base| (Ref::new(KernelAddress(base)), internal))
    }

    /// Physical address of the root of an address space's page tables.
    pub fn root_table(&self, space: Ref<AddressSpace>) -> PhysicalAddress {
        self.hal.physical_address(space.address()).offset(1 << PAGE_BITS)
    }

    /// Makes a stopped process at `address`.
    pub fn create_process(&mut self, address: PhysicalAddress) -> Ref<Process> {
        let process = Ref::new(self.hal.kernel_address(address));
        let slots = self.internal_slot(process, Internal::AddressSpace);
        self.create::<Process>(address, Pcb::new(<H::Context as Context>::new(), slots))
    }

    /// Where the list of dying objects goes on after `object`.
    pub fn dying_next(&self, object: Dying) -> &core::cell::Cell<Option<Dying>> {
        match object {
            Dying::Node(node) => &self.get(node).dying_next,
            Dying::Port(port) => &self.get(port).dying_next,
            Dying::Notification(notification) => &self.get(notification).dying_next,
            Dying::AddressSpace(space) => &self.get(space).dying_next,
            Dying::Process(process) => &self.get(process).dying_next,
        }
    }

    /// What init is to be told, in zeroed memory at `address` that is no object.
    pub fn create_info(&mut self, address: PhysicalAddress) -> &mut InitInfo {
        let address = self.hal.kernel_address(address);
        let pointer = self.hal.pointer(address, size_of::<InitInfo>());
        // SAFETY: the memory is large enough, page-aligned and nobody else's while `self` is
        // borrowed; `InitInfo` consists of numbers, for which zero bytes are valid.
        unsafe { pointer.cast().as_mut() }
    }

    /// Clears `bytes` bytes of memory that is no object, a multiple of 8.
    pub fn zero(&mut self, address: PhysicalAddress, bytes: usize) {
        let pointer = self.hal.pointer(self.hal.kernel_address(address), bytes);
        // SAFETY: `Memory::pointer` is valid for `bytes` bytes; the memory is no object, so no
        // reference to it exists.
        unsafe { pointer.write_bytes(0, bytes) };
    }

    /// Word `index` of the page at `page`, which user processes may be writing at this moment.
    #[inline(always)]
    pub fn read_word(&self, page: PhysicalAddress, index: usize) -> u64 {
        // SAFETY: the word lies in a page that `word_pointer` checked; volatile access makes no
        // assumption about its value.
        unsafe { self.word_pointer(page, index).read_volatile() }
    }

    /// Writes word `index` of the page at `page`, which user processes may be using.
    #[inline(always)]
    pub fn write_word(&self, page: PhysicalAddress, index: usize, value: u64) {
        // SAFETY: as for `read_word`; user pages are never kernel objects, so no reference is
        // invalidated.
        unsafe { self.word_pointer(page, index).write_volatile(value) }
    }

    /// Copies words `first` to `end` of the page at `from` to the page at `to`. User processes may
    /// be using both. Ends past the page are cut off.
    #[inline(always)]
    pub fn copy_words(&self, from: PhysicalAddress, to: PhysicalAddress, first: usize, end: usize) {
        let count = end.min(1 << (PAGE_BITS - 3)).saturating_sub(first);
        let (from, to) = (self.word_pointer(from, first), self.word_pointer(to, first));
        // SAFETY: `count` words from `first` on lie in the two pages, which are no objects; the
        // machine copies without assuming anything about their values.
        unsafe { self.hal.copy_words(from, to, count) }
    }

    #[inline(always)]
    fn word_pointer(&self, page: PhysicalAddress, index: usize) -> *mut u64 {
        let index = index & ((1 << (PAGE_BITS - 3)) - 1);
        let page = self.hal.pointer(self.hal.kernel_address(page), 1 << PAGE_BITS);
        page.as_ptr().cast::<u64>().wrapping_add(index)
    }
}
