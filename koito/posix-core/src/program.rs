//! Linux programs as files: ELF executables for x86-64 (System V gABI, chapters 4 and 5).
//!
//! Nothing in a file is believed: a program that is read here has segments that lie within user
//! addresses, ascend and do not overlap.

use alloc::vec::Vec;

use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseAt;
use elf::segment::ProgramHeader;
use koito_linux::Errno;

use crate::{PAGE_BYTES, Protection, USER_END, page_of, whole_pages};

/// Most program headers that are looked at.
const MOST_HEADERS: usize = 64;
/// Bytes of a program header.
const HEADER_BYTES: usize = 56;
/// Longest path of an interpreter.
const PATH_BYTES: u64 = 4096;

/// A stretch of a program's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of its first byte.
    pub address: u64,
    /// Where its contents stand in the file, which differs from the address by whole pages.
    pub offset: u64,
    /// Bytes that come from the file.
    pub file_bytes: u64,
    /// Bytes that it has; those not from the file are zero.
    pub memory_bytes: u64,
    /// What the program may do with it.
    pub protection: Protection,
}

/// A program, or the interpreter of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Address of its first instruction.
    pub entry: u64,
    /// Whether its addresses count from wherever it is put.
    pub is_movable: bool,
    /// Its memory, ascending.
    pub segments: Vec<Segment>,
    /// Where in the file the path of its interpreter stands, and how long it is.
    pub interpreter: Option<(u64, u64)>,
    /// Where in its memory its program headers lie, 0 for nowhere, and how many there are.
    pub headers: (u64, u64),
}

impl Program {
    /// Reads the program whose file begins with `start`: a page of it, or all.
    pub fn read(start: &[u8]) -> Result<Self, Errno> {
        let header = file_header(start).ok_or(Errno::ENOEXEC)?;
        let is_movable = match header.e_type {
            abi::ET_EXEC => false,
            abi::ET_DYN => true,
            _ => return Err(Errno::ENOEXEC),
        };
        let count = usize::from(header.e_phnum);
        let fits = usize::from(header.e_phentsize) == HEADER_BYTES && count <= MOST_HEADERS;
        let fits = fits && header.e_machine == abi::EM_X86_64;
        let mut offset =
            usize::try_from(header.e_phoff).ok().filter(|_| fits).ok_or(Errno::ENOEXEC)?;
        let mut program = Self {
            entry: header.e_entry,
            is_movable,
            segments: Vec::new(),
            interpreter: None,
            headers: (0, count as u64),
        };
        for _ in 0..count {
            let header = ProgramHeader::parse_at(LittleEndian, Class::ELF64, &mut offset, start);
            program.take(&header.map_err(|_| Errno::ENOEXEC)?, (header_start(start), count))?;
        }
        let in_order = program.segments.windows(2).all(|pair| match pair {
            [first, second] => first.last_page() <= page_of(second.address),
            _ => true,
        });
        if program.segments.is_empty() || !in_order {
            return Err(Errno::ENOEXEC);
        }
        Ok(program)
    }

    /// First address of its first page, and first past its last one.
    pub fn span(&self) -> (u64, u64) {
        let first = self.segments.first().map_or(0, |segment| page_of(segment.address));
        (first, self.segments.last().map_or(0, Segment::last_page))
    }

    /// The same program moved up by `distance`, whole pages.
    #[must_use]
    pub fn moved(mut self, distance: u64) -> Self {
        for segment in &mut self.segments {
            segment.address += distance;
        }
        self.entry = self.entry.wrapping_add(distance);
        if self.headers.0 != 0 {
            self.headers.0 += distance;
        }
        self
    }

