//! The buddy system: Generics split into halves and merged again.
//!
//! A block is a Generic. To split it is to convert it into two of half its size; to merge two is to
//! revoke the one that both came from, which makes it whole again. So the kernel enforces what a
//! buddy system promises, that blocks do not overlap, and the books here only say which are free.

use super::cut;
use crate::resources::EXHAUSTED;
use crate::slots::Slots;
use crate::{Culprit, Error, Generic, Reason};

/// Logarithm of the smallest block, the smallest Generic that there is.
const SMALLEST: u8 = 6;

/// What is known about one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    state: State,
    size_bits: u8,
    /// Its slot.
    slot: u16,
    /// The record of the block that it is half of; its own number for one that was added.
    parent: u16,
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

const VACANT: Block = Block { state: State::Vacant, size_bits: 0, slot: 0, parent: 0, note: 0 };

/// A buddy system with records for up to `BLOCKS` blocks, split ones included.
///
/// All its Generics stand in one node, whose slots are passed to every operation: always the same,
/// and below 65536. Every operation looks at each record a few times.
#[derive(Clone, Debug)]
pub struct Buddy<const BLOCKS: usize> {
    blocks: [Block; BLOCKS],
}

impl<const BLOCKS: usize> Default for Buddy<BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BLOCKS: usize> Buddy<BLOCKS> {
    /// One without memory.
    pub const fn new() -> Self {
        const { assert!(BLOCKS <= u16::MAX as usize, "records are numbered in 16 bits") }
        Self { blocks: [VACANT; BLOCKS] }
    }

    /// Gives it the Generic in slot `index`, of 2^`size_bits` bytes, from which nothing has been
    /// made. *Not enough memory* if there is no record left for it.
    pub fn add(&mut self, index: u64, size_bits: u8) -> Result<(), Error> {
        let slot = u16::try_from(index)
            .map_err(|_| Error::new(Reason::InvalidArgument, Culprit::argument(1)))?;
        let number = self.vacant().ok_or(EXHAUSTED)?;
        let parent = number as u16;
        self.blocks[number] = Block { state: State::Free, size_bits, slot, parent, note: 0 };
        Ok(())
    }

    /// A block of 2^`size_bits` bytes, naturally aligned, in which nothing has been made: at least
    /// 64 bytes. From the smallest free one that is large enough. *Not enough memory* if there is
    /// none, or no record or slot to split it; then everything is as it was.
    pub fn allocate(&mut self, size_bits: u8, slots: &mut impl Slots) -> Result<Generic, Error> {
        let wanted = size_bits.max(SMALLEST);
        let mut number = (0..BLOCKS)
            .filter(|number| {
                let block = self.blocks[*number];
                block.state == State::Free && block.size_bits >= wanted
            })
            .min_by_key(|number| self.blocks[*number].size_bits)
            .ok_or(EXHAUSTED)?;
        while self.blocks[number].size_bits > wanted {
            match self.split(number, slots) {
                Ok(half) => number = half,
                Err(error) => {
                    self.merge(number, slots)?;
                    return Err(error);
                }
            }
        }
        let block = &mut self.blocks[number];
        (block.state, block.note) = (State::Used, 0);
        Ok(Generic::at(slots.descriptor(block.slot.into())))
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
        let mut number = (0..BLOCKS)
            .find(|number| {
                let block = self.blocks[*number];
                block.state == State::Free
                    && block.size_bits >= size_bits
                    && self.holds(*number, address, slots)
            })
            .ok_or(EXHAUSTED)?;
        while self.blocks[number].size_bits > size_bits {
            match self.split(number, slots) {
                Ok(half) if self.holds(half, address, slots) => number = half,
                Ok(half) => number = self.buddy_of(half).ok_or(EXHAUSTED)?,
                Err(error) => {
                    self.merge(number, slots)?;
                    return Err(error);
                }
            }
        }
        let block = &mut self.blocks[number];
        (block.state, block.note) = (State::Used, 0);
        Ok(Generic::at(slots.descriptor(block.slot.into())))
    }

