//! Which slots of the root node are free.

use a9n_abi::init::{INIT_NODE_RADIX, SlotRange};

const BITS: u64 = u64::BITS as u64;
const WORDS: usize = (1 << INIT_NODE_RADIX) / u64::BITS as usize;

/// Hands out slots of one node of up to 4096.
#[derive(Clone, Debug)]
pub struct SlotAllocator {
    /// A bit for each free slot.
    free: [u64; WORDS],
}

impl SlotAllocator {
    /// Hands out the slots in `range`.
    pub const fn new(range: SlotRange) -> Self {
        let mut free = [0; WORDS];
        let mut slot = range.first as u64;
        let end = slot + range.count as u64;
        while slot < end && slot < WORDS as u64 * BITS {
            free[(slot / BITS) as usize] |= 1 << (slot % BITS);
            slot += 1;
        }
        Self { free }
    }

    /// A free slot, the lowest.
    pub fn take(&mut self) -> Option<u64> {
        self.take_run(1)
    }

    /// The first of `count` consecutive free slots.
    pub fn take_run(&mut self, count: u64) -> Option<u64> {
        let mut first = 0;
        let mut found = 0;
        for slot in 0..WORDS as u64 * BITS {
            if !self.is_free(slot) {
                found = 0;
                continue;
            }
            if found == 0 {
                first = slot;
            }
            found += 1;
            if found >= count {
                (first..=slot).for_each(|slot| self.flip(slot));
                return Some(first);
            }
        }
        None
    }

    /// How many slots are free.
    pub fn count(&self) -> u64 {
        self.free.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Takes back a slot that has been emptied.
    pub fn put(&mut self, slot: u64) {
        if slot < WORDS as u64 * BITS && !self.is_free(slot) {
            self.flip(slot);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_slots_are_handed_out_and_each_once() {
        let mut slots = SlotAllocator::new(SlotRange { first: 62, count: 5 });
        assert_eq!((slots.take(), slots.take()), (Some(62), Some(63)));
        assert_eq!(slots.take_run(3), Some(64));
        assert_eq!(slots.take(), None);
        slots.put(63);
        assert_eq!(slots.count(), 1);
        assert_eq!((slots.take(), slots.take()), (Some(63), None));
    }

    #[test]
    fn a_run_has_no_gap() {
        let mut slots = SlotAllocator::new(SlotRange { first: 10, count: 6 });
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
        let mut slots = SlotAllocator::new(SlotRange { first: 4095, count: 9 });
        assert_eq!((slots.take(), slots.take()), (Some(4095), None));
    }
}