    fn take(&mut self, header: &ProgramHeader, (at, count): (u64, usize)) -> Result<(), Errno> {
        match header.p_type {
            abi::PT_LOAD if header.p_memsz > 0 => {
                let segment = Segment::new(header).ok_or(Errno::ENOEXEC)?;
                let inside = segment.offset <= at
                    && at + (count * HEADER_BYTES) as u64 <= segment.offset + segment.file_bytes;
                if inside {
                    self.headers.0 = segment.address + (at - segment.offset);
                }
                self.segments.push(segment);
            }
            abi::PT_INTERP => {
                if header.p_filesz < 2 || header.p_filesz > PATH_BYTES {
                    return Err(Errno::ENOEXEC);
                }
                self.interpreter = Some((header.p_offset, header.p_filesz));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Segment {
    /// First address past its last page.
    pub fn last_page(&self) -> u64 {
        // It was checked to lie within user addresses.
        whole_pages(self.address + self.memory_bytes).unwrap_or(USER_END)
    }

    fn new(header: &ProgramHeader) -> Option<Self> {
        let end = header.p_vaddr.checked_add(header.p_memsz)?;
        let file_end = header.p_offset.checked_add(header.p_filesz)?;
        let congruent = header.p_vaddr % PAGE_BYTES == header.p_offset % PAGE_BYTES;
        let fits = end <= USER_END && header.p_filesz <= header.p_memsz && file_end < 1 << 62;
        if !congruent || !fits {
            return None;
        }
        let bit = |flag, protection| {
            if header.p_flags & flag != 0 { protection } else { Protection::empty() }
        };
        Some(Self {
            address: header.p_vaddr,
            offset: header.p_offset,
            file_bytes: header.p_filesz,
            memory_bytes: header.p_memsz,
            protection: bit(abi::PF_R, Protection::READ)
                | bit(abi::PF_W, Protection::WRITE)
                | bit(abi::PF_X, Protection::EXECUTE),
        })
    }
}

fn file_header(start: &[u8]) -> Option<FileHeader<LittleEndian>> {
    let ident = parse_ident::<LittleEndian>(start.get(..abi::EI_NIDENT)?).ok()?;
    if ident.1 != Class::ELF64 {
        return None;
    }
    FileHeader::parse_tail(ident, start.get(abi::EI_NIDENT..64)?).ok()
}

/// Where the program headers stand in a file whose header can be read.
fn header_start(start: &[u8]) -> u64 {
    file_header(start).map_or(0, |header| header.e_phoff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of an executable with program headers behind it.
    fn file(kind: u16, segments: &[(u32, u32, u64, u64, u64, u64)]) -> Vec<u8> {
        let mut bytes = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        bytes.extend(kind.to_le_bytes());
        bytes.extend(62u16.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        for word in [0x40_1000u64, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for half in [64u16, 56, segments.len() as u16, 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for (kind, flags, offset, address, file_bytes, memory_bytes) in segments {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            for word in [*offset, *address, *address, *file_bytes, *memory_bytes, 4096] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    const TEXT: (u32, u32, u64, u64, u64, u64) = (1, 5, 0, 0x40_0000, 0x2000, 0x2000);
    const DATA: (u32, u32, u64, u64, u64, u64) = (1, 6, 0x2ff0, 0x40_3ff0, 0x20, 0x3000);

    #[test]
    fn a_program_is_read_and_moved() {
        let program = Program::read(&file(2, &[TEXT, DATA, (3, 4, 0x300, 0, 28, 28)])).unwrap();
        assert_eq!(program.headers, (0x40_0040, 3));
        assert_eq!((program.entry, program.interpreter), (0x40_1000, Some((0x300, 28))));
        assert_eq!(program.span(), (0x40_0000, 0x40_7000));
        assert_eq!(program.segments[1].protection, Protection::READ | Protection::WRITE);
        let moved = program.moved(0x1000_0000);
        assert_eq!((moved.entry, moved.headers.0), (0x1040_1000, 0x1040_0040));
        assert_eq!(moved.segments[1].address, 0x1040_3ff0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let bad = [
            file(1, &[TEXT]),
            file(2, &[]),
            file(2, &[DATA, TEXT]),
            file(2, &[(1, 5, 0, 0x40_0010, 1, 1)]),
            file(2, &[(1, 5, 0, USER_END, 1, 1)]),
            file(2, &[(1, 5, 0, !0xfff, 4096, 4096)]),
            file(2, &[(1, 5, 0, 0x40_0000, 2, 1)]),
            file(2, &[TEXT, (3, 4, 0x300, 0, 1 << 20, 1)]),
            file(2, &[TEXT])[..100].to_vec(),
            Vec::from(*b"#!/bin/sh"),
        ];
        for (number, file) in bad.iter().enumerate() {
            assert_eq!(Program::read(file).err(), Some(Errno::ENOEXEC), "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_fail(
            at in 0usize..176, bytes in prop::collection::vec(any::<u8>(), 1..9),
        ) {
            let mut file = file(3, &[TEXT, DATA]);
            for (place, byte) in file[at..].iter_mut().zip(bytes) {
                *place = byte;
            }
            if let Ok(program) = Program::read(&file) {
                prop_assert!(program.span().1 <= USER_END && program.span().0 < program.span().1);
            }
        }
    }
}
