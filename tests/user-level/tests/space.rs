//! The manager of an address space on the true kernel: nothing overlaps, guards stay empty, and
//! memory, slots and page tables come back.

use a9n_user_level::Computer;
use nun::aci::WORKSPACE_ADDRESS;
use nun::memory::{Maker, Piece, Pool, Space};
use nun::slots::{ROOT_WORDS, SlotAllocator};
use nun::{Access, AddressSpace, Frame, Node, Reason};
use proptest::prelude::*;

const PAGE: u64 = 4096;
const FIRST: u64 = WORKSPACE_ADDRESS;
const END: u64 = FIRST + (4 << 30);
const READ_WRITE: Access = Access::READ.union(Access::WRITE);

type TestPool = Pool<256, ROOT_WORDS>;
type TestSpace = Space<24, 12>;

struct World {
    computer: Computer,
    pool: TestPool,
    space: TestSpace,
    /// Free bytes and living objects at the start.
    level: (u64, usize),
}

fn start() -> World {
    let computer = Computer::boot(16 << 20);
    let init = computer.init();
    let mut pool = Pool::new(SlotAllocator::new(init.free_slots));
    for generic in init.generics().iter().filter(|generic| generic.device == 0) {
        pool.add(generic.slot.into(), generic.size_bits).unwrap();
    }
    let level = (pool.buddy().free_bytes(), computer.objects());
    World { computer, pool, space: Space::new(AddressSpace::slot(2), FIRST, END), level }
}

impl World {
    /// Everything that was taken is back.
    fn is_as_at_the_start(&mut self) -> bool {
        self.computer.check();
        let free = self.computer.init().free_slots;
        let slots = self.pool.slots().take_run(free.count.into());
        for slot in (free.first..).take(free.count as usize) {
            self.pool.slots().put(slot.into());
        }
        self.level == (self.pool.buddy().free_bytes(), self.computer.objects())
            && (self.space.mapped_pages(), self.space.table_count()) == (0, 0)
            && slots == Some(free.first.into())
    }
}

#[test]
fn fresh_memory_is_zero_and_guarded() {
    let mut world = start();
    let World { computer, pool, space, .. } = &mut world;
    let first = space.allocate(pool, 5, READ_WRITE).unwrap();
    let second = space.allocate(pool, 1, READ_WRITE).unwrap();
    for page in 0..5 {
        assert_eq!(computer.read(first + page * PAGE), 0);
        computer.write(first + page * PAGE, page);
    }
    assert_eq!(second, first + 7 * PAGE, "a guard behind the one, a guard before the other");
    for guard in [first - PAGE, first + 5 * PAGE, second - PAGE, second + PAGE] {
        assert_eq!(computer.is_writable(guard), None, "{guard:#x}");
        assert!(space.reserve_at(guard, 1).is_err());
    }
    space.release(pool, second).unwrap();
    space.release(pool, first + 2 * PAGE).unwrap();
    assert_eq!(computer.is_writable(first), None);
    assert!(world.is_as_at_the_start());
}

#[test]
fn large_areas_take_large_pages() {
    let mut world = start();
    let World { pool, space, .. } = &mut world;
    let address = space.allocate(pool, 513, READ_WRITE).unwrap();
    assert!(address.is_multiple_of(2 << 20));
    // One page of 2 MiB needs a table less than 512 small ones; the last page needs both levels.
    assert_eq!(space.table_count(), 2);
    space.release(pool, address).unwrap();
    let address = space.allocate(pool, 512, READ_WRITE).unwrap();
    assert_eq!(space.table_count(), 1);
    space.release(pool, address).unwrap();
    assert!(world.is_as_at_the_start());
}

#[test]
fn a_framebuffer_is_mapped_in_part_or_not_at_all() {
    let mut world = start();
    let World { computer, pool, space, .. } = &mut world;
    let frame: Frame = pool.make(14).unwrap();
    let address = space.reserve(2, 12).unwrap();
    let piece = Piece { address, frame, offset: 1, pages: 2, access: READ_WRITE };
    space.map_write_combining(pool, &piece).unwrap();
    let pages = [address, address + PAGE, address + 2 * PAGE];
    assert_eq!(pages.map(|page| computer.is_writable(page)), [Some(true), Some(true), None]);
    assert!(space.map_write_combining(pool, &piece).is_err(), "it is there already");
    space.unmap(pool, address).unwrap();
    let beyond = Piece { offset: 3, ..piece };
    assert!(space.map_write_combining(pool, &beyond).is_err(), "the frame has four pages");
    assert_eq!(computer.is_writable(address), None);
    space.release(pool, address).unwrap();
    pool.discard(frame).unwrap();
    assert!(world.is_as_at_the_start());
}

