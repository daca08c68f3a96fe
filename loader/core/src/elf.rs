//! Verifies a statically linked ELF-64 executable before any of it is used.
//!
//! Everything that the loader relies on is checked once, in [`Program::verify`]; what comes
//! after it ([`Program::segments`]) cannot fail. Source: System V ABI, generic part, chapters
//! "Object Files" and "Program Loading".

mod error;

use core::ops::RangeInclusive;

use ::elf::{ElfBytes, ParseError, abi, endian::LittleEndian, note::Note, segment::ProgramHeader};
use a9n_abi::boot::{InitSegment, PAGE_BYTES};

pub use self::error::ElfError;
use crate::pages_for;

/// What a machine accepts.
#[derive(Clone, Debug)]
pub struct Architecture {
    /// `e_machine` of its programs.
    pub machine: u16,
    /// Its name, for messages.
    pub name: &'static str,
    /// Addresses that a user program may occupy.
    pub user: RangeInclusive<u64>,
    /// Addresses that the kernel may occupy.
    pub kernel: RangeInclusive<u64>,
}

/// x86-64 with four-level paging. The first user page stays empty, so that a null pointer
/// faults, and so does the last one, because of what `sysret` does to the address past it.
pub const X86_64: Architecture = Architecture {
    machine: abi::EM_X86_64,
    name: "x86-64",
    user: PAGE_BYTES..=0x0000_7fff_ffff_efff,
    kernel: 0xffff_8000_0000_0000..=u64::MAX,
};

/// For what a program is loaded; decides where it may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// As kernel: in the kernel's half of the address space, at one and the same distance from
    /// physical memory throughout.
    Kernel,
    /// As user program: in the user's part of the address space; physical addresses are ignored.
    User,
}

/// A verified program.
#[derive(Debug)]
pub struct Program<'a> {
    elf: ElfBytes<'a, LittleEndian>,
}

/// A loadable segment of a verified program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Number of its program header, from 0.
    pub index: usize,
    /// Virtual address of its first byte.
    pub virtual_address: u64,
    /// Physical address of its first byte, as the linker meant it.
    pub physical_address: u64,
    /// What stands at its start; the rest is zero.
    pub contents: &'a [u8],
    /// Length in memory, in bytes; at least one and at least the contents' length.
    pub memory_bytes: u64,
    /// Bits of [`InitSegment`].
    pub access: u64,
}

/// The thread-local storage of a verified program: what each of its threads gets a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLocals<'a> {
    /// What stands at the start of a copy; the rest is zero.
    pub contents: &'a [u8],
    /// Length in memory, in bytes; at least one and at least the contents' length.
    pub memory_bytes: u64,
    /// To what a copy is aligned, a power of two of at most a page.
    pub alignment: u64,
}

impl Segment<'_> {
    /// Virtual address of its first page.
    pub fn first_page(&self) -> u64 {
        self.virtual_address.saturating_sub(self.offset_in_page())
    }

    /// Physical address of its first page, as the linker meant it.
    pub fn physical_page(&self) -> u64 {
        self.physical_address.saturating_sub(self.offset_in_page())
    }

    /// Where in its first page it starts, in bytes.
    pub fn offset_in_page(&self) -> u64 {
        self.virtual_address % PAGE_BYTES
    }

    /// Pages that it touches.
    pub fn pages(&self) -> u64 {
        pages_for(self.memory_bytes.saturating_add(self.offset_in_page()))
    }

    /// Virtual address of its last byte.
    fn last(&self) -> u64 {
        self.virtual_address.saturating_add(self.memory_bytes.saturating_sub(1))
    }
}

impl<'a> Program<'a> {
    /// Checks `file` in full: header, architecture, every segment, entry point and ABI note.
    pub fn verify(
        file: &'a [u8],
        architecture: &Architecture,
        purpose: Purpose,
    ) -> Result<Self, ElfError> {
        if !file.starts_with(&abi::ELFMAGIC) {
            return Err(ElfError::NotElf);
        }
        let elf = ElfBytes::minimal_parse(file).map_err(from_parse_error)?;
        let program = Self { elf };
        program.check_header(architecture)?;
        program.check_segments(architecture, purpose)?;
        program.find_thread_locals()?;
        program.check_abi()?;
        Ok(program)
    }

