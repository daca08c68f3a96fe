//! The buddy system: Generics split into halves and merged again.
//!
//! A block is a Generic. To split it is to convert it into two of half its size; to merge two is to
//! revoke the one that both came from, which makes it whole again. So the kernel enforces what a
//! buddy system promises, that blocks do not overlap, and the books here only say which are free.

mod lists;

use self::lists::{Heads, Links};
use super::cut;
use crate::resources::EXHAUSTED;
use crate::slots::Slots;
use crate::{Culprit, Error, Generic, Reason};

/// Logarithm of the smallest block, the smallest Generic that there is.
const SMALLEST: u8 = 6;
/// Sizes that there are, as logarithms.
const SIZES: usize = 64;
/// Lists over which blocks in use are spread.
const SPREAD: usize = 128;

/// What is known about one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    state: State,
    size_bits: u8,
    /// Its slot.
    slot: u16,
    /// The record of the block that it is half of; its own number for one that was added.
    parent: u16,
    /// The record of the other half.
    buddy: u16,
    /// The owner's note.
    note: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The record is of no block.
    Vacant,
    Free,
    /// Two halves of it have records of their own.
    Split,
    Used,
}

const VACANT: Block =
    Block { state: State::Vacant, size_bits: 0, slot: 0, parent: 0, buddy: 0, note: 0 };

/// A buddy system with records for up to `BLOCKS` blocks, split ones included.
///
/// All its Generics stand in one node, whose slots are passed to every operation: always the same,
/// and below 65536. An operation looks at a few records for each size between what is wanted and what is
/// there; [`allocate_at`](Self::allocate_at) at all free blocks that are large enough.
#[derive(Clone, Debug)]
pub struct Buddy<const BLOCKS: usize> {
    blocks: [Block; BLOCKS],
    /// Of records that are vacant, free or in use: each is one of them, or split.
    links: Links<BLOCKS>,
    vacant: Heads<1>,
    /// Free blocks by their size.
    free: Heads<SIZES>,
    /// Blocks in use by their slot.
    by_slot: Heads<SPREAD>,
    /// And once more by their note.
    notes: Links<BLOCKS>,
    by_note: Heads<SPREAD>,
}

impl<const BLOCKS: usize> Default for Buddy<BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BLOCKS: usize> Buddy<BLOCKS> {
    /// One without memory.
    pub const fn new() -> Self {
        let (mut links, mut vacant) = (Links::new(), Heads::new());
        let mut number = BLOCKS;
        while number > 0 {
            number -= 1;
            links.insert(&mut vacant, 0, number);
        }
        let (free, by_slot, by_note) = (Heads::new(), Heads::new(), Heads::new());
        let notes = Links::new();
        Self { blocks: [VACANT; BLOCKS], links, vacant, free, by_slot, notes, by_note }
    }

    /// Gives it the Generic in slot `index`, of 2^`size_bits` bytes, from which nothing has been
    /// made. *Not enough memory* if there is no record left for it.
    pub fn add(&mut self, index: u64, size_bits: u8) -> Result<(), Error> {
        let wrong = |number| Error::new(Reason::InvalidArgument, Culprit::argument(number));
        let slot = u16::try_from(index).map_err(|_| wrong(1))?;
        if usize::from(size_bits) >= SIZES {
            return Err(wrong(2));
        }
        let number = self.links.of(&self.vacant, 0).next().ok_or(EXHAUSTED)?;
        let itself = number as u16;
        let block = Block { size_bits, slot, parent: itself, buddy: itself, ..VACANT };
        self.enter(number, block);
        Ok(())
    }

    /// A block of 2^`size_bits` bytes, naturally aligned, in which nothing has been made: at least
    /// 64 bytes. From the smallest free one that is large enough. *Not enough memory* if there is
    /// none, or no record or slot to split it; then everything is as it was.
    pub fn allocate(&mut self, size_bits: u8, slots: &mut impl Slots) -> Result<Generic, Error> {
        let wanted = size_bits.max(SMALLEST);
        let mut number = self.large_enough(wanted).next().ok_or(EXHAUSTED)?;
        while self.blocks[number].size_bits > wanted {
            match self.split(number, slots) {
                Ok(half) => number = half,
                Err(error) => {
                    self.merge(number, slots)?;
                    return Err(error);
                }
            }
        }
        Ok(self.take(number, slots))
    }

    /// The block of 2^`size_bits` bytes at physical `address`, which is aligned to as many; the
    /// Generics need the right `DMA` for it. *Not enough memory* if not all of it is free, or as for
    /// [`allocate`](Self::allocate).
    pub fn allocate_at(
        &mut self,
        address: u64,
        size_bits: u8,
        slots: &mut impl Slots,
    ) -> Result<Generic, Error> {
        let mut number = self
            .large_enough(size_bits)
            .find(|number| self.holds(*number, address, slots))
            .ok_or(EXHAUSTED)?;
        while self.blocks[number].size_bits > size_bits {
            match self.split(number, slots) {
                Ok(half) if self.holds(half, address, slots) => number = half,
                Ok(half) => number = self.blocks[half].buddy.into(),
                Err(error) => {
                    self.merge(number, slots)?;
                    return Err(error);
                }
            }
        }
        Ok(self.take(number, slots))
    }