#[test]
fn a_batch_maps_all_or_nothing() {
    let mut world = start();
    let World { computer, pool, space, .. } = &mut world;
    let frame: Frame = pool.make(14).unwrap();
    // Two stretches in different tables, and one that overlaps the first.
    let far = FIRST + (3 << 30);
    space.reserve_at(FIRST, 8).unwrap();
    space.reserve_at(far, 4).unwrap();
    let piece =
        |address, offset, pages| Piece { address, frame, offset, pages, access: READ_WRITE };
    let good = [piece(FIRST, 0, 2), piece(far, 2, 2), piece(FIRST + 4 * PAGE, 0, 4)];
    for (bad, reason) in [
        (piece(FIRST + PAGE, 0, 1), Reason::Occupied),
        (piece(FIRST + 8 * PAGE, 0, 1), Reason::InvalidArgument),
        (piece(FIRST + 2 * PAGE, 3, 2), Reason::InvalidArgument),
        (piece(FIRST + 2 * PAGE + 8, 0, 1), Reason::InvalidArgument),
    ] {
        let refused = space.map(pool, &[good[0], good[1], good[2], bad]).unwrap_err();
        assert_eq!(refused.reason, reason, "{bad:?}");
        assert_eq!((space.mapped_pages(), space.table_count()), (0, 0));
    }
    space.map(pool, &good).unwrap();
    computer.write(FIRST + PAGE, 11);
    computer.write(far, 12);
    assert_eq!(computer.read(FIRST + 5 * PAGE), 11, "the same page of the frame");
    assert_eq!(computer.read(FIRST + 6 * PAGE), 12);
    // What was refused in one batch did not take an older mapping with it.
    space.map(pool, &good[..1]).unwrap_err();
    assert_eq!(computer.read(FIRST + PAGE), 11);

    space.unmap(pool, far).unwrap();
    assert_eq!(space.unmap(pool, far).unwrap_err().reason, Reason::InvalidArgument);
    space.release(pool, FIRST).unwrap();
    space.release(pool, far).unwrap();
    pool.discard(frame).unwrap();
    assert!(world.is_as_at_the_start());
}

#[test]
fn access_can_be_changed_where_everything_is_mapped() {
    let mut world = start();
    let World { computer, pool, space, .. } = &mut world;
    let address = space.allocate(pool, 6, READ_WRITE).unwrap();
    // Six pages are two frames, and the change covers parts of both.
    space.protect(pool, address + 3 * PAGE, 2, Access::READ).unwrap();
    let writable: Vec<_> = (0..6).map(|page| computer.is_writable(address + page * PAGE)).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(writable, [yes, yes, yes, no, no, yes]);
    space.protect(pool, address + 5 * PAGE, 2, Access::READ).unwrap_err();
    assert_eq!(computer.is_writable(address + 5 * PAGE), yes);
    space.release(pool, address).unwrap();
    assert!(world.is_as_at_the_start());
}

#[test]
fn one_frame_is_shared_by_two_address_spaces() {
    let mut world = start();
    let World { computer, pool, space, .. } = &mut world;
    let other: AddressSpace = pool.make(0).unwrap();
    let mut their_space = TestSpace::new(other, PAGE, 1 << 40);
    let frame: Frame = pool.make(13).unwrap();
    let ours = space.reserve(2, 12).unwrap();
    let theirs = their_space.reserve(2, 12).unwrap();
    let piece = |address, access| Piece { address, frame, offset: 0, pages: 2, access };
    space.map(pool, &[piece(ours, READ_WRITE)]).unwrap();
    their_space.map(pool, &[piece(theirs, Access::READ)]).unwrap();
    assert_eq!(other.translate(theirs).unwrap(), (1, Access::READ));
    // Its owner takes the frame back from both at once; the books find out when they let go.
    Node::slot(3).revoke(frame.descriptor().index()).unwrap();
    assert_eq!(other.translate(theirs).unwrap().0, 0);
    assert_eq!(computer.is_writable(ours), None);
    space.release(pool, ours).unwrap();
    their_space.release(pool, theirs).unwrap();
    pool.discard(frame).unwrap();
    pool.discard(other).unwrap();
    assert!(world.is_as_at_the_start());
}

