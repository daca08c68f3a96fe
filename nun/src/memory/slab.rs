//! Slabs: a Generic cut into equal kernel objects.
//!
//! A Generic gives nothing back piece by piece, so a slab is cut into smaller Generics first, of the
//! size of one object each, and each of them holds one object or nothing. To give an object back
//! is to revoke its piece, whose memory then is whole, and cleared before it is anything again.

use core::marker::PhantomData;

use super::{Maker, cut};
use crate::capability::Capability;
use crate::resources::EXHAUSTED;
use crate::slots::Slots;
use crate::{Culprit, Error, Generic, Reason};

/// Objects in one slab, at most.
const CAPACITY: u64 = u64::BITS as u64;

/// Up to 64 objects of type `T`, all made with the same size, in one Generic.
///
/// All capabilities stand in one node, whose slots are passed to every operation: always the same.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    memory: Generic,
    size_bits: u8,
    /// First slot of the pieces, and of the objects in them.
    pieces: u64,
    objects: u64,
    /// How many there are.
    count: u64,
    /// A bit for each that is handed out.
    used: u64,
    kind: PhantomData<T>,
}

impl<T: Capability> Slab<T> {
    /// Cuts the Generic `memory`, in which nothing has been made, into pieces for objects made with
    /// `size_bits`. *Not enough memory* if it is too small for one, or slots are missing. If it
    /// fails, nothing is made from `memory`.
    pub fn new(memory: Generic, size_bits: u8, slots: &mut impl Slots) -> Result<Self, Error> {
        let (_, memory_bits, ..) = memory.information()?;
        let object_bits = measure::<T>(memory, size_bits, slots)?;
        let count = (1 << memory_bits.saturating_sub(object_bits.into())).min(CAPACITY);
        let pieces = slots.take_run(2 * count).ok_or(EXHAUSTED)?;
        let objects = pieces + count;
        if let Err(error) = cut(memory, object_bits, count, pieces, slots) {
            (pieces..objects + count).for_each(|slot| slots.put(slot));
            return Err(error);
        }
        Ok(Self { memory, size_bits, pieces, objects, count, used: 0, kind: PhantomData })
    }

    /// An object that is as new. *Not enough memory* if all are handed out.
    pub fn take(&mut self, slots: &impl Slots) -> Result<T, Error> {
        let number = u64::from((!self.used).trailing_zeros());
        if number >= self.count {
            return Err(EXHAUSTED);
        }
        let piece = Generic::at(slots.descriptor(self.pieces + number));
        let slot = self.objects + number;
        piece.convert(T::TYPE, self.size_bits.into(), 1, slots.node(), slot)?;
        self.used |= 1 << number;
        Ok(T::named(slots.descriptor(slot)))
    }

    /// Takes back what [`take`](Self::take) gave, with everything derived from it. *Invalid
    /// argument* if it is none of this slab, or was taken back already.
    pub fn put(&mut self, object: T, slots: &impl Slots) -> Result<(), Error> {
        let number = self
            .number(object, slots)
            .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(1)))?;
        slots.node().revoke(self.pieces + number)?;
        self.used &= !(1 << number);
        Ok(())
    }

    /// Whether `object` was taken from here.
    pub fn holds(&self, object: T, slots: &impl Slots) -> bool {
        self.number(object, slots).is_some()
    }

    /// Whether nothing is handed out.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether everything is handed out.
    pub const fn is_full(&self) -> bool {
        self.used.trailing_ones() as u64 >= self.count
    }

    /// Ends the slab, and all objects that are still handed out: the Generic is as new.
    pub fn dissolve(self, slots: &mut impl Slots) -> Result<Generic, Error> {
        let index = slots
            .index(self.memory.descriptor())
            .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(1)))?;
        slots.node().revoke(index)?;
        (self.pieces..self.objects + self.count).for_each(|slot| slots.put(slot));
        Ok(self.memory)
    }

    /// Number of an object that is handed out.
    fn number(&self, object: T, slots: &impl Slots) -> Option<u64> {
        let number = slots.index(object.into())?.checked_sub(self.objects)?;
        (number < self.count && self.used >> number & 1 != 0).then_some(number)
    }
}

/// Logarithm of the bytes of an object, measured by making one.
fn measure<T: Capability>(
    memory: Generic,
    size_bits: u8,
    slots: &mut impl Slots,
) -> Result<u8, Error> {
    let slot = slots.take_slot()?;
    let used = memory.convert(T::TYPE, size_bits.into(), 1, slots.node(), slot).and_then(|_| {
        let (_, _, used, _) = memory.information()?;
        slots.node().remove(slot)?;
        Ok(used)
    });
    slots.put(slot);
    Ok(used?.max(1).ilog2() as u8)
}

/// As many slabs as are needed, at most `SLABS`, made from whatever Generics a [`Maker`] makes, and
/// given back to it when they are empty.
#[derive(Clone, Debug)]
pub struct SlabCache<T, const SLABS: usize> {
    slabs: [Option<Slab<T>>; SLABS],
    size_bits: u8,
    slab_bits: u8,
}

impl<T: Capability, const SLABS: usize> SlabCache<T, SLABS> {
    /// For objects made with `size_bits`, in slabs of 2^`slab_bits` bytes.
    pub const fn new(size_bits: u8, slab_bits: u8) -> Self {
        Self { slabs: [const { None }; SLABS], size_bits, slab_bits }
    }

    /// An object that is as new. If it fails, everything is as it was.
    pub fn take(&mut self, maker: &mut impl Maker) -> Result<T, Error> {
        if let Some(slab) = self.slabs.iter_mut().flatten().find(|slab| !slab.is_full()) {
            return slab.take(maker.slots());
        }
        let place = self.slabs.iter_mut().find(|slab| slab.is_none()).ok_or(EXHAUSTED)?;
        let memory: Generic = maker.make(self.slab_bits)?;
        let started = Slab::new(memory, self.size_bits, maker.slots()).and_then(|mut slab| {
            let object = slab.take(maker.slots());
            if object.is_err() {
                slab.dissolve(maker.slots())?;
                return Err(object.err().unwrap_or(EXHAUSTED));
            }
            *place = Some(slab);
            object
        });
        if started.is_err() {
            maker.discard(memory)?;
        }
        started
    }

    /// Takes an object back; the last of a slab takes the slab's memory with it.
    pub fn put(&mut self, object: T, maker: &mut impl Maker) -> Result<(), Error> {
        let holds = |slab: &&mut Option<Slab<T>>| {
            slab.as_ref().is_some_and(|slab| slab.holds(object, maker.slots()))
        };
        let place = self
            .slabs
            .iter_mut()
            .find(holds)
            .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(1)))?;
        let Some(slab) = place else { return Ok(()) };
        slab.put(object, maker.slots())?;
        if slab.is_empty()
            && let Some(slab) = place.take()
        {
            let memory = slab.dissolve(maker.slots())?;
            maker.discard(memory)?;
        }
        Ok(())
    }
}
