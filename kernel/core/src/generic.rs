//! Generics: memory from which objects are made.

use a9n_abi::{Culprit, Descriptor, Error, ObjectType, Reason, Rights, generic::Operation};
use a9n_hal::{Hal, PageSize, PhysicalAddress};
use a9n_store::{
    AddressSpace, Capability, MemoryKind, Node, Notification, Object, Port, Process, Ref, Slot,
    Store, TableUse,
};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};

/// Objects that one call may ask for.
const OBJECTS_PER_CALL: u64 = 64;

/// What it costs to make one `object` in memory that is clear, in units of a [`Budget`].
const fn cost(object: ObjectType) -> u32 {
    match object {
        ObjectType::AddressSpace | ObjectType::VirtualAddressSpace => 60,
        ObjectType::Pcb | ObjectType::VectorState | ObjectType::VirtualCpu => 120,
        _ => 18,
    }
}

/// The most `object`s that one call makes.
const fn at_a_stretch(object: ObjectType) -> u64 {
    (Budget::FULL / cost(object)) as u64
}

/// Bytes cleared at once, and what that costs.
const BYTES_AT_ONCE: u64 = 512;
const CLEARING_COST: u32 = 12;

/// Logarithm of the bytes of a page, the smallest frame.
const PAGE_BITS: u8 = PageSize::Small.bits() as u8;

/// Logarithm of the largest Frame and Generic.
pub(crate) const MAXIMUM_SIZE_BITS: u8 = 40;

/// Logarithm of the smallest Generic.
const MINIMUM_GENERIC_BITS: u8 = 6;

/// A checked request for objects.
struct Request {
    object: ObjectType,
    /// As the user gave it.
    size_bits: u8,
    /// Logarithm of the bytes of one object.
    object_bits: u32,
    /// Offsets into the Generic.
    start: u64,
    end: u64,
}

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_generic(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        generic: &Capability,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Convert { object, size_bits, count, node, index } => {
                self.convert(caller, (slot, generic), (object, size_bits, count), (node, index))
            }
            Operation::Information => {
                let &Capability::Generic { base, size_bits, used, kind, .. } = generic else {
                    return Ok(Outcome::Nothing);
                };
                let tells = self.store.get(slot).rights().contains(Rights::DMA);
                let address = if tells { base.0 } else { 0 };
                let used = if self.first_child(slot).is_some() { used } else { 0 };
                let device = u64::from(kind == MemoryKind::Device);
                Ok(Outcome::words([address, u64::from(size_bits), used, device]))
            }
        }
    }

    fn convert(
        &mut self,
        caller: Caller,
        (slot, generic): (Ref<Slot>, &Capability),
        (object, size_bits, count): (ObjectType, u64, u64),
        (node, index): (Descriptor, u64),
    ) -> Result<Outcome, Stop> {
        let &Capability::Generic { base, size_bits: own_bits, mut used, mut zeroed, kind } =
            generic
        else {
            return Err(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR).into());
        };
        if used != 0 && self.first_child(slot).is_none() {
            // All that was made from it is gone: the memory is whole again, with old content.
            used = 0;
            zeroed = 0;
        }
        let size_bits =
            u8::try_from(size_bits).map_err(|_| bad_argument(Reason::InvalidArgument, 2))?;
        let object_bits = object_bits(self.hal(), object, size_bits, kind)?;
        if count == 0 || count > OBJECTS_PER_CALL {
            return Err(bad_argument(Reason::InvalidArgument, 3).into());
        }
        let count = count.min(at_a_stretch(object));
        let request = place(object_bits, count, used, own_bits)
            .map(|(start, end)| Request { object, size_bits, object_bits, start, end })
            .ok_or(Error::new(Reason::NotEnoughMemory, Culprit::DESCRIPTOR))?;
        let node = self.lookup_node(caller.process, node, 4)?;
        for i in 0..count {
            self.empty_slot(node, index.wrapping_add(i), 5)?;
        }
        let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;

        // From here on nothing is refused, but much may have to be repeated.
        let mut budget = Budget::new();
        if self.is_draining() {
            // What goes with the dying objects may be what was just checked.
            self.drain(&mut budget)?;
            return Err(Stop::Restart);
        }
        if self.hal().flush_pending() {
            return Err(Stop::Restart);
        }
        let update = |kernel: &Self, used, zeroed| {
            let capability = Capability::Generic { base, size_bits: own_bits, used, zeroed, kind };
            kernel.store.get(slot).update(capability);
        };
        if kind == MemoryKind::Ordinary && object != ObjectType::Generic {
            // What is skipped for alignment as well: it must not count as used before the call is done.
            let mut clean = zeroed.max(used);
            while clean < request.end {
                let bytes = BYTES_AT_ONCE.min(request.end.wrapping_sub(clean));
                self.store.zero(base.offset(clean), bytes as usize);
                clean = clean.wrapping_add(bytes);
                if clean < request.end && budget.spend(CLEARING_COST).is_err() {
                    update(self, used, clean);
                    return Err(Stop::Restart);
                }
            }
            zeroed = clean;
        }
        if !budget.covers(cost(object).saturating_mul(count as u32)) {
            update(self, used, zeroed);
            return Err(Stop::Restart);
        }
        update(self, request.end, zeroed);
        for i in (0..count).rev() {
            let offset = request.start.wrapping_add(i << (request.object_bits & 63));
            if let Some(target) = self.store.slot(node, index.wrapping_add(i)) {
                self.create(caller, slot, target, &request, base.offset(offset), depth, kind);
            }
        }
        Ok(Outcome::Word(count))
    }

    /// Makes one object at `address` and its original capability in `target`.
    #[expect(clippy::too_many_arguments, reason = "everything about one new object")]
    fn create(
        &mut self,
        caller: Caller,
        source: Ref<Slot>,
        target: Ref<Slot>,
        request: &Request,
        address: PhysicalAddress,
        depth: u8,
        kind: MemoryKind,
    ) {
        let size_bits = request.size_bits;
        let capability = match request.object {
            ObjectType::Generic => {
                Capability::Generic { base: address, size_bits, used: 0, zeroed: 0, kind }
            }
            ObjectType::Node => {
                Capability::Node(self.store.create_node(address, u32::from(size_bits)))
            }
            ObjectType::Pcb => Capability::Pcb {
                process: self.create_process(address),
                highest_priority: self.store.get(caller.process).ceiling.get(),
            },
            ObjectType::VectorState => {
                self.hal().prepare_vector_state(address);
                Capability::VectorState { state: address }
            }
            ObjectType::AddressSpace => Capability::AddressSpace(self.create_space(address)),
            ObjectType::VirtualCpu => {
                self.hal().prepare_guest(address);
                Capability::VirtualCpu { guest: address }
            }
            ObjectType::VirtualAddressSpace => {
                Capability::VirtualAddressSpace(self.create_guest_space(address))
            }
            ObjectType::PageTable => {
                Capability::PageTable { table: address, usage: TableUse::Free }
            }
            ObjectType::IpcPort => Capability::IpcPort {
                port: self.store.create(address, Port::default()),
                identifier: 0,
            },
            ObjectType::NotificationPort => Capability::Notification {
                notification: self.store.create(address, Notification::default()),
                identifier: 0,
            },
            // `object_bits` let nothing else pass.
            _ => Capability::Frame { base: address, size_bits, kind },
        };
        // A new object is its maker's in every way, but devices reach memory only by an old right.
        let dma = Rights::DMA - self.store.get(source).rights();
        self.derive_child(source, target, capability, Rights::all() - dma, depth);
        self.store.get(target).mark_original();
    }
}

