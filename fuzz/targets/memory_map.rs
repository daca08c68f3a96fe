//! Any list of descriptors, 17 bytes each, gives a sorted map in which the most restrictive
//! kind wins.

#![no_main]

use a9n_abi::boot::{MemoryKind, PAGE_BYTES};
use a9n_loader_core::{
    PhysicalRange,
    memory_map::{Descriptor, region_bound, regions},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let descriptors: Vec<_> = bytes
        .chunks_exact(17)
        .take(64)
        .map(|chunk| Descriptor {
            range: PhysicalRange { start: word(&chunk[..8]), bytes: word(&chunk[8..16]) },
            kind: MemoryKind::from_number(u32::from(chunk[16] % 9) + 1).expect("nine kinds"),
        })
        .collect();
    let map: Vec<_> = regions(descriptors.iter().copied()).collect();
    assert!(map.len() as u64 <= region_bound(descriptors.len() as u64));
    let mut past = (0, 0);
    for region in &map {
        assert!(region.pages > 0 && region.start % PAGE_BYTES == 0);
        assert!(region.start > past.0 || region.start == past.0 && region.kind != past.1);
        past = (region.start + region.pages * PAGE_BYTES, region.kind);
    }
    for descriptor in &descriptors {
        let (start, bytes) = (descriptor.range.start, descriptor.range.bytes);
        if bytes == 0 || descriptor.kind == MemoryKind::Usable || start >= 1 << 52 {
            continue;
        }
        let mut inside = map.iter().filter(|region| {
            region.start <= start && start < region.start + region.pages * PAGE_BYTES
        });
        assert!(inside.next().expect("covered").kind >= descriptor.kind as u32);
    }
});
