//! How a capability is packed into the three words of a slot's content, and unpacked.

use core::num::NonZeroU64;

use a9n_abi::ObjectType;
use a9n_hal::{Interrupt, KernelAddress, PageSize, PhysicalAddress, UserAddress};

use super::{Slot, Window};
use crate::{Capability, Installation, MemoryKind, Ref, TableUse};

/// In the last word of a Generic or a Frame: the kind, above the size bits.
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
    /// The Window in it, which it is known to hold; `None` if its address space is gone.
    #[inline(always)]
    pub(super) fn unpack_window(&self) -> Option<Window> {
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
pub(super) fn pack(capability: Capability) -> (u64, u64, u64) {
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

/// The word that names `reference`'s object; never 0.
pub(super) fn word<T>(reference: Ref<T>) -> u64 {
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

/// The interrupt of these two words.
#[inline(always)]
pub(super) fn interrupt(number: u64, kind: u64) -> Interrupt {
    if kind == 0 { Interrupt::Line(number as u8) } else { Interrupt::Message(number as u8) }
}

fn page_size(number: u64) -> PageSize {
    match number {
        0 => PageSize::Small,
        1 => PageSize::Large,
        _ => PageSize::Huge,
    }
}
