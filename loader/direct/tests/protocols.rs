//! What boot loaders hand over, byte by byte, and what is made of it.

use a9n_abi::boot::{Framebuffer, MemoryKind, PixelFormat};
use a9n_direct::{
    Error,
    multiboot2::Information,
    pvh::{self, StartInfo},
};
use a9n_loader_core::{PhysicalRange, memory_map::Descriptor};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn descriptor(start: u64, bytes: u64, kind: MemoryKind) -> Descriptor {
    Descriptor { range: PhysicalRange { start, bytes }, kind }
}

#[test]
fn a_start_info_is_read() {
    let bytes = words(&[0x336e_c578, 1, 0, 1, 0x7000, 0, 0, 0, 0xf_59d0, 0, 0x8000, 0, 13, 0]);
    let info = StartInfo::parse(&bytes).unwrap();
    assert_eq!(info.acpi_root, 0xf_59d0);
    assert_eq!(info.module_list(), Ok(PhysicalRange { start: 0x7000, bytes: 32 }));
    assert_eq!(info.memory_map(), Ok(PhysicalRange { start: 0x8000, bytes: 13 * 24 }));
    assert_eq!(StartInfo::parse(&bytes[..48]), Err(Error::StartInfo));

    let mut old = bytes.clone();
    old[4] = 0;
    assert_eq!(StartInfo::parse(&old), Err(Error::StartInfo));
    let mut alone = bytes.clone();
    alone[12] = 0;
    let alone = StartInfo::parse(&alone).unwrap();
    assert_eq!(alone.module_list(), Err(Error::NoModule));
    let mut blind = bytes;
    blind[48] = 0;
    assert_eq!(StartInfo::parse(&blind).unwrap().memory_map(), Err(Error::NoMemoryMap));
}

#[test]
fn pvh_tables_are_read() {
    let list = words(&[0x10_0000, 0, 0x2800, 0, 0, 0, 0, 0]);
    assert_eq!(pvh::module(&list), Ok(PhysicalRange { start: 0x10_0000, bytes: 0x2800 }));
    let table = words(&[0, 0, 0x9_f000, 0, 1, 0, 0xfec0_0000, 1, 0x1000, 0, 2, 0, 7, 7]);
    let found: Vec<_> = pvh::descriptors(&table).collect();
    let high = descriptor(0x1_fec0_0000, 0x1000, MemoryKind::Reserved);
    assert_eq!(found, [descriptor(0, 0x9_f000, MemoryKind::Usable), high]);
}

/// A multiboot2 information block of these tags: type and contents.
fn block(tags: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut block = vec![0; 8];
    for (kind, contents) in tags {
        block.extend(words(&[*kind, contents.len() as u32 + 8]));
        block.extend(contents);
        block.resize(block.len().next_multiple_of(8), 0);
    }
    block.extend(words(&[0, 8]));
    let bytes = block.len() as u32;
    block[..4].copy_from_slice(&bytes.to_le_bytes());
    block
}

#[test]
fn multiboot2_tags_are_read() {
    let mut screen = words(&[0xc000_0000, 0, 4096, 1000, 768]);
    screen.extend([32, 1, 0, 0, 16, 8, 8, 8, 0, 8]);
    let block = block(&[
        (1, b"command line\0".to_vec()),
        (3, words(&[0x10_0000, 0x10_2800, 0])),
        (6, words(&[24, 0, 0x10_0000, 0, 0x100_0000, 0, 1, 0, 0x200_0000, 0, 0x1000, 0, 3, 0])),
        (14, b"RSD PTR 1".to_vec()),
        (15, b"RSD PTR 2".to_vec()),
        (8, screen),
    ]);
    assert_eq!(Information::length(&block[..8]), Ok(block.len() as u64));
    let information = Information::new(&block);
    assert_eq!(information.module(), Ok(PhysicalRange { start: 0x10_0000, bytes: 0x2800 }));
    let found: Vec<_> = information.descriptors().unwrap().collect();
    let tables = descriptor(0x200_0000, 0x1000, MemoryKind::AcpiTables);
    assert_eq!(found, [descriptor(0x10_0000, 0x100_0000, MemoryKind::Usable), tables]);
    assert_eq!(information.acpi_root(), Some(&b"RSD PTR 2"[..]));
    let expected = Framebuffer {
        address: 0xc000_0000,
        bytes: 4096 * 768,
        width: 1000,
        height: 768,
        stride: 1024,
        format: PixelFormat::Bgrx as u32,
    };
    assert_eq!(information.framebuffer(), expected);
}

#[test]
fn multiboot2_without_what_is_needed_is_refused() {
    let empty = block(&[]);
    let information = Information::new(&empty);
    assert_eq!(information.module(), Err(Error::NoModule));
    assert!(matches!(information.descriptors().map(drop), Err(Error::NoMemoryMap)));
    assert_eq!(information.acpi_root(), None);
    assert_eq!(information.framebuffer(), Framebuffer::default());

    let reversed = block(&[(3, words(&[0x2000, 0x1000]))]);
    assert_eq!(Information::new(&reversed).module(), Err(Error::Multiboot2));
    let mut endless = block(&[(1, vec![0; 8])]);
    endless[12] = 0; // a tag of no length
    assert_eq!(Information::new(&endless).module(), Err(Error::NoModule));
}
