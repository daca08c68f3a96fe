//! Which physical addresses are devices': all that is not memory, since firmware reports few of
//! them. Without what the kernel keeps to itself, and without the addresses at which a store
//! raises an interrupt.

use core::ops::Range;

use a9n_abi::boot::{MemoryKind, MemoryRegion, PAGE_BYTES};

use crate::early::{end, is_kind};

/// Where a store becomes a message to a local APIC, from devices and on some machines from CPUs
/// as well; the local APIC's own registers lie there too, unless the firmware moved them.
pub const MESSAGES: Range<u64> = 0xfee0_0000..0xfef0_0000;

/// Regions that [`complete`] makes of `regions` regions and `taken` taken ranges, at most.
pub const fn most_regions(regions: usize, taken: usize) -> usize {
    2 * regions + 1 + taken
}

/// Writes `map` to `to`, with device regions for all addresses below `top` that it does not have
/// or says are devices', and without the ranges in `taken`. Answers how many regions those are.
/// What `to` has no room for is left out.
pub fn complete(
    map: &[MemoryRegion],
    top: u64,
    taken: &[Range<u64>],
    to: &mut [MemoryRegion],
) -> usize {
    let mut places = to.iter_mut();
    let mut count = 0;
    let mut push = |region| {
        if let Some(place) = places.next() {
            *place = region;
            count += 1;
        }
    };
    let mut next = 0;
    for region in map.iter().filter(|region| !is_kind(region, MemoryKind::Device)) {
        cut(next..region.start.min(top), MemoryKind::Device as u32, taken, &mut push);
        cut(region.start..end(region), region.kind, taken, &mut push);
        next = end(region).max(next);
    }
    cut(next..top, MemoryKind::Device as u32, taken, &mut push);
    count
}

/// Gives `push` the parts of `range`, as regions of `kind`, that lie in none of `taken`.
fn cut(
    mut range: Range<u64>,
    kind: u32,
    taken: &[Range<u64>],
    push: &mut impl FnMut(MemoryRegion),
) {
    while !range.is_empty() {
        let next = taken
            .iter()
            .filter(|taken| taken.start < range.end && taken.end > range.start)
            .min_by_key(|taken| taken.start);
        let (stop, resume) = next.map_or((range.end, range.end), |next| (next.start, next.end));
        if stop > range.start {
            let pages = (stop - range.start) / PAGE_BYTES;
            push(MemoryRegion { start: range.start, pages, kind, reserved: 0 });
        }
        range.start = resume;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(range: Range<u64>, kind: MemoryKind) -> MemoryRegion {
        let pages = (range.end - range.start) / PAGE_BYTES;
        MemoryRegion { start: range.start, pages, kind: kind as u32, reserved: 0 }
    }

    fn completed(map: &[MemoryRegion], taken: &[Range<u64>]) -> Vec<MemoryRegion> {
        let mut to = vec![MemoryRegion::default(); most_regions(map.len(), taken.len())];
        let count = complete(map, 0x20_0000, taken, &mut to);
        to.truncate(count);
        to
    }

    #[test]
    fn gaps_belong_to_devices_except_what_is_taken() {
        use MemoryKind::{Device, Reserved, Usable};
        let map = [
            region(0..0xa_0000, Usable),
            region(0xb_0000..0xc_0000, Device),
            region(0xf_0000..0x10_0000, Reserved),
            region(0x10_0000..0x14_0000, Usable),
        ];
        let taken =
            [0x1f_f000..0x20_1000, 0xd_0000..0xd_1000, 0..0, 0xd_1000..0xd_2000, 0x8000..0x9000];
        let expected = [
            region(0..0x8000, Usable),
            region(0x9000..0xa_0000, Usable),
            region(0xa_0000..0xd_0000, Device),
            region(0xd_2000..0xf_0000, Device),
            map[2],
            map[3],
            region(0x14_0000..0x1f_f000, Device),
        ];
        assert_eq!(completed(&map, &taken), expected);
    }

    #[test]
    fn memory_beyond_the_top_stays_and_a_range_may_be_taken_whole() {
        let map = [region(0x10_0000..0x30_0000, MemoryKind::Usable)];
        assert_eq!(completed(&map, &[0..0x10_0000, 0..0]), map);
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        let map = [region(0x1000..0x2000, MemoryKind::Usable)];
        let mut to = [MemoryRegion::default(); 2];
        assert_eq!(complete(&map, 0x20_0000, &[], &mut to), 2);
        assert_eq!(to[1], map[0]);
    }
}
