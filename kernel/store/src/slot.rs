//! Capability slots: one cache line each.
//!
//! A slot holds a capability and its place in the tree of derivations. The tree is one list in
//! preorder: after a slot come all that were derived from it, with greater depth. Window and
//! Page Table capabilities are also in a list of their address space, by the anchor links.

use core::cell::Cell;
use core::num::NonZeroU64;

use a9n_abi::{ObjectType, Rights};
use a9n_hal::{CpuNumber, Interrupt, KernelAddress, PageSize, PhysicalAddress, UserAddress};

use crate::capability::is_copyable;
use crate::{
    AddressSpace, Capability, Installation, MemoryKind, Node, Notification, Port, Process, Ref,
    TableUse,
};

/// First word of a slot: type (bits 0..8), rights (8..16), depth (16..24), flags, and from bit 26
/// on how far a restartable operation on it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tag(u64);

impl Tag {
    const RIGHTS_SHIFT: u32 = 8;
    const DEPTH_SHIFT: u32 = 16;
    const ORIGINAL: u64 = 1 << 24;
    const INTERNAL: u64 = 1 << 25;
    const PROGRESS_SHIFT: u32 = 26;

    /// Whether it says: an object of this type, with (at least) these rights. One mask and one
    /// comparison.
    #[inline(always)]
    const fn is(self, object: ObjectType, rights: Rights) -> bool {
        let rights = (rights.bits() as u64) << Self::RIGHTS_SHIFT;
        self.0 & (0xff | rights) == object as u64 | rights
    }

    /// The same, and that no restartable operation on it has begun.
    #[inline(always)]
    const fn is_whole(self, object: ObjectType, rights: Rights) -> bool {
        let rights = (rights.bits() as u64) << Self::RIGHTS_SHIFT;
        self.0 & (!0 << Self::PROGRESS_SHIFT | 0xff | rights) == object as u64 | rights
    }
}

/// A frame attached to an address space that lives.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The frame's first byte.
    pub base: PhysicalAddress,
    /// Logarithm of the frame's bytes.
    pub size_bits: u8,
    /// Ordinary or device.
    pub kind: MemoryKind,
    /// First address of the range.
    pub address: UserAddress,
    /// Logarithm of the bytes in the range.
    pub range_bits: u8,
    /// The address space.
    pub space: Ref<AddressSpace>,
}

/// Place for one capability.
#[repr(C, align(64))]
#[derive(Clone, Debug, Default)]
pub struct Slot {
    tag: Cell<Tag>,
    object: Cell<u64>,
    identifier: Cell<u64>,
    data: Cell<u64>,
    /// Next in preorder.
    pub next: Cell<Option<Ref<Slot>>>,
    /// Previous in preorder.
    pub previous: Cell<Option<Ref<Slot>>>,
    /// Next of the slots anchored in the same address space.
    pub anchor_next: Cell<Option<Ref<Slot>>>,
    /// Previous of them.
    pub anchor_previous: Cell<Option<Ref<Slot>>>,
}

const _: () = assert!(size_of::<Slot>() == 64);

const KIND_SHIFT: u32 = 8;
/// In a Generic's last word: bytes known to be zero, in units of 64.
const ZEROED_SHIFT: u32 = 16;
const ZEROED_UNIT_BITS: u32 = 6;
/// In a Window's first word, below the page-aligned base: size bits, then the kind.
const WINDOW_KIND_SHIFT: u32 = 6;
const LOW_BITS: u64 = 0xfff;
/// In a Page Table's last word, where an installed one has address and entry size.
const POOLED: u64 = LOW_BITS;