    /// Takes back what [`allocate`](Self::allocate) gave, with everything that was made from it.
    /// *Invalid argument* if it is no such block, or was taken back already.
    pub fn free(&mut self, block: Generic, slots: &mut impl Slots) -> Result<(), Error> {
        let number = self.used(block, slots)?;
        let Block { slot, note, size_bits, .. } = self.blocks[number];
        slots.node().revoke(slot.into())?;
        self.links.remove(&mut self.by_slot, slot.into(), number);
        self.notes.remove(&mut self.by_note, note.into(), number);
        self.blocks[number].state = State::Free;
        self.links.insert(&mut self.free, size_bits.into(), number);
        self.merge(number, slots)
    }

    /// The largest free block, as a logarithm of its bytes.
    pub fn largest(&self) -> Option<u8> {
        (0..SIZES as u8)
            .rev()
            .find(|bits| self.links.of(&self.free, (*bits).into()).next().is_some())
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        self.large_enough(0).map(|number| 1 << self.blocks[number].size_bits).sum()
    }

    /// Notes a number on a block that is in use, by which it can be [found](Self::noted) again.
    pub fn note(&mut self, block: Generic, note: u16, slots: &impl Slots) -> Result<(), Error> {
        let number = self.used(block, slots)?;
        let before = core::mem::replace(&mut self.blocks[number].note, note);
        self.notes.remove(&mut self.by_note, before.into(), number);
        self.notes.insert(&mut self.by_note, note.into(), number);
        Ok(())
    }

    /// The block in use with the note `note`.
    pub fn noted(&self, note: u16, slots: &impl Slots) -> Option<Generic> {
        let number =
            self.notes.of(&self.by_note, note.into()).find(|it| self.blocks[*it].note == note)?;
        Some(Generic::at(slots.descriptor(self.blocks[number].slot.into())))
    }

    /// Free blocks of at least 2^`size_bits` bytes, the smallest first.
    fn large_enough(&self, size_bits: u8) -> impl Iterator<Item = usize> {
        (usize::from(size_bits)..SIZES).flat_map(|bits| self.links.of(&self.free, bits))
    }

    /// Has a free block be in use.
    fn take(&mut self, number: usize, slots: &impl Slots) -> Generic {
        let block = &mut self.blocks[number];
        (block.state, block.note) = (State::Used, 0);
        self.links.remove(&mut self.free, block.size_bits.into(), number);
        self.links.insert(&mut self.by_slot, block.slot.into(), number);
        self.notes.insert(&mut self.by_note, 0, number);
        Generic::at(slots.descriptor(block.slot.into()))
    }

    /// Has a vacant record be that of `block`, which is free.
    fn enter(&mut self, number: usize, block: Block) {
        self.links.remove(&mut self.vacant, 0, number);
        self.blocks[number] = Block { state: State::Free, ..block };
        self.links.insert(&mut self.free, block.size_bits.into(), number);
    }

    /// Whether physical `address` lies in block `number`.
    fn holds(&self, number: usize, address: u64, slots: &impl Slots) -> bool {
        let Block { slot, size_bits, .. } = self.blocks[number];
        let information = Generic::at(slots.descriptor(slot.into())).information();
        information.is_ok_and(|(first, ..)| address.wrapping_sub(first) >> size_bits == 0)
    }

    /// The record of a block that is in use.
    fn used(&self, block: Generic, slots: &impl Slots) -> Result<usize, Error> {
        let slot = slots.index(block.descriptor());
        let is_it = |number: &usize| slot == Some(self.blocks[*number].slot.into());
        slot.and_then(|slot| self.links.of(&self.by_slot, slot as usize).find(is_it))
            .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(1)))
    }

    /// Splits the free block `number`; answers the record of one half.
    fn split(&mut self, number: usize, slots: &mut impl Slots) -> Result<usize, Error> {
        let Block { slot, size_bits, .. } = self.blocks[number];
        let mut vacant = self.links.of(&self.vacant, 0);
        let (Some(first), Some(second)) = (vacant.next(), vacant.next()) else {
            return Err(EXHAUSTED);
        };
        drop(vacant);
        let index = slots.take_run(2).ok_or(EXHAUSTED)?;
        let size_bits = size_bits - 1;
        let halves = u16::try_from(index + 1).map_err(|_| EXHAUSTED).and_then(|_| {
            let whole = Generic::at(slots.descriptor(slot.into()));
            cut(whole, size_bits, 2, index, slots)
        });
        if let Err(error) = halves {
            slots.put(index);
            slots.put(index + 1);
            return Err(error);
        }
        self.blocks[number].state = State::Split;
        self.links.remove(&mut self.free, usize::from(size_bits) + 1, number);
        let parent = number as u16;
        // The first one is in front of its list then.
        for (half, buddy, slot) in [(second, first, index + 1), (first, second, index)] {
            let (slot, buddy) = (slot as u16, buddy as u16);
            self.enter(half, Block { size_bits, slot, parent, buddy, ..VACANT });
        }
        Ok(first)
    }

    /// Merges the free block `number` with its buddy if that is free as well, and so on upwards.
    fn merge(&mut self, mut number: usize, slots: &mut impl Slots) -> Result<(), Error> {
        while let Block { parent, buddy, size_bits, .. } = self.blocks[number]
            && usize::from(parent) != number
            && self.blocks[usize::from(buddy)].state == State::Free
        {
            slots.node().revoke(self.blocks[usize::from(parent)].slot.into())?;
            for half in [number, buddy.into()] {
                slots.put(self.blocks[half].slot.into());
                self.blocks[half] = VACANT;
                self.links.remove(&mut self.free, size_bits.into(), half);
                self.links.insert(&mut self.vacant, 0, half);
            }
            number = parent.into();
            self.blocks[number].state = State::Free;
            self.links.insert(&mut self.free, usize::from(size_bits) + 1, number);
        }
        Ok(())
    }
}
