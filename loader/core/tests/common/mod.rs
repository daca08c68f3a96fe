//! Builds ELF files and ustar archives, and fakes a machine, for the tests of this folder.
#![allow(dead_code)] // Each test file uses a part of it.

use std::fmt;

use a9n_abi::boot::PAGE_BYTES;
use a9n_loader_core::{
    PhysicalRange,
    hand_over::{Machine, Mapping},
};

/// A program header to write.
#[derive(Clone)]
pub struct Load {
    pub kind: u32,
    pub flags: u32,
    pub virtual_address: u64,
    pub physical_address: u64,
    pub contents: Vec<u8>,
    pub memory_bytes: u64,
    pub align: u64,
}

pub const R: u32 = 4;
pub const W: u32 = 2;
pub const X: u32 = 1;

impl Load {
    pub fn new(flags: u32, virtual_address: u64, contents: &[u8], memory_bytes: u64) -> Self {
        Self {
            kind: 1,
            flags,
            virtual_address,
            physical_address: virtual_address & 0x7fff_ffff,
            contents: contents.to_vec(),
            memory_bytes,
            align: PAGE_BYTES,
        }
    }

    pub fn note(hash: u64) -> Self {
        let mut note = Vec::new();
        note.extend(4u32.to_le_bytes());
        note.extend(8u32.to_le_bytes());
        note.extend(a9n_abi::NOTE_ABI_HASH.to_le_bytes());
        note.extend(b"A9N\0");
        note.extend(hash.to_le_bytes());
        Self { kind: 4, align: 4, ..Self::new(R, 0, &note, 20) }
    }
}

/// An x86-64 executable.
#[derive(Clone)]
pub struct Elf {
    pub entry: u64,
    pub kind: u16,
    pub machine: u16,
    pub headers: Vec<Load>,
}

impl Elf {
    /// Text and data of a user program, with the right note.
    pub fn user() -> Self {
        Self {
            entry: 0x20_0010,
            kind: 2,
            machine: 62,
            headers: vec![
                Load::new(R | X, 0x20_0000, &[0x90; 0x20], 0x20),
                Load::new(R | W, 0x20_1800, b"data", 0x1000),
                Load::note(a9n_abi::ABI_HASH),
            ],
        }
    }

    /// The same for a kernel, linked at 2 MiB.
    pub fn kernel() -> Self {
        let mut elf = Self::user();
        elf.entry += 0xffff_ffff_8000_0000;
        for load in elf.headers.iter_mut().filter(|load| load.kind == 1) {
            load.virtual_address += 0xffff_ffff_8000_0000;
        }
        elf
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [self.entry, 64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0u32.to_le_bytes());
        for half in [64, 56, self.headers.len() as u16, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        let mut offset = file.len() as u64 + 56 * self.headers.len() as u64;
        let mut places = Vec::new();
        for load in &self.headers {
            let align = load.align.clamp(1, PAGE_BYTES);
            offset += load.virtual_address.wrapping_sub(offset) % align;
            places.push(offset);
            file.extend(load.kind.to_le_bytes());
            file.extend(load.flags.to_le_bytes());
            let length = load.contents.len() as u64;
            let addresses = [offset, load.virtual_address, load.physical_address];
            let rest = [length, load.memory_bytes, load.align];
            for word in addresses.into_iter().chain(rest) {
                file.extend(word.to_le_bytes());
            }
            offset += length;
        }
        for (load, place) in self.headers.iter().zip(places) {
            file.resize(place as usize, 0);
            file.extend(&load.contents);
        }
        file
    }
}

/// Puts the right checksum into a ustar header.
pub fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A ustar archive of these files.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, contents) in files {
        let mut header = [0; 512];
        let (prefix, name) = match path.len() {
            ..=100 => ("", *path),
            _ => path.rsplit_once('/').expect("a long path has folders"),
        };
        let mut put = |offset: usize, text: &str| {
            header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, name);
        put(100, "0000644");
        put(124, &format!("{:011o}", contents.len()));
        put(156, if path.ends_with('/') { "5" } else { "0" });
        put(257, "ustar\x0000");
        put(345, prefix);
        seal(&mut header);
        archive.extend(header);
        archive.extend(*contents);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// A machine with a piece of memory, which hands out pages from its start and remembers what it
/// was asked. Stricter than hardware: a write outside what was handed out is refused.
pub struct FakeMachine {
    pub memory: PhysicalRange,
    pub contents: Vec<u8>,
    pub given: Vec<PhysicalRange>,
    pub mappings: Vec<Mapping>,
    pub log: Vec<String>,
}

impl FakeMachine {
    pub fn new(start: u64, bytes: u64) -> Self {
        Self {
            memory: PhysicalRange { start, bytes },
            contents: vec![0; bytes as usize],
            given: Vec::new(),
            mappings: Vec::new(),
            log: Vec::new(),
        }
    }

    pub fn read(&self, address: u64, bytes: u64) -> &[u8] {
        let start = (address - self.memory.start) as usize;
        &self.contents[start..start + bytes as usize]
    }

    pub fn u64_at(&self, address: u64) -> u64 {
        u64::from_ne_bytes(self.read(address, 8).try_into().expect("eight bytes"))
    }

    fn is_free(&self, range: PhysicalRange) -> bool {
        let apart =
            |other: &PhysicalRange| range.end() <= other.start || other.end() <= range.start;
        self.memory.contains(range) && self.given.iter().all(apart)
    }
}

impl Machine for FakeMachine {
    fn allocate(&mut self, pages: u64, preferred: Option<u64>) -> Option<u64> {
        let bytes = pages.checked_mul(PAGE_BYTES)?;
        let lowest = self.memory.start;
        let starts = preferred.into_iter().chain((lowest..self.memory.end()).step_by(4096));
        let mut ranges = starts.map(|start| PhysicalRange { start, bytes });
        let range = ranges.find(|range| self.is_free(*range))?;
        self.given.push(range);
        Some(range.start)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let range = PhysicalRange { start: address, bytes: bytes.len() as u64 };
        self.given.iter().find(|given| given.contains(range))?;
        let start = (address - self.memory.start) as usize;
        self.contents[start..start + bytes.len()].copy_from_slice(bytes);
        Some(())
    }

    fn map_kernel(&mut self, mapping: Mapping) -> Option<()> {
        self.mappings.push(mapping);
        Some(())
    }

    fn progress(&mut self, text: fmt::Arguments<'_>) {
        self.log.push(text.to_string());
    }
}