    /// Virtual address of the first instruction.
    pub fn entry(&self) -> u64 {
        self.elf.ehdr.e_entry
    }

    /// The loadable segments in ascending order of address; no two share a page.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> {
        self.loads().filter_map(|(index, header)| self.segment(index, &header).ok())
    }

    /// Its thread-local storage, if it has some.
    pub fn thread_locals(&self) -> Option<ThreadLocals<'a>> {
        self.find_thread_locals().ok().flatten()
    }

    /// The function that `address` lies in, by its name in the file's symbol table, and how many bytes
    /// into it.
    pub fn symbol(&self, address: u64) -> Option<(&'a str, u64)> {
        let (symbols, names) = self.elf.symbol_table().ok()??;
        let symbol = symbols.iter().find(|symbol| {
            symbol.st_symtype() == abi::STT_FUNC
                && address.wrapping_sub(symbol.st_value) < symbol.st_size
        })?;
        let name = names.get(symbol.st_name as usize).ok()?;
        Some((name, address.wrapping_sub(symbol.st_value)))
    }

    fn find_thread_locals(&self) -> Result<Option<ThreadLocals<'a>>, ElfError> {
        let is_it = |header: &ProgramHeader| header.p_type == abi::PT_TLS && header.p_memsz > 0;
        let Some((index, header)) = self.headers().find(|(_, header)| is_it(header)) else {
            return Ok(None);
        };
        let contents = self.elf.segment_data(&header).map_err(|_| ElfError::PastEnd { index })?;
        if header.p_filesz > header.p_memsz {
            return Err(ElfError::Sizes { index });
        }
        let alignment = header.p_align.max(1);
        if !alignment.is_power_of_two() || alignment > PAGE_BYTES {
            return Err(ElfError::Alignment { index });
        }
        Ok(Some(ThreadLocals { contents, memory_bytes: header.p_memsz, alignment }))
    }

    /// Distance from the first page to past the last, in pages, counted in virtual memory.
    pub fn span_pages(&self) -> u64 {
        let first = self.segments().next().map_or(0, |segment| segment.first_page());
        let last = self.segments().last().map_or(0, |segment| segment.last());
        (last.saturating_sub(first) / PAGE_BYTES).saturating_add(1)
    }

    fn headers(&self) -> impl Iterator<Item = (usize, ProgramHeader)> + use<'a> {
        self.elf.segments().into_iter().flatten().enumerate()
    }

    fn loads(&self) -> impl Iterator<Item = (usize, ProgramHeader)> + use<'a> {
        self.headers().filter(|(_, header)| header.p_type == abi::PT_LOAD && header.p_memsz > 0)
    }

    fn check_header(&self, architecture: &Architecture) -> Result<(), ElfError> {
        let header = &self.elf.ehdr;
        if header.class != ::elf::file::Class::ELF64 {
            return Err(ElfError::NotElf64);
        }
        if header.e_machine != architecture.machine {
            let (found, wanted) = (header.e_machine, architecture.name);
            return Err(ElfError::Architecture { found, wanted });
        }
        let dynamic = |kind| kind == abi::PT_INTERP || kind == abi::PT_DYNAMIC;
        if header.e_type != abi::ET_EXEC || self.headers().any(|(_, it)| dynamic(it.p_type)) {
            return Err(ElfError::NotStatic);
        }
        Ok(())
    }

    fn check_segments(
        &self,
        architecture: &Architecture,
        purpose: Purpose,
    ) -> Result<(), ElfError> {
        let allowed = match purpose {
            Purpose::Kernel => &architecture.kernel,
            Purpose::User => &architecture.user,
        };
        let mut first: Option<Segment<'_>> = None;
        let mut previous: Option<Segment<'_>> = None;
        let mut entry_found = false;
        for (index, header) in self.loads() {
            let segment = self.segment(index, &header)?;
            let (address, last) = (segment.virtual_address, segment.last());
            if !allowed.contains(&segment.first_page()) || !allowed.contains(&last) {
                return Err(ElfError::Outside { index, address, allowed: allowed.clone() });
            }
            if let Some(previous) = previous {
                after(&segment, &previous)?;
            }
            let distance = |it: &Segment<'_>| it.virtual_address.wrapping_sub(it.physical_address);
            let first = first.get_or_insert(segment);
            if purpose == Purpose::Kernel && distance(first) != distance(&segment) {
                return Err(ElfError::PhysicalDistance { index, first: first.index });
            }
            entry_found |= segment.access & InitSegment::EXECUTE != 0
                && (address..=last).contains(&self.entry());
            previous = Some(segment);
        }
        match (previous, entry_found) {
            (None, _) => Err(ElfError::NoSegments),
            (_, false) => Err(ElfError::Entry { entry: self.entry() }),
            (_, true) => Ok(()),
        }
    }

    /// The segment of one program header, checked by itself.
    fn segment(&self, index: usize, header: &ProgramHeader) -> Result<Segment<'a>, ElfError> {
        let contents = self.elf.segment_data(header).map_err(|_| ElfError::PastEnd { index })?;
        if header.p_filesz > header.p_memsz {
            return Err(ElfError::Sizes { index });
        }
        let align = header.p_align.max(1);
        let distance = header.p_vaddr.wrapping_sub(header.p_offset);
        let page_distance = header.p_vaddr.wrapping_sub(header.p_paddr);
        if !align.is_power_of_two() || distance & align.wrapping_sub(1) != 0 {
            return Err(ElfError::Alignment { index });
        }
        if !page_distance.is_multiple_of(PAGE_BYTES) {
            return Err(ElfError::PhysicalAlignment { index });
        }
        let past_last_page = header
            .p_vaddr
            .checked_add(header.p_memsz)
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
        if past_last_page.is_none() {
            return Err(ElfError::Wraps { index });
        }
        Ok(Segment {
            index,
            virtual_address: header.p_vaddr,
            physical_address: header.p_paddr,
            contents,
            memory_bytes: header.p_memsz,
            access: access(header.p_flags).ok_or(ElfError::Access { index })?,
        })
    }

    fn check_abi(&self) -> Result<(), ElfError> {
        let notes = self
            .headers()
            .filter_map(|(_, header)| self.elf.segment_data_as_notes(&header).ok())
            .flatten();
        for note in notes {
            let Note::Unknown(note) = note else { continue };
            let name = note.name.strip_suffix(b"\0").unwrap_or(note.name);
            if name != a9n_abi::NOTE_NAME.as_bytes()
                || note.n_type != u64::from(a9n_abi::NOTE_ABI_HASH)
            {
                continue;
            }
            let hash = <[u8; 8]>::try_from(note.desc).map_err(|_| ElfError::NoAbiNote)?;
            return match u64::from_le_bytes(hash) {
                a9n_abi::ABI_HASH => Ok(()),
                found => Err(ElfError::AbiHash { found }),
            };
        }
        Err(ElfError::NoAbiNote)
    }
}

