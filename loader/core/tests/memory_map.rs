//! The memory map against a model that looks at every page by itself.

use a9n_abi::boot::{MemoryKind, MemoryRegion};
use a9n_loader_core::{
    PhysicalRange,
    memory_map::{Descriptor, region_bound, regions},
};
use proptest::prelude::*;

const PAGE: u64 = 4096;

fn descriptor(start: u64, bytes: u64, kind: MemoryKind) -> Descriptor {
    Descriptor { range: PhysicalRange { start, bytes }, kind }
}

fn region(start: u64, pages: u64, kind: MemoryKind) -> MemoryRegion {
    MemoryRegion { start, pages, kind: kind as u32, reserved: 0 }
}

#[test]
fn neighbours_merge_and_placed_files_are_carved_out() {
    let map = [
        descriptor(0x20_0000, 0x10_0000, MemoryKind::Usable),
        descriptor(0x10_0000, 0x10_0000, MemoryKind::Usable),
        descriptor(0x18_0000, 0x2000, MemoryKind::Kernel),
    ];
    assert_eq!(
        regions(map.into_iter()).collect::<Vec<_>>(),
        [
            region(0x10_0000, 0x80, MemoryKind::Usable),
            region(0x18_0000, 2, MemoryKind::Kernel),
            region(0x18_2000, 0x17e, MemoryKind::Usable),
        ]
    );
}

#[test]
fn free_memory_rounds_inwards_and_the_rest_outwards() {
    let map = [
        descriptor(0, 0x9_fc00, MemoryKind::Usable),
        descriptor(0x9_fc00, 0x400, MemoryKind::Reserved),
        descriptor(u64::MAX - 10, 10, MemoryKind::Device),
        descriptor(0x5000, 0, MemoryKind::Reserved),
    ];
    assert_eq!(
        regions(map.into_iter()).collect::<Vec<_>>(),
        [region(0, 0x9f, MemoryKind::Usable), region(0x9_f000, 1, MemoryKind::Reserved)]
    );
}

/// What page `page` is, by the rules of the module's description.
fn model(descriptors: &[Descriptor], page: u64) -> Option<MemoryKind> {
    let covers = |it: &&Descriptor| {
        let (start, end) = (it.range.start, it.range.start + it.range.bytes);
        let (first, past) = (page * PAGE, (page + 1) * PAGE);
        match it.kind {
            MemoryKind::Usable => start <= first && past <= end,
            _ => it.range.bytes > 0 && start < past && first < end,
        }
    };
    descriptors.iter().filter(covers).map(|it| it.kind).max()
}

fn descriptors() -> impl Strategy<Value = Vec<Descriptor>> {
    let aligned = |value: u64, odd: u64| {
        if odd.is_multiple_of(3) { value / PAGE * PAGE } else { value }
    };
    let one = (0..40 * PAGE, 0..12 * PAGE, 1u32..10, any::<u64>()).prop_map(
        move |(start, bytes, kind, odd)| {
            let kind = MemoryKind::from_number(kind).expect("a kind's number");
            descriptor(aligned(start, odd), aligned(bytes, odd / 3), kind)
        },
    );
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn every_page_has_the_right_kind(descriptors in descriptors()) {
        let map: Vec<_> = regions(descriptors.iter().copied()).collect();
        for page in 0..60 {
            let found = map
                .iter()
                .find(|it| it.start / PAGE <= page && page < it.start / PAGE + it.pages)
                .and_then(|it| MemoryKind::from_number(it.kind));
            prop_assert_eq!(found, model(&descriptors, page), "page {}", page);
        }
    }

    #[test]
    fn regions_are_sorted_apart_and_merged(descriptors in descriptors()) {
        let map: Vec<_> = regions(descriptors.iter().copied()).collect();
        prop_assert!(map.len() as u64 <= region_bound(descriptors.len() as u64));
        prop_assert!(map.iter().all(|it| it.pages > 0 && it.start % PAGE == 0));
        for pair in map.windows(2) {
            let end = pair[0].start + pair[0].pages * PAGE;
            prop_assert!(end <= pair[1].start);
            prop_assert!(end < pair[1].start || pair[0].kind != pair[1].kind);
        }
    }

    #[test]
    fn order_does_not_matter(descriptors in descriptors()) {
        let forwards: Vec<_> = regions(descriptors.iter().copied()).collect();
        let backwards: Vec<_> = regions(descriptors.iter().rev().copied()).collect();
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn absurd_addresses_are_survived(
        ranges in prop::collection::vec((any::<u64>(), any::<u64>()), 0..8),
    ) {
        let map = ranges.iter().map(|(start, bytes)| descriptor(*start, *bytes, MemoryKind::Usable));
        for region in regions(map) {
            prop_assert!(region.start / PAGE + region.pages <= 1 << 40);
        }
    }
}