#[test]
fn want_of_anything_leaves_everything_as_it_was() {
    let mut world = start();
    let World { pool, space, level, .. } = &mut world;
    assert_eq!(
        space.allocate(pool, 1 << 16, READ_WRITE).unwrap_err().reason,
        Reason::NotEnoughMemory
    );
    assert_eq!(space.reserve(1 << 21, 12).unwrap_err().reason, Reason::NotEnoughMemory);
    assert_eq!(space.reserve(0, 12).unwrap_err().reason, Reason::InvalidArgument);
    assert_eq!(pool.buddy().free_bytes(), level.0);
    // More page tables than there are records for.
    let mut narrow = Space::<24, 2>::new(AddressSpace::slot(2), END, END + (4 << 30));
    let kept = narrow.allocate(pool, 1, READ_WRITE).unwrap();
    narrow.reserve_at(END + (2 << 30), 1).unwrap();
    narrow.fill(pool, END + (2 << 30), 1, READ_WRITE).unwrap_err();
    assert_eq!((narrow.table_count(), narrow.mapped_pages()), (2, 1));
    narrow.release(pool, kept).unwrap();
    // No slots.
    while pool.slots().take().is_some() {}
    assert!(space.allocate(pool, 3, READ_WRITE).is_err());
    assert_eq!((space.mapped_pages(), pool.buddy().free_bytes()), (0, level.0));
}

/// What a user of the manager does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate { pages: u64 },
    ReserveAt { page: u64, pages: u64 },
    Release(usize),
    Fill(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1u64..40).prop_map(|pages| Step::Allocate { pages }),
        (0u64..2000, 1u64..40).prop_map(|(page, pages)| Step::ReserveAt { page, pages }),
        (0usize..64).prop_map(Step::Release),
        (0usize..64).prop_map(Step::Fill),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 20, ..ProptestConfig::default() })]

    #[test]
    fn reservations_are_apart_and_everything_comes_back(steps in steps()) {
        let mut world = start();
        let World { computer, pool, space, .. } = &mut world;
        // Address, pages, and whether something is mapped there.
        let mut held: Vec<(u64, u64, bool)> = vec![];
        for (mark, step) in (1u64..).zip(steps) {
            match step {
                Step::Allocate { pages } => {
                    if let Ok(address) = space.allocate(pool, pages, READ_WRITE) {
                        held.push((address, pages, true));
                    }
                }
                Step::ReserveAt { page, pages } => {
                    let address = FIRST + page * PAGE;
                    let end = address + pages * PAGE;
                    let overlaps = held.iter().any(|(first, length, _)| {
                        *first < end && address < first + length * PAGE
                    });
                    let reserved = space.reserve_at(address, pages);
                    prop_assert!(!(reserved.is_ok() && overlaps));
                    if reserved.is_ok() {
                        held.push((address, pages, false));
                    }
                }
                Step::Release(place) if !held.is_empty() => {
                    let (address, _, was_mapped) = held.swap_remove(place % held.len());
                    prop_assert_eq!(computer.is_writable(address), was_mapped.then_some(true));
                    space.release(pool, address).unwrap();
                    prop_assert_eq!(computer.is_writable(address), None);
                }
                Step::Fill(place) if !held.is_empty() => {
                    let place = place % held.len();
                    let (address, pages, mapped) = held[place];
                    let filled = space.fill(pool, address, pages, READ_WRITE);
                    prop_assert!(!(filled.is_ok() && mapped));
                    held[place].2 |= filled.is_ok();
                    if filled.is_ok() {
                        computer.write(address + (pages - 1) * PAGE, mark);
                    }
                }
                Step::Release(_) | Step::Fill(_) => {}
            }
        }
        for (address, ..) in held {
            space.release(pool, address).unwrap();
        }
        prop_assert!(world.is_as_at_the_start());
    }
}
