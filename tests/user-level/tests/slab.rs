//! Slabs on the true kernel: objects are as new, in any order of giving back, and the memory
//! comes back with the last.

use a9n_user_level::Computer;
use nun::capability::Capability;
use nun::memory::{Maker, Pool, Slab, SlabCache};
use nun::slots::{ROOT_WORDS, SlotAllocator, Slots};
use nun::{Frame, Generic, IpcPort, Node, NotificationPort, Pcb, Reason, Rights, VectorState};
use proptest::prelude::*;

type TestPool = Pool<128, ROOT_WORDS>;

fn start() -> (Computer, TestPool) {
    let computer = Computer::boot(8 << 20);
    let init = computer.init();
    let mut pool = Pool::new(SlotAllocator::new(init.free_slots));
    for generic in init.generics().iter().filter(|generic| generic.device == 0) {
        pool.add(generic.slot.into(), generic.size_bits).unwrap();
    }
    (computer, pool)
}

/// Fills a slab of `T` in 2^`bits` bytes; answers how many went in.
fn fill<T: Capability>(pool: &mut TestPool, bits: u8, size_bits: u8) -> usize {
    let memory: Generic = pool.make(bits).unwrap();
    let mut slab = Slab::<T>::new(memory, size_bits, pool.slots()).unwrap();
    let mut held = vec![];
    while let Ok(object) = slab.take(pool.slots()) {
        let (object_type, ..) = Node::slot(3).look(object.into().index()).unwrap();
        assert_eq!(object_type, T::TYPE as u64);
        held.push(object);
    }
    assert!(slab.is_full());
    for object in &held {
        slab.put(*object, pool.slots()).unwrap();
    }
    assert!(slab.is_empty());
    assert_eq!(slab.put(held[0], pool.slots()).unwrap_err().reason, Reason::InvalidArgument);
    let memory = slab.dissolve(pool.slots()).unwrap();
    assert_eq!(memory.information().unwrap().2, 0, "nothing is made from it any more");
    pool.discard(memory).unwrap();
    held.len()
}

#[test]
fn every_kind_of_object_can_be_cut() {
    let (computer, mut pool) = start();
    let before = pool.buddy().free_bytes();
    assert_eq!(fill::<IpcPort>(&mut pool, 12, 0), 64);
    assert_eq!(fill::<NotificationPort>(&mut pool, 8, 0), 4);
    assert_eq!(fill::<Frame>(&mut pool, 16, 13), 8);
    assert_eq!(fill::<Node>(&mut pool, 14, 5), 8);
    assert_eq!(fill::<Generic>(&mut pool, 16, 12), 16);
    assert!(fill::<Pcb>(&mut pool, 16, 0) > 4);
    assert!(fill::<VectorState>(&mut pool, 14, 0) > 4);
    assert_eq!(pool.buddy().free_bytes(), before);
    computer.check();
}

#[test]
fn a_slab_too_small_for_one_is_refused_and_leaves_nothing() {
    let (_computer, mut pool) = start();
    let memory: Generic = pool.make(12).unwrap();
    let refused = Slab::<Frame>::new(memory, 13, pool.slots()).unwrap_err();
    assert_eq!(refused.reason, Reason::NotEnoughMemory);
    assert_eq!(memory.information().unwrap().2, 0);
}

#[test]
fn an_object_taken_again_has_nothing_of_its_past() {
    let (_computer, mut pool) = start();
    let memory: Generic = pool.make(12).unwrap();
    let mut slab = Slab::<NotificationPort>::new(memory, 0, pool.slots()).unwrap();
    let port = slab.take(pool.slots()).unwrap();
    let bell = pool.slots().take_slot().unwrap();
    Node::slot(3).mint(bell, port, Rights::all(), 0b100).unwrap();
    NotificationPort::slot(bell).notify().unwrap();
    slab.put(port, pool.slots()).unwrap();
    let again = slab.take(pool.slots()).unwrap();
    assert_eq!(again, port, "the same slot");
    assert_eq!(again.poll().unwrap(), 0, "but no signal of the old one");
    assert!(NotificationPort::slot(bell).notify().is_err(), "and no copy of it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 16, ..ProptestConfig::default() })]

    #[test]
    fn a_cache_grows_and_shrinks(steps in proptest::collection::vec((any::<bool>(), 0usize..64), 1..120)) {
        let (computer, mut pool) = start();
        let (before, objects) = (pool.buddy().free_bytes(), computer.objects());
        let mut cache = SlabCache::<Frame, 4>::new(12, 15);
        let mut held: Vec<Frame> = vec![];
        for (take, place) in steps {
            if take {
                match cache.take(&mut pool) {
                    Ok(frame) => {
                        let address = frame.address().unwrap();
                        prop_assert!(held.iter().all(|other| other.address().unwrap() != address));
                        held.push(frame);
                    }
                    Err(error) => {
                        prop_assert_eq!(error.reason, Reason::NotEnoughMemory);
                        prop_assert_eq!(held.len(), 32, "four slabs of eight");
                    }
                }
            } else if !held.is_empty() {
                let frame = held.swap_remove(place % held.len());
                cache.put(frame, &mut pool).unwrap();
                prop_assert!(cache.put(frame, &mut pool).is_err());
            }
        }
        for frame in held {
            cache.put(frame, &mut pool).unwrap();
        }
        prop_assert_eq!((pool.buddy().free_bytes(), computer.objects()), (before, objects));
        let free = computer.init().free_slots;
        prop_assert_eq!(pool.slots().take_run(free.count.into()), Some(free.first.into()));
        computer.check();
    }
}