    /// Takes back what [`allocate`](Self::allocate) gave, with everything that was made from it.
    /// *Invalid argument* if it is no such block, or was taken back already.
    pub fn free(&mut self, block: Generic, slots: &mut impl Slots) -> Result<(), Error> {
        let number = self.used(block, slots)?;
        slots.node().revoke(self.blocks[number].slot.into())?;
        self.blocks[number].state = State::Free;
        self.merge(number, slots)
    }

    /// The largest free block, as a logarithm of its bytes.
    pub fn largest(&self) -> Option<u8> {
        self.free_blocks().map(|block| block.size_bits).max()
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        self.free_blocks().map(|block| 1 << block.size_bits).sum()
    }

    /// Notes a number on a block that is in use, by which it can be [found](Self::noted) again.
    pub fn note(&mut self, block: Generic, note: u16, slots: &impl Slots) -> Result<(), Error> {
        let number = self.used(block, slots)?;
        self.blocks[number].note = note;
        Ok(())
    }

    /// The block in use with the note `note`.
    pub fn noted(&self, note: u16, slots: &impl Slots) -> Option<Generic> {
        let noted = |block: &&Block| block.state == State::Used && block.note == note;
        let block = self.blocks.iter().find(noted)?;
        Some(Generic::at(slots.descriptor(block.slot.into())))
    }

    /// Whether physical `address` lies in block `number`.
    fn holds(&self, number: usize, address: u64, slots: &impl Slots) -> bool {
        let Block { slot, size_bits, .. } = self.blocks[number];
        let information = Generic::at(slots.descriptor(slot.into())).information();
        information.is_ok_and(|(first, ..)| address.wrapping_sub(first) >> size_bits == 0)
    }

    fn free_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.state == State::Free)
    }

    fn vacant(&self) -> Option<usize> {
        self.blocks.iter().position(|block| block.state == State::Vacant)
    }

    /// The record of a block that is in use.
    fn used(&self, block: Generic, slots: &impl Slots) -> Result<usize, Error> {
        self.blocks
            .iter()
            .position(|it| {
                it.state == State::Used && slots.descriptor(it.slot.into()) == block.descriptor()
            })
            .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(1)))
    }

    /// Splits the free block `number`; answers the record of one half.
    fn split(&mut self, number: usize, slots: &mut impl Slots) -> Result<usize, Error> {
        let Block { slot, size_bits, .. } = self.blocks[number];
        let first = self.vacant().ok_or(EXHAUSTED)?;
        let second = (first + 1..BLOCKS)
            .find(|number| self.blocks[*number].state == State::Vacant)
            .ok_or(EXHAUSTED)?;
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
        for (half, slot) in [(first, index as u16), (second, index as u16 + 1)] {
            let parent = number as u16;
            self.blocks[half] = Block { state: State::Free, size_bits, slot, parent, note: 0 };
        }
        Ok(first)
    }

    /// Merges the free block `number` with its buddy if that is free as well, and so on upwards.
    fn merge(&mut self, mut number: usize, slots: &mut impl Slots) -> Result<(), Error> {
        while let parent = usize::from(self.blocks[number].parent)
            && parent != number
            && let Some(buddy) = self.buddy_of(number)
            && self.blocks[buddy].state == State::Free
        {
            slots.node().revoke(self.blocks[parent].slot.into())?;
            for half in [number, buddy] {
                slots.put(self.blocks[half].slot.into());
                self.blocks[half] = VACANT;
            }
            number = parent;
            self.blocks[number].state = State::Free;
        }
        Ok(())
    }

    /// The other half of what `number` is half of.
    fn buddy_of(&self, number: usize) -> Option<usize> {
        let parent = self.blocks[number].parent;
        (0..BLOCKS).find(|other| {
            let block = &self.blocks[*other];
            let is_half = block.state != State::Vacant && block.parent == parent;
            is_half && *other != number && *other != usize::from(parent)
        })
    }
}
