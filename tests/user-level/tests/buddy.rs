//! The buddy system on the true kernel: blocks never overlap, errors change nothing, and all memory
//! comes back.

use a9n_user_level::Computer;
use nun::memory::Buddy;
use nun::slots::{SlotAllocator, Slots};
use nun::{Generic, Node, ObjectType, Reason};
use proptest::prelude::*;

const MEMORY: usize = 8 << 20;

/// A computer, and init's largest Generic in a buddy system.
fn start<const BLOCKS: usize>() -> (Computer, Buddy<BLOCKS>, SlotAllocator, u8) {
    let computer = Computer::boot(MEMORY);
    let init = computer.init();
    let largest = init.generics().iter().filter(|it| it.device == 0).max_by_key(|it| it.size_bits);
    let largest = largest.expect("init has memory");
    let mut buddy = Buddy::new();
    buddy.add(largest.slot.into(), largest.size_bits).expect("there is room for one");
    (computer, buddy, SlotAllocator::new(init.free_slots), largest.size_bits)
}

/// First byte and bytes of a block.
fn extent(block: Generic) -> (u64, u64) {
    let (address, size_bits, ..) = block.information().expect("the block is a Generic");
    (address, 1 << size_bits)
}

#[test]
fn the_smallest_block_that_fits_is_split() {
    let (computer, mut buddy, mut slots, bits) = start::<64>();
    let small = buddy.allocate(12, &mut slots).unwrap();
    assert_eq!(buddy.largest(), Some(bits - 1));
    assert_eq!(buddy.free_bytes(), (1 << bits) - 4096);
    let half = buddy.allocate(bits - 1, &mut slots).unwrap();
    let other = buddy.allocate(12, &mut slots).unwrap();
    assert_eq!(extent(small).0 ^ 4096, extent(other).0, "the buddy of the first");
    for block in [small, half, other] {
        buddy.free(block, &mut slots).unwrap();
    }
    assert_eq!(buddy.largest(), Some(bits));
    computer.check();
}

#[test]
fn a_freed_block_takes_what_was_made_of_it_along() {
    let (computer, mut buddy, mut slots, _) = start::<64>();
    let objects = computer.objects();
    let block = buddy.allocate(16, &mut slots).unwrap();
    let slot = slots.take_run(2).unwrap();
    block.convert(ObjectType::IpcPort, 0, 2, slots.node(), slot).unwrap();
    buddy.free(block, &mut slots).unwrap();
    assert_eq!(slots.node().look(slot).unwrap().0, 0);
    assert_eq!(computer.objects(), objects);
}

#[test]
fn nothing_is_taken_back_twice() {
    let (_computer, mut buddy, mut slots, _) = start::<64>();
    let block = buddy.allocate(12, &mut slots).unwrap();
    let kept = buddy.allocate(12, &mut slots).unwrap();
    buddy.free(block, &mut slots).unwrap();
    for wrong in [block, Generic::slot(1), Generic::slot(4000)] {
        let refused = buddy.free(wrong, &mut slots).unwrap_err();
        assert_eq!(refused.reason, Reason::InvalidArgument);
    }
    kept.information().expect("the other block is still there");
}

#[test]
fn want_of_records_slots_or_memory_changes_nothing() {
    let (computer, mut buddy, mut slots, bits) = start::<9>();
    // Four splits need eight records besides the one of the whole.
    buddy.allocate(bits - 5, &mut slots).unwrap_err();
    assert_eq!((buddy.largest(), buddy.free_bytes()), (Some(bits), 1 << bits));
    let block = buddy.allocate(bits - 4, &mut slots).unwrap();
    buddy.free(block, &mut slots).unwrap();

    while slots.take().is_some() {}
    slots.put(4000);
    slots.put(4001);
    buddy.allocate(bits - 2, &mut slots).unwrap_err();
    assert_eq!((buddy.largest(), buddy.free_bytes()), (Some(bits), 1 << bits));
    assert_eq!(slots.take_run(2), Some(4000), "both slots came back");

    buddy.allocate(bits + 1, &mut slots).unwrap_err();
    computer.check();
}

#[test]
fn a_block_can_be_had_by_its_address() {
    let (computer, mut buddy, mut slots, bits) = start::<128>();
    let whole = buddy.allocate(bits, &mut slots).unwrap();
    let (first, bytes) = extent(whole);
    buddy.free(whole, &mut slots).unwrap();
    for (address, size_bits) in [(first + 0x5000, 12), (first, 12), (first + bytes / 2, 16)] {
        let block = buddy.allocate_at(address, size_bits, &mut slots).unwrap();
        assert_eq!(extent(block), (address, 1 << size_bits));
    }
    let before = buddy.free_bytes();
    // One that is out already, one that holds such a one, and some that are not there.
    let end = first + bytes;
    for (address, size_bits) in [(first, 12), (first, 15), (end, 12), (first - 0x1000, 12)] {
        let refused = buddy.allocate_at(address, size_bits, &mut slots).unwrap_err();
        assert_eq!(refused.reason, Reason::NotEnoughMemory, "{address:#x}");
    }
    assert_eq!(buddy.free_bytes(), before);
    computer.check();
}

#[test]
fn a_note_finds_its_block() {
    let (_computer, mut buddy, mut slots, _) = start::<64>();
    let block = buddy.allocate(12, &mut slots).unwrap();
    buddy.note(block, 77, &slots).unwrap();
    assert_eq!(buddy.noted(77, &slots), Some(block));
    buddy.free(block, &mut slots).unwrap();
    assert_eq!(buddy.noted(77, &slots), None);
}

/// What a user of the buddy system does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate(u8),
    /// Frees the block at this place among those that are held.
    Free(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![(4u8..22).prop_map(Step::Allocate), (0usize..64).prop_map(Step::Free),];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 10, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_apart_and_all_memory_comes_back(steps in steps()) {
        let (computer, mut buddy, mut slots, bits) = start::<96>();
        let objects = computer.objects();
        let mut held: Vec<Generic> = vec![];
        for step in steps {
            let before = buddy.free_bytes();
            match step {
                Step::Allocate(size_bits) => match buddy.allocate(size_bits, &mut slots) {
                    Ok(block) => {
                        let (start, bytes) = extent(block);
                        prop_assert_eq!(bytes, 1 << size_bits.max(6));
                        prop_assert_eq!(before - buddy.free_bytes(), bytes);
                        for other in &held {
                            let (first, length) = extent(*other);
                            prop_assert!(start + bytes <= first || first + length <= start);
                        }
                        held.push(block);
                    }
                    Err(error) => {
                        prop_assert_eq!(error.reason, Reason::NotEnoughMemory);
                        prop_assert_eq!(before, buddy.free_bytes());
                    }
                },
                Step::Free(place) if !held.is_empty() => {
                    let block = held.swap_remove(place % held.len());
                    let (_, bytes) = extent(block);
                    buddy.free(block, &mut slots).unwrap();
                    prop_assert_eq!(buddy.free_bytes() - before, bytes);
                }
                Step::Free(_) => {}
            }
        }
        for block in held {
            buddy.free(block, &mut slots).unwrap();
        }
        prop_assert_eq!((buddy.largest(), buddy.free_bytes()), (Some(bits), 1u64 << bits));
        prop_assert_eq!(computer.objects(), objects);
        let free = computer.init().free_slots;
        prop_assert_eq!(slots.take_run(free.count.into()), Some(free.first.into()));
        for slot in (free.first..).take(free.count as usize) {
            prop_assert_eq!(Node::slot(3).look(slot.into()).unwrap().0, 0);
        }
        computer.check();
    }
}