impl Slot {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.tag.get().0 == 0
    }

    /// Rights of the capability in it.
    pub fn rights(&self) -> Rights {
        Rights::from_bits_truncate((self.tag.get().0 >> Tag::RIGHTS_SHIFT) as u8)
    }

    /// Replaces the rights.
    pub fn set_rights(&self, rights: Rights) {
        let mask = 0xff << Tag::RIGHTS_SHIFT;
        let bits = u64::from(rights.bits()) << Tag::RIGHTS_SHIFT;
        self.tag.set(Tag((self.tag.get().0 & !mask) | bits));
    }

    /// How many derivations lie between it and the root of its tree.
    pub fn depth(&self) -> u8 {
        (self.tag.get().0 >> Tag::DEPTH_SHIFT) as u8
    }

    /// Whether the object lives and dies with this capability.
    pub fn is_original(&self) -> bool {
        self.tag.get().0 & Tag::ORIGINAL != 0
    }

    /// Whether it lies inside a PCB.
    pub fn is_internal(&self) -> bool {
        self.tag.get().0 & Tag::INTERNAL != 0
    }

    /// Marks the capability as the one that its object lives with.
    pub fn mark_original(&self) {
        self.tag.set(Tag(self.tag.get().0 | Tag::ORIGINAL));
    }

    /// Marks the slot, which has just been filled, as part of a PCB.
    pub fn mark_internal(&self) {
        self.tag.set(Tag(self.tag.get().0 | Tag::INTERNAL));
    }

    /// How far a restartable operation on it has come, in units of that operation.
    pub fn progress(&self) -> u64 {
        self.tag.get().0 >> Tag::PROGRESS_SHIFT
    }

    /// Records how far a restartable operation has come, below 2^38.
    pub fn set_progress(&self, progress: u64) {
        let tag = self.tag.get().0 & ((1 << Tag::PROGRESS_SHIFT) - 1);
        self.tag.set(Tag(tag | (progress << Tag::PROGRESS_SHIFT)));
    }

    /// Fills the slot; derivation links are not touched, flags are cleared.
    pub fn fill(&self, capability: Capability, rights: Rights, depth: u8) {
        let tag = capability.object_type() as u64
            | (u64::from(rights.bits()) << Tag::RIGHTS_SHIFT)
            | (u64::from(depth) << Tag::DEPTH_SHIFT);
        self.tag.set(Tag(tag));
        self.update(capability);
    }

    /// Replaces the content by another of the same type; rights and derivation stay.
    #[inline(never)]
    pub fn update(&self, capability: Capability) {
        let (object, identifier, data) = pack(capability);
        self.object.set(object);
        self.identifier.set(identifier);
        self.data.set(data);
    }

    /// Empties the slot, links included.
    pub fn clear(&self) {
        self.tag.set(Tag(0));
        self.object.set(0);
        self.identifier.set(0);
        self.data.set(0);
        self.next.set(None);
        self.previous.set(None);
        self.anchor_next.set(None);
        self.anchor_previous.set(None);
    }

    /// Takes over content, flags and links of `source`. The neighbours' links are the caller's
    /// business.
    pub fn take_over(&self, source: &Self) {
        self.tag.set(source.tag.get());
        self.object.set(source.object.get());
        self.identifier.set(source.identifier.get());
        self.data.set(source.data.get());
        self.next.set(source.next.get());
        self.previous.set(source.previous.get());
        self.anchor_next.set(source.anchor_next.get());
        self.anchor_previous.set(source.anchor_previous.get());
    }

    /// The port in it, if it is one and has (at least) `rights`, with its identifier.
    #[inline(always)]
    pub fn port(&self, rights: Rights) -> Option<(Ref<Port>, u64)> {
        self.identified(ObjectType::IpcPort, rights)
    }

    /// Fills the empty slot with the Reply to `caller`.
    #[inline(always)]
    pub fn fill_reply(&self, caller: Ref<Process>) {
        const TAG: u64 =
            ObjectType::Reply as u64 | (Rights::all().bits() as u64) << Tag::RIGHTS_SHIFT;
        self.tag.set(Tag(TAG));
        self.object.set(word(caller));
    }

    /// Whom the Reply in it answers, if it is one with all rights, as it was made.
    #[inline(always)]
    pub fn reply(&self) -> Option<Ref<Process>> {
        self.identified(ObjectType::Reply, Rights::all()).map(|(caller, _)| caller)
    }

    /// Empties it of a Reply, which has no relatives.
    #[inline(always)]
    pub fn clear_reply(&self) {
        self.tag.set(Tag(0));
        self.object.set(0);
    }

    /// Whether it holds something that may be copied and whose rights allow it, or a Reply, which
    /// moves: what can travel with a message.
    pub fn is_transferable(&self) -> bool {
        let [number, ..] = self.tag.get().0.to_le_bytes();
        match ObjectType::from_number(number) {
            Some(ObjectType::Reply) => true,
            Some(object) => is_copyable(object) && self.rights().contains(Rights::COPY),
            None => false,
        }
    }

    /// The node in it, if it is one and has (at least) `rights`.
    #[inline(always)]
    pub fn node(&self, rights: Rights) -> Option<Ref<Node>> {
        self.identified(ObjectType::Node, rights).map(|(node, _)| node)
    }

    /// The process in it, if it is one and has (at least) `rights`.
    #[inline(always)]
    pub fn process(&self, rights: Rights) -> Option<Ref<Process>> {
        self.identified(ObjectType::Pcb, rights).map(|(process, _)| process)
    }

    /// Whether an address space of user mode is in it.
    #[inline(always)]
    pub fn is_user_space(&self) -> bool {
        self.tag.get().is(ObjectType::AddressSpace, Rights::empty())
    }

    /// The Notification Port in it, if it is one and has (at least) `rights`, with its identifier.
    #[inline(always)]
    pub fn notification(&self, rights: Rights) -> Option<(Ref<Notification>, u64)> {
        self.identified(ObjectType::NotificationPort, rights)
    }

    /// The CPU whose timer is in it, if one is and has (at least) `rights`.
    #[inline(always)]
    pub fn timer(&self, rights: Rights) -> Option<CpuNumber> {
        self.tag.get().is(ObjectType::Timer, rights).then(|| self.data.get() as CpuNumber)
    }

    /// The interrupt whose port is in it, if one is and has (at least) `rights`.
    #[inline(always)]
    pub fn interrupt(&self, rights: Rights) -> Option<Interrupt> {
        let is_port = self.tag.get().is(ObjectType::InterruptPort, rights);
        is_port.then(|| interrupt(self.object.get(), self.data.get()))
    }

    /// The virtual CPU in it, if it is one.
    #[inline(always)]
    pub fn virtual_cpu(&self) -> Option<PhysicalAddress> {
        let is_one = self.tag.get().is(ObjectType::VirtualCpu, Rights::empty());
        is_one.then(|| PhysicalAddress(self.object.get()))
    }

    /// The Window in it, if it is one of a living address space and has (at least) `rights`.
    #[inline(always)]
    pub fn window(&self, rights: Rights) -> Option<Window> {
        if !self.tag.get().is(ObjectType::Window, rights) {
            return None;
        }
        self.unpack_window()
    }

    /// The same, if nothing of it is being cleared.
    #[inline(always)]
    pub fn whole_window(&self, rights: Rights) -> Option<Window> {
        if !self.tag.get().is_whole(ObjectType::Window, rights) {
            return None;
        }
        self.unpack_window()
    }

    #[inline(always)]
    fn unpack_window(&self) -> Option<Window> {
        let (frame, range) = (self.object.get(), self.identifier.get());
        Some(Window {
            base: PhysicalAddress(frame & !LOW_BITS),
            size_bits: (frame & 0x3f) as u8,
            kind: kind((frame & LOW_BITS) >> WINDOW_KIND_SHIFT),
            address: UserAddress(range & !LOW_BITS),
            range_bits: (range & LOW_BITS) as u8,
            space: reference(self.data.get())?,
        })
    }

    #[inline(always)]
    fn identified<T>(&self, object: ObjectType, rights: Rights) -> Option<(Ref<T>, u64)> {
        if !self.tag.get().is(object, rights) {
            return None;
        }
        // SAFETY: a slot's tag says that it holds an object that is named by reference, so `pack`
        // made its word of one: they change together, and a slot is emptied tag first.
        let address = unsafe { NonZeroU64::new_unchecked(self.object.get()) };
        Some((Ref::new(KernelAddress(address)), self.identifier.get()))
    }

    /// What it holds. Asked for everywhere, so one copy of the code is enough.
    #[inline(never)]
    pub fn capability(&self) -> Option<Capability> {
        let (object, identifier, data) =
            (self.object.get(), self.identifier.get(), self.data.get());
        let [number, ..] = self.tag.get().0.to_le_bytes();
        Some(match ObjectType::from_number(number)? {
            ObjectType::Generic => Capability::Generic {
                base: PhysicalAddress(object),
                size_bits: data as u8,
                used: identifier,
                zeroed: (data >> ZEROED_SHIFT) << ZEROED_UNIT_BITS,
                kind: kind((data >> KIND_SHIFT) & 0xff),
            },
            ObjectType::Node => Capability::Node(reference(object)?),
            ObjectType::Pcb => {
                Capability::Pcb { process: reference(object)?, highest_priority: data as u8 }
            }
            ObjectType::VectorState => Capability::VectorState { state: PhysicalAddress(object) },
            ObjectType::AddressSpace => Capability::AddressSpace(reference(object)?),
            ObjectType::VirtualCpu => Capability::VirtualCpu { guest: PhysicalAddress(object) },
            ObjectType::VirtualAddressSpace => Capability::VirtualAddressSpace(reference(object)?),
            ObjectType::PageTable => Capability::PageTable {
                table: PhysicalAddress(object),
                usage: match reference(identifier) {
                    None => TableUse::Free,
                    Some(space) if data == POOLED => TableUse::Pooled(space),
                    Some(space) => TableUse::Installed(Installation {
                        space,
                        address: UserAddress(data & !LOW_BITS),
                        entries: page_size(data & LOW_BITS),
                    }),
                },
            },
            ObjectType::Frame => Capability::Frame {
                base: PhysicalAddress(object),
                size_bits: data as u8,
                kind: kind(data >> KIND_SHIFT),
            },
            ObjectType::Window => Capability::Window {
                base: PhysicalAddress(object & !LOW_BITS),
                size_bits: (object & 0x3f) as u8,
                kind: kind((object & LOW_BITS) >> WINDOW_KIND_SHIFT),
                address: UserAddress(identifier & !LOW_BITS),
                range_bits: (identifier & LOW_BITS) as u8,
                space: reference(data),
            },
            ObjectType::IpcPort => Capability::IpcPort { port: reference(object)?, identifier },
            ObjectType::Reply => Capability::Reply { caller: reference(object)? },
            ObjectType::NotificationPort => {
                Capability::Notification { notification: reference(object)?, identifier }
            }
            ObjectType::Timer => Capability::Timer { cpu: data as u8 },
            ObjectType::InterruptRegion => Capability::InterruptRegion,
            ObjectType::InterruptPort => {
                Capability::InterruptPort { interrupt: interrupt(object, data) }
            }
            ObjectType::IoPort => Capability::IoPort { first: object as u16, last: data as u16 },
            _ => return None,
        })
    }
}

