//! Kernel objects of any kind from a buddy system: each fills a block of its own, so that each can
//! be given back alone, in any order.

use super::{Buddy, Maker};
use crate::capability::Capability;
use crate::resources::EXHAUSTED;
use crate::slots::{SlotAllocator, Slots};
use crate::{Culprit, Error, Generic, ObjectType, Reason};

/// Logarithm of a Generic in which any object of fixed size fits.
const ROOMY: u8 = 16;

/// How large objects are, as logarithms of their bytes: what no table says is measured once.
#[derive(Clone, Debug, Default)]
pub struct ObjectSizes {
    /// By number of the type, 0 for what is not known yet. Of nodes, those of radix 1.
    known: [u8; ObjectType::ALL.len() + 1],
}

impl ObjectSizes {
    /// Size of an `object` made with `size_bits`; `None` if it is not known yet.
    pub fn get(&self, object: ObjectType, size_bits: u8) -> Option<u8> {
        match (object, self.known[object as usize]) {
            (ObjectType::Generic | ObjectType::Frame, _) => Some(size_bits),
            (_, 0) => None,
            (ObjectType::Node, smallest) => Some(smallest + size_bits.saturating_sub(1)),
            (_, bits) => Some(bits),
        }
    }

    /// Measures it by making one, in the empty Generic `ground`, which is empty again afterwards.
    pub fn measure(
        &mut self,
        object: ObjectType,
        ground: Generic,
        slots: &mut impl Slots,
    ) -> Result<(), Error> {
        let slot = slots.take_slot()?;
        let size_bits = u64::from(object == ObjectType::Node);
        let used = ground.convert(object, size_bits, 1, slots.node(), slot).and_then(|_| {
            let (_, _, used, _) = ground.information()?;
            slots.node().remove(slot)?;
            Ok(used)
        });
        slots.put(slot);
        self.known[object as usize] = used?.max(1).ilog2() as u8;
        Ok(())
    }
}

/// A maker of objects on a buddy system of up to `BLOCKS` blocks, with slots in a node of up to
/// 64 × `WORDS`. Every object takes two slots: its own and that of its memory.
#[derive(Clone, Debug)]
pub struct Pool<const BLOCKS: usize, const WORDS: usize> {
    slots: SlotAllocator<WORDS>,
    buddy: Buddy<BLOCKS>,
    sizes: ObjectSizes,
}

impl<const BLOCKS: usize, const WORDS: usize> Pool<BLOCKS, WORDS> {
    /// One without memory.
    pub fn new(slots: SlotAllocator<WORDS>) -> Self {
        Self { slots, buddy: Buddy::new(), sizes: ObjectSizes::default() }
    }

    /// Gives it memory, as [`Buddy::add`].
    pub fn add(&mut self, index: u64, size_bits: u8) -> Result<(), Error> {
        self.buddy.add(index, size_bits)
    }

    /// Its memory, to be looked at.
    pub const fn buddy(&self) -> &Buddy<BLOCKS> {
        &self.buddy
    }

    /// Logarithm of the bytes of an object; `size_bits` as for [`make`](Maker::make).
    pub fn size_of(&mut self, object: ObjectType, size_bits: u8) -> Result<u8, Error> {
        if let Some(bits) = self.sizes.get(object, size_bits) {
            return Ok(bits);
        }
        let ground = self.buddy.allocate(ROOMY, &mut self.slots)?;
        let measured = self.sizes.measure(object, ground, &mut self.slots);
        self.buddy.free(ground, &mut self.slots)?;
        measured?;
        self.sizes.get(object, size_bits).ok_or(EXHAUSTED)
    }
}

impl<const BLOCKS: usize, const WORDS: usize> Maker for Pool<BLOCKS, WORDS> {
    type Slots = SlotAllocator<WORDS>;

    fn slots(&mut self) -> &mut Self::Slots {
        &mut self.slots
    }

    fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let object_bits = self.size_of(T::TYPE, size_bits)?;
        let block = self.buddy.allocate(object_bits, &mut self.slots)?;
        if T::TYPE == ObjectType::Generic {
            return Ok(T::named(block.descriptor()));
        }
        let made = self.slots.take_slot().and_then(|slot| {
            let made = block.convert(T::TYPE, size_bits.into(), 1, self.slots.node(), slot);
            if made.is_err() {
                self.slots.put(slot);
            }
            made.map(|_| slot)
        });
        match made {
            Ok(slot) => {
                self.buddy.note(block, slot as u16, &self.slots)?;
                Ok(T::named(self.slots.descriptor(slot)))
            }
            Err(error) => {
                self.buddy.free(block, &mut self.slots)?;
                Err(error)
            }
        }
    }

    fn discard<T: Capability>(&mut self, object: T) -> Result<(), Error> {
        let descriptor = object.into();
        if T::TYPE == ObjectType::Generic {
            return self.buddy.free(Generic::at(descriptor), &mut self.slots);
        }
        let unknown = Error::new(Reason::InvalidArgument, Culprit::argument(1));
        let slot = self.slots.index(descriptor).filter(|slot| *slot != 0).ok_or(unknown)?;
        let block = self.buddy.noted(slot as u16, &self.slots).ok_or(unknown)?;
        self.buddy.free(block, &mut self.slots)?;
        self.slots.put(slot);
        Ok(())
    }
}
