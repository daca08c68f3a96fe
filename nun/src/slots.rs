//! Which slots of a node are free.

use a9n_abi::init::{INIT_NODE_RADIX, SlotRange, slot};

use crate::{Descriptor, Error, Node, resources::EXHAUSTED};

const BITS: u64 = u64::BITS as u64;

/// Words that it takes to keep the books of init's root node.
pub const ROOT_WORDS: usize = (1 << INIT_NODE_RADIX) / u64::BITS as usize;

/// Hands out empty slots of one node.
pub trait Slots {
    /// The node.
    fn node(&self) -> Node;

    /// How the slot `index` of that node is named.
    fn descriptor(&self, index: u64) -> Descriptor;

    /// The slot that `descriptor` names; `None` if it is none of that node's.
    fn index(&self, descriptor: Descriptor) -> Option<u64>;

    /// The first of `count` consecutive empty slots.
    fn take_run(&mut self, count: u64) -> Option<u64>;

    /// Takes back a slot that has been emptied.
    fn put(&mut self, index: u64);

    /// An empty slot.
    fn take_slot(&mut self) -> Result<u64, Error> {
        self.take_run(1).ok_or(EXHAUSTED)
    }
}

/// Hands out slots of one node of up to 64 × `WORDS` slots: of the root node, or of one that stands
/// in the root node.
#[derive(Clone, Debug)]
pub struct SlotAllocator<const WORDS: usize = ROOT_WORDS> {
    /// A bit for each free slot.
    free: [u64; WORDS],
    node: Node,
    /// What stands before an index in the path to a slot, and the path's length; 0 bits in the root
    /// node.
    prefix: u64,
    depth: u8,
}

impl<const WORDS: usize> SlotAllocator<WORDS> {
    /// Hands out the slots in `range` of the root node.
    pub const fn new(range: SlotRange) -> Self {
        Self { free: bits(range), node: Node::slot(slot::NODE), prefix: 0, depth: 0 }
    }

    /// Hands out all slots of the node of 2^`radix` slots in slot `index` of a root node of
    /// 2^`root_radix`.
    pub const fn nested(index: u64, root_radix: u32, radix: u32) -> Self {
        // Slot 0 is the node's own.
        let range = SlotRange { first: 1, count: (1 << radix) - 1 };
        let (prefix, depth) = (index << radix, (root_radix + radix) as u8);
        Self { free: bits(range), node: Node::slot(index), prefix, depth }
    }

    /// A free slot, the lowest.
    pub fn take(&mut self) -> Option<u64> {
        self.take_run(1)
    }

    /// The first of `count` consecutive free slots. It looks at each word of the books, and each run of
    /// free slots, at most once.
    pub fn take_run(&mut self, count: u64) -> Option<u64> {
        let mut first = self.next(0, |word| word)?;
        loop {
            let end = self.next(first, |word| !word).unwrap_or(WORDS as u64 * BITS);
            if end - first >= count {
                (first..first + count).for_each(|slot| self.flip(slot));
                return Some(first);
            }
            first = self.next(end, |word| word)?;
        }
    }

    /// The first slot from `start` on whose bit is set in what `look` makes of its word.
    fn next(&self, start: u64, look: impl Fn(u64) -> u64) -> Option<u64> {
        let place = (start / BITS) as usize;
        let mut words = self.free.get(place..)?.iter().map(|word| look(*word));
        let mut word = words.next()? & (u64::MAX << (start % BITS));
        let mut base = place as u64 * BITS;
        while word == 0 {
            word = words.next()?;
            base += BITS;
        }
        Some(base + u64::from(word.trailing_zeros()))
    }

    /// Takes back a slot that has been emptied.
    pub fn put(&mut self, index: u64) {
        if index < WORDS as u64 * BITS && !self.is_free(index) {
            self.flip(index);
        }
    }

    /// How many slots are free.
    pub fn count(&self) -> u64 {
        self.free.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn is_free(&self, slot: u64) -> bool {
        self.free.get((slot / BITS) as usize).is_some_and(|word| word >> (slot % BITS) & 1 != 0)
    }

    fn flip(&mut self, slot: u64) {
        if let Some(word) = self.free.get_mut((slot / BITS) as usize) {
            *word ^= 1 << (slot % BITS);
        }
    }
}

impl<const WORDS: usize> Slots for SlotAllocator<WORDS> {
    fn node(&self) -> Node {
        self.node
    }