/// The three words of a slot's content.
fn pack(capability: Capability) -> (u64, u64, u64) {
    match capability {
        Capability::Generic { base, size_bits, used, zeroed, kind } => (
            base.0,
            used,
            u64::from(size_bits)
                | ((kind as u64) << KIND_SHIFT)
                | ((zeroed >> ZEROED_UNIT_BITS) << ZEROED_SHIFT),
        ),
        Capability::Node(node) => (word(node), 0, 0),
        Capability::Pcb { process, highest_priority } => {
            (word(process), 0, u64::from(highest_priority))
        }
        Capability::VectorState { state } => (state.0, 0, 0),
        Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space) => {
            (word(space), 0, 0)
        }
        Capability::VirtualCpu { guest } => (guest.0, 0, 0),
        Capability::PageTable { table, usage } => match usage {
            TableUse::Free => (table.0, 0, 0),
            TableUse::Pooled(space) => (table.0, word(space), POOLED),
            TableUse::Installed(place) => {
                (table.0, word(place.space), place.address.0 | place.entries as u64)
            }
        },
        Capability::Frame { base, size_bits, kind } => {
            (base.0, 0, u64::from(size_bits) | ((kind as u64) << KIND_SHIFT))
        }
        Capability::Window { base, size_bits, kind, address, range_bits, space } => (
            base.0 | u64::from(size_bits) | ((kind as u64) << WINDOW_KIND_SHIFT),
            address.0 | u64::from(range_bits),
            space.map_or(0, word),
        ),
        Capability::IpcPort { port, identifier } => (word(port), identifier, 0),
        Capability::Reply { caller } => (word(caller), 0, 0),
        Capability::Notification { notification, identifier } => {
            (word(notification), identifier, 0)
        }
        Capability::Timer { cpu } => (0, 0, u64::from(cpu)),
        Capability::InterruptRegion => (0, 0, 0),
        Capability::InterruptPort { interrupt } => match interrupt {
            Interrupt::Line(line) => (u64::from(line), 0, 0),
            Interrupt::Message(message) => (u64::from(message), 0, 1),
        },
        Capability::IoPort { first, last } => (u64::from(first), 0, u64::from(last)),
    }
}

fn word<T>(reference: Ref<T>) -> u64 {
    reference.address().0.get()
}

/// The reference that `word` made; `None` for 0.
#[inline(always)]
fn reference<T>(word: u64) -> Option<Ref<T>> {
    NonZeroU64::new(word).map(|address| Ref::new(KernelAddress(address)))
}

fn kind(number: u64) -> MemoryKind {
    if number == MemoryKind::Ordinary as u64 { MemoryKind::Ordinary } else { MemoryKind::Device }
}

#[inline(always)]
fn interrupt(number: u64, kind: u64) -> Interrupt {
    if kind == 0 { Interrupt::Line(number as u8) } else { Interrupt::Message(number as u8) }
}

fn page_size(number: u64) -> PageSize {
    match number {
        0 => PageSize::Small,
        1 => PageSize::Large,
        _ => PageSize::Huge,
    }
}