/// Logarithm of the bytes of one `object`; argument numbers are those of `convert`.
fn object_bits<H: Hal>(
    hal: &H,
    object: ObjectType,
    size_bits: u8,
    kind: MemoryKind,
) -> Result<u32, Error> {
    let bad_size = bad_argument(Reason::InvalidArgument, 2);
    let sized = |smallest: u8| {
        if (smallest..=MAXIMUM_SIZE_BITS).contains(&size_bits) {
            Ok(u32::from(size_bits))
        } else {
            Err(bad_size)
        }
    };
    let fixed = |bits: u32| if size_bits == 0 { Ok(bits) } else { Err(bad_size) };
    match (object, kind) {
        (ObjectType::Frame, _) => sized(PAGE_BITS),
        (ObjectType::Generic, MemoryKind::Device) => sized(PAGE_BITS),
        (ObjectType::Generic, MemoryKind::Ordinary) => sized(MINIMUM_GENERIC_BITS),
        (_, MemoryKind::Device) => Err(bad_argument(Reason::InvalidArgument, 1)),
        (ObjectType::Node, _) => {
            let radix = u32::from(size_bits);
            if radix == 0 || radix > Node::MAXIMUM_RADIX {
                return Err(bad_size);
            }
            Ok(Store::<H>::node_bits(radix))
        }
        (ObjectType::Pcb, _) => fixed(<Process as Object<H>>::SIZE_BITS),
        (ObjectType::VectorState, _) => fixed(hal.vector_state_bits()),
        (ObjectType::AddressSpace, _) => fixed(<AddressSpace as Object<H>>::SIZE_BITS),
        (ObjectType::VirtualCpu | ObjectType::VirtualAddressSpace, _) => {
            let bits = hal.guest_bits().ok_or(bad_argument(Reason::NotImplemented, 1))?;
            let is_cpu = object == ObjectType::VirtualCpu;
            fixed(if is_cpu { bits } else { <AddressSpace as Object<H>>::SIZE_BITS })
        }
        (ObjectType::PageTable, _) => fixed(u32::from(PAGE_BITS)),
        (ObjectType::IpcPort, _) => fixed(<Port as Object<H>>::SIZE_BITS),
        (ObjectType::NotificationPort, _) => fixed(<Notification as Object<H>>::SIZE_BITS),
        (ObjectType::DmaDomain | ObjectType::VirtualPageTable, _) => {
            Err(bad_argument(Reason::NotImplemented, 1))
        }
        _ => Err(bad_argument(Reason::InvalidArgument, 1)),
    }
}

/// Offsets at which `count` objects of 2^`object_bits` bytes start and end in a Generic of
/// 2^`own_bits` bytes, of which `used` are taken; `None` if they do not fit.
fn place(object_bits: u32, count: u64, used: u64, own_bits: u8) -> Option<(u64, u64)> {
    let object = 1u64.checked_shl(object_bits)?;
    let size = 1u64.checked_shl(u32::from(own_bits))?;
    let start = used.checked_add(object.wrapping_sub(1))? & !object.wrapping_sub(1);
    let end = start.checked_add(count.checked_mul(object)?)?;
    (end <= size).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn objects_are_aligned_and_end_inside() {
        assert_eq!(place(6, 1, 0, 12), Some((0, 64)));
        assert_eq!(place(10, 2, 64, 12), Some((1024, 3072)));
        assert_eq!(place(12, 1, 1, 13), Some((4096, 8192)));
        assert_eq!(place(12, 1, 4097, 13), None);
        assert_eq!(place(6, 65, 0, 12), None);
        assert_eq!(place(63, 2, 0, 40), None);
        assert_eq!(place(6, 1, u64::MAX, 40), None);
    }
}
