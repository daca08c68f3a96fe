//! Capability slots: one cache line each.
//!
//! A slot holds a capability and its place in the tree of derivations. The tree is one list in
//! preorder: after a slot come all that were derived from it, with greater depth. Window and
//! Page Table capabilities are also in a list of their address space, by the anchor links.

mod content;

use core::cell::Cell;
use core::num::NonZeroU64;

use a9n_abi::{ObjectType, Rights};
use a9n_hal::{CpuNumber, Interrupt, KernelAddress, PhysicalAddress, UserAddress};

use crate::capability::is_copyable;
use crate::{AddressSpace, Capability, MemoryKind, Node, Notification, Port, Process, Ref};
use content::{interrupt, pack, word};

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
    fn identified<T>(&self, object: ObjectType, rights: Rights) -> Option<(Ref<T>, u64)> {
        if !self.tag.get().is(object, rights) {
            return None;
        }
        // SAFETY: a slot's tag says that it holds an object that is named by reference, so `pack`
        // made its word of one: they change together, and a slot is emptied tag first.
        let address = unsafe { NonZeroU64::new_unchecked(self.object.get()) };
        Some((Ref::new(KernelAddress(address)), self.identifier.get()))
    }
}
