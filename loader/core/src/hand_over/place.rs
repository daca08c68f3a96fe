//! Places kernel, init and modules in memory.

use a9n_abi::boot::{self, InitImage, InitSegment, PAGE_BYTES};

use super::{
    Cause, Encode, Error, Machine, Mapping, Path, PhysicalRange, Volume, VolumeError, allocate, at,
    element, span, write,
};
use crate::{
    config::Config,
    elf::{Architecture, ElfError, Program, Purpose, Segment},
    pages_for,
};

/// Most segments of the first user program.
const MAX_INIT_SEGMENTS: u64 = 32;

/// Room for the segments of the first user program, in bytes.
pub(super) const SEGMENT_ROOM_BYTES: u64 = MAX_INIT_SEGMENTS * size_of::<InitSegment>() as u64;

/// Places the kernel and has it mapped; returns where it lies and its entry point.
pub(super) fn load_kernel<V: Volume, M: Machine>(
    volume: &mut V,
    machine: &mut M,
    architecture: &Architecture,
    path: Path,
) -> Result<(PhysicalRange, u64), Error> {
    machine.progress(format_args!("kernel {path}"));
    let file = read(volume, path)?;
    let program = verify(file.as_ref(), architecture, Purpose::Kernel, path)?;
    let Some(first) = program.segments().next() else {
        return Err(at(path, Cause::Elf(ElfError::NoSegments)));
    };
    let bytes = program.span_pages().saturating_mul(PAGE_BYTES);
    let start = allocate(machine, path, bytes, Some(first.physical_page()))?;
    for segment in program.segments() {
        let offset = segment.first_page().saturating_sub(first.first_page());
        let physical_address = start.saturating_add(offset);
        fill(machine, path, &segment, physical_address)?;
        let mapping = Mapping {
            virtual_address: segment.first_page(),
            physical_address,
            pages: segment.pages(),
            access: segment.access,
        };
        machine.map_kernel(mapping).ok_or(at(path, Cause::OutOfMemory { bytes }))?;
    }
    Ok((PhysicalRange { start, bytes }, program.entry()))
}

/// Places the first user program, its segments one after the other; writes their list to
/// `list`, which has [`SEGMENT_ROOM_BYTES`].
pub(super) fn load_init<V: Volume, M: Machine>(
    volume: &mut V,
    machine: &mut M,
    architecture: &Architecture,
    path: Path,
    list: u64,
) -> Result<(PhysicalRange, InitImage), Error> {
    machine.progress(format_args!("init {path}"));
    let file = read(volume, path)?;
    let program = verify(file.as_ref(), architecture, Purpose::User, path)?;
    let count = program.segments().count() as u64;
    if count > MAX_INIT_SEGMENTS {
        return Err(at(path, Cause::Elf(ElfError::TooManySegments { most: MAX_INIT_SEGMENTS })));
    }
    let pages = program.segments().map(|segment| segment.pages()).fold(0, u64::saturating_add);
    let bytes = pages.saturating_mul(PAGE_BYTES);
    let start = allocate(machine, path, bytes, None)?;
    let mut physical_address = start;
    for (index, segment) in (0..).zip(program.segments()) {
        fill(machine, path, &segment, physical_address)?;
        let entry = InitSegment {
            virtual_address: segment.first_page(),
            physical_address,
            pages: segment.pages(),
            access: segment.access,
        };
        write(machine, path, element::<InitSegment>(list, index), entry.encode().as_ref())?;
        physical_address =
            physical_address.saturating_add(segment.pages().saturating_mul(PAGE_BYTES));
    }
    let image = InitImage {
        segments: span(list, count),
        entry: program.entry(),
        abi_hash: a9n_abi::ABI_HASH,
    };
    Ok((PhysicalRange { start, bytes }, image))
}

/// Places the modules, one after the other, each on pages of its own; writes their list to
/// `list` and returns where they lie and how many there are.
pub(super) fn load_modules<V: Volume, M: Machine>(
    volume: &mut V,
    machine: &mut M,
    config: &Config<'_>,
    list: u64,
) -> Result<(PhysicalRange, u64), Error> {
    let mut pages = 0u64;
    for module in config.modules() {
        let bytes = volume
            .bytes(module.path.as_str())
            .map_err(|error| at(module.path, Cause::Volume(error)))?;
        pages = pages.saturating_add(pages_for(bytes));
    }
    let bytes = pages.saturating_mul(PAGE_BYTES);
    let start = if pages == 0 { 0 } else { allocate(machine, Path::NONE, bytes, None)? };
    let mut left = PhysicalRange { start, bytes };
    let mut count = 0;
    for module in config.modules() {
        machine.progress(format_args!("module {}", module.path));
        let file = read(volume, module.path)?;
        let contents = file.as_ref();
        let place = PhysicalRange { start: left.start, bytes: contents.len() as u64 };
        if !left.contains(place) {
            return Err(at(module.path, Cause::Changed));
        }
        write(machine, module.path, place.start, contents)?;
        let mut name = [0; boot::Module::NAME_BYTES];
        for (byte, letter) in name.iter_mut().zip(module.name.bytes()) {
            *byte = letter;
        }
        let entry = boot::Module { name, address: place.start, bytes: place.bytes };
        let address = element::<boot::Module>(list, count);
        write(machine, module.path, address, entry.encode().as_ref())?;
        count = count.saturating_add(1);
        let used = pages_for(place.bytes).saturating_mul(PAGE_BYTES);
        left.start = left.start.saturating_add(used);
        left.bytes = left.bytes.saturating_sub(used);
    }
    Ok((PhysicalRange { start, bytes }, count))
}

fn read<V: Volume>(volume: &mut V, path: Path) -> Result<V::File<'_>, Error> {
    volume.read(path.as_str()).map_err(|error: VolumeError| at(path, Cause::Volume(error)))
}

fn verify<'a>(
    file: &'a [u8],
    architecture: &Architecture,
    purpose: Purpose,
    path: Path,
) -> Result<Program<'a>, Error> {
    let program = Program::verify(file, architecture, purpose);
    program.map_err(|error| at(path, Cause::Elf(error)))
}

fn fill<M: Machine>(
    machine: &mut M,
    path: Path,
    segment: &Segment<'_>,
    page: u64,
) -> Result<(), Error> {
    let address = page.saturating_add(segment.offset_in_page());
    write(machine, path, address, segment.contents)
}