    fn descriptor(&self, index: u64) -> Descriptor {
        match self.depth {
            0 => Descriptor::slot(index),
            depth => Descriptor::path(self.prefix | index, depth),
        }
    }

    fn index(&self, descriptor: Descriptor) -> Option<u64> {
        let index = descriptor.index() ^ self.prefix;
        (descriptor.depth() == self.depth && index < WORDS as u64 * BITS).then_some(index)
    }

    fn take_run(&mut self, count: u64) -> Option<u64> {
        Self::take_run(self, count)
    }

    fn put(&mut self, index: u64) {
        Self::put(self, index);
    }
}

/// A bit for each slot in `range`, as far as there are words for it.
const fn bits<const WORDS: usize>(range: SlotRange) -> [u64; WORDS] {
    let mut free = [0; WORDS];
    let mut slot = range.first as u64;
    let end = slot + range.count as u64;
    while slot < end && slot < WORDS as u64 * BITS {
        free[(slot / BITS) as usize] |= 1 << (slot % BITS);
        slot += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots(first: u32, count: u32) -> SlotAllocator {
        SlotAllocator::new(SlotRange { first, count })
    }

    #[test]
    fn only_the_given_slots_are_handed_out_and_each_once() {
        let mut slots = slots(62, 5);
        assert_eq!((slots.take(), slots.take()), (Some(62), Some(63)));
        assert_eq!(slots.take_run(3), Some(64));
        assert_eq!(slots.take(), None);
        slots.put(63);
        assert_eq!(slots.count(), 1);
        assert_eq!((slots.take(), slots.take()), (Some(63), None));
    }

    #[test]
    fn a_run_has_no_gap() {
        let mut slots = slots(10, 6);
        assert_eq!(slots.take_run(6), Some(10));
        for slot in [10, 12, 13, 15] {
            slots.put(slot);
        }
        assert_eq!(slots.take_run(2), Some(12));
        assert_eq!(slots.take_run(2), None);
        slots.put(14);
        assert_eq!(slots.take_run(2), Some(14));
    }

    #[test]
    fn the_last_slot_of_a_node_is_the_last() {
        let mut slots = slots(4095, 9);
        assert_eq!((slots.take(), slots.take()), (Some(4095), None));
    }

    #[test]
    fn slots_of_a_nested_node_are_named_by_their_path() {
        let mut slots = SlotAllocator::<4>::nested(5, 12, 8);
        assert_eq!(slots.take(), Some(1), "slot 0 is the node's own");
        assert_eq!(slots.descriptor(1), Descriptor::path(0x501, 20));
        assert_eq!(slots.index(Descriptor::path(0x501, 20)), Some(1));
        assert_eq!(slots.index(Descriptor::path(0x601, 20)), None);
        assert_eq!(slots.index(Descriptor::slot(1)), None);
        assert_eq!(slots.node(), Node::slot(5));
        assert_eq!(slots.take_run(254), Some(2));
        assert_eq!(slots.take(), None);
    }

    proptest! {
        /// Runs come from the lowest place, as a look at every slot would find it.
        #[test]
        fn runs_are_the_lowest_that_fit(
            taken in prop::collection::vec(0..256_u64, 0..200),
            counts in prop::collection::vec(1..80_u64, 1..20),
        ) {
            let mut slots = SlotAllocator::<4>::new(SlotRange { first: 0, count: 256 });
            let mut free = [true; 256];
            for slot in taken {
                if core::mem::take(&mut free[slot as usize]) {
                    slots.flip(slot);
                }
            }
            for count in counts {
                let fits = |first: &u64| free[*first as usize..][..count as usize].iter().all(|it| *it);
                let expected = (0..=256 - count).find(fits);
                prop_assert_eq!(slots.take_run(count), expected);
                if let Some(first) = expected {
                    free[first as usize..][..count as usize].fill(false);
                }
            }
        }
    }
}