/// Checks that `segment` starts on a later page than `previous` ends.
fn after(segment: &Segment<'_>, previous: &Segment<'_>) -> Result<(), ElfError> {
    let (index, other) = (segment.index, previous.index);
    if segment.last() < previous.first_page() {
        return Err(ElfError::Order { index, other });
    }
    if segment.first_page() <= previous.last() {
        let address = segment.first_page().max(previous.first_page());
        return Err(ElfError::Overlap { index, other, address });
    }
    Ok(())
}

/// Access bits for segment flags; `None` if they are unreadable or both W and X.
fn access(flags: u32) -> Option<u64> {
    let bit = |flag, bit| if flags & flag != 0 { bit } else { 0 };
    let access = bit(abi::PF_R, InitSegment::READ)
        | bit(abi::PF_W, InitSegment::WRITE)
        | bit(abi::PF_X, InitSegment::EXECUTE);
    let both = InitSegment::WRITE | InitSegment::EXECUTE;
    (access & InitSegment::READ != 0 && access & both != both).then_some(access)
}

fn from_parse_error(error: ParseError) -> ElfError {
    match error {
        ParseError::UnsupportedElfClass(_) | ParseError::UnsupportedElfEndianness(_) => {
            ElfError::NotElf64
        }
        _ => ElfError::Header,
    }
}
