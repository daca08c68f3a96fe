//! Loads everything that a boot needs and describes it to the kernel.
//!
//! Two steps, because firmware only tells its final memory map when nothing can be allocated
//! any more: [`load`] reads, verifies and places all files; [`Loaded::finish`] adds the memory
//! map and writes the [`BootInfo`]. The volume and the machine are traits, so that every way to
//! boot, and every host test, runs this very code.

mod error;
mod layout;
mod place;

use core::fmt;

use a9n_abi::boot::{
    BOOT_MAGIC, BOOT_VERSION, BootInfo, Framebuffer, MemoryKind, MemoryRegion, PAGE_BYTES, Span,
};

pub use self::error::{Cause, Error, VolumeError};
use self::{
    layout::Encode,
    place::{load_init, load_kernel, load_modules},
};
use crate::{
    Path, PhysicalRange,
    config::Config,
    elf::Architecture,
    memory_map::{Descriptor, region_bound, regions},
    pages_for,
};

/// Where files come from.
pub trait Volume {
    /// A file's contents.
    type File<'f>: AsRef<[u8]>
    where
        Self: 'f;

    /// Length of the file at `path`, in bytes.
    fn bytes(&mut self, path: &str) -> Result<u64, VolumeError>;

    /// The whole file at `path`.
    fn read(&mut self, path: &str) -> Result<Self::File<'_>, VolumeError>;
}

/// Where everything goes.
pub trait Machine {
    /// Physical address of `pages` free pages in one piece, filled with zeros, at `preferred` if
    /// that is free. They are never given out again. `None` if there are none.
    fn allocate(&mut self, pages: u64, preferred: Option<u64>) -> Option<u64>;

    /// Writes to memory that [`Self::allocate`] returned; `None`, and nothing written, if it is
    /// not that.
    #[must_use]
    fn write(&mut self, address: u64, bytes: &[u8]) -> Option<()>;

    /// Has the kernel's pages mapped when it is entered. `access` is made of the bits of
    /// [`InitSegment`](a9n_abi::boot::InitSegment). Not called for [`Kernel::Resident`].
    #[must_use]
    fn map_kernel(&mut self, mapping: Mapping) -> Option<()>;

    /// Tells the user what is being done.
    fn progress(&mut self, text: fmt::Arguments<'_>);
}

/// Pages of the kernel that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Virtual address of the first page.
    pub virtual_address: u64,
    /// Physical address of the first page.
    pub physical_address: u64,
    /// Length in pages.
    pub pages: u64,
    /// Bits of [`InitSegment`](a9n_abi::boot::InitSegment).
    pub access: u64,
}

/// Where the kernel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// From the volume.
    OnVolume,
    /// It lies in memory already, and runs.
    Resident(PhysicalRange),
}

/// What the firmware knows besides memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Platform {
    /// Physical address of the ACPI root pointer, 0 if there is none.
    pub acpi_root: u64,
    /// The screen; all zero if there is none.
    pub framebuffer: Framebuffer,
}

/// A boot with everything in place but the memory map.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// Virtual address of the kernel's first instruction; 0 if it is resident.
    pub kernel_entry: u64,
    info: BootInfo,
    placed: [Descriptor; 4],
    info_address: u64,
    map_address: u64,
    map_room: u64,
}

/// Reads, verifies and places everything that the volume's configuration names.
///
/// `descriptors` is an upper bound of the descriptors that the final memory map will have.
pub fn load<V: Volume, M: Machine>(
    volume: &mut V,
    machine: &mut M,
    architecture: &Architecture,
    kernel: Kernel,
    descriptors: u64,
) -> Result<Loaded, Error> {
    // The configuration stays in memory of the loader's, so that files can be read meanwhile.
    let mut text = [0; MAX_CONFIG_BYTES];
    let text = read_config(volume, &mut text)?;
    let config = Config::parse(text).map_err(|error| at(Path::CONFIG, Cause::Config(error)))?;

    let (kernel, kernel_entry) = match kernel {
        Kernel::Resident(range) => (range, 0),
        Kernel::OnVolume => load_kernel(volume, machine, architecture, config.kernel)?,
    };
    let record = Record::new(&config, descriptors);
    let address = allocate(machine, Path::NONE, record.bytes, None)?;
    let record = record.moved_to(address);

    let (init, init_image) =
        load_init(volume, machine, architecture, config.init, record.segments)?;
    let (modules, module_count) = load_modules(volume, machine, &config, record.modules)?;
    write(machine, Path::CONFIG, record.command_line, config.command_line.as_bytes())?;

    let used = |range, kind| Descriptor { range, kind };
    let own = PhysicalRange { start: address, bytes: record.bytes };
    Ok(Loaded {
        kernel_entry,
        info: BootInfo {
            magic: BOOT_MAGIC,
            version: BOOT_VERSION,
            bytes: size_of::<BootInfo>() as u32,
            abi_hash: a9n_abi::ABI_HASH,
            kernel: kernel.start,
            kernel_bytes: kernel.bytes,
            init: init_image,
            modules: span(record.modules, module_count),
            command_line: span(record.command_line, config.command_line.len() as u64),
            ..BootInfo::default()
        },
        placed: [
            used(kernel, MemoryKind::Kernel),
            used(init, MemoryKind::Init),
            used(modules, MemoryKind::Module),
            used(own, MemoryKind::Loader),
        ],
        info_address: address,
        map_address: record.map,
        map_room: record.map_room,
    })
}

impl Loaded {
    /// Writes the memory map and the [`BootInfo`], and returns the latter's physical address.
    ///
    /// `firmware` describes all memory, in any order; whatever was placed is carved out of it.
    pub fn finish<M: Machine>(
        &self,
        machine: &mut M,
        firmware: impl Iterator<Item = Descriptor> + Clone,
        platform: Platform,
    ) -> Result<u64, Error> {
        // Nothing may be made of the page at address 0: it reads like a null pointer.
        let null = PhysicalRange { start: 0, bytes: PAGE_BYTES };
        let null = Descriptor { range: null, kind: MemoryKind::Reserved };
        let all = firmware.chain(self.placed).chain([null]);
        let mut count = 0;
        let mut usable = false;
        for region in regions(all) {
            if count >= self.map_room {
                return Err(at(Path::NONE, Cause::MemoryMapGrew));
            }
            let address = element::<MemoryRegion>(self.map_address, count);
            write(machine, Path::NONE, address, region.encode().as_ref())?;
            usable |= region.kind == MemoryKind::Usable as u32;
            count = count.saturating_add(1);
        }
        if !usable {
            return Err(at(Path::NONE, Cause::NoUsableMemory));
        }
        let info = BootInfo {
            memory_map: span(self.map_address, count),
            acpi_root: platform.acpi_root,
            framebuffer: platform.framebuffer,
            ..self.info
        };
        write(machine, Path::NONE, self.info_address, info.encode().as_ref())?;
        Ok(self.info_address)
    }
}

/// Longest configuration file, in bytes.
const MAX_CONFIG_BYTES: usize = 8192;

fn read_config<'t, V: Volume>(
    volume: &mut V,
    text: &'t mut [u8; MAX_CONFIG_BYTES],
) -> Result<&'t [u8], Error> {
    let failed = |error| at(Path::CONFIG, Cause::Volume(error));
    let file = volume.read(Path::CONFIG.as_str()).map_err(failed)?;
    let file = file.as_ref();
    let text = text.get_mut(..file.len()).ok_or(failed(VolumeError::TooLong))?;
    text.copy_from_slice(file);
    Ok(text)
}

/// Where the parts of the loader's record lie: boot information, segments, modules, command
/// line and memory map, in one allocation.
struct Record {
    segments: u64,
    modules: u64,
    command_line: u64,
    map: u64,
    map_room: u64,
    bytes: u64,
}

impl Record {
    /// Descriptors that the loader adds to the firmware's.
    const OWN_DESCRIPTORS: u64 = 5;

    /// The record's layout from address 0 on. Sums saturate: an absurd one is not allocatable.
    fn new(config: &Config<'_>, descriptors: u64) -> Self {
        let map_room = region_bound(descriptors.saturating_add(Self::OWN_DESCRIPTORS));
        let modules = element::<BootInfo>(0, 1);
        let command_line =
            element::<a9n_abi::boot::Module>(modules, config.modules().count() as u64);
        let map = command_line
            .saturating_add(config.command_line.len() as u64)
            .checked_next_multiple_of(align_of::<MemoryRegion>() as u64)
            .unwrap_or(u64::MAX);
        let segments = element::<MemoryRegion>(map, map_room);
        let bytes = segments.saturating_add(place::SEGMENT_ROOM_BYTES);
        Self { segments, modules, command_line, map, map_room, bytes }
    }

    fn moved_to(self, address: u64) -> Self {
        let at = |offset: u64| address.saturating_add(offset);
        Self {
            segments: at(self.segments),
            modules: at(self.modules),
            command_line: at(self.command_line),
            map: at(self.map),
            ..self
        }
    }
}

fn at(file: Path, cause: Cause) -> Error {
    Error { file, cause }
}

fn span(address: u64, count: u64) -> Span {
    Span { address: if count == 0 { 0 } else { address }, count }
}

/// Address of an element of an array.
fn element<T>(array: u64, index: u64) -> u64 {
    array.saturating_add(index.saturating_mul(size_of::<T>() as u64))
}

fn allocate<M: Machine>(
    machine: &mut M,
    file: Path,
    bytes: u64,
    preferred: Option<u64>,
) -> Result<u64, Error> {
    let address = machine.allocate(pages_for(bytes), preferred);
    address.ok_or(at(file, Cause::OutOfMemory { bytes }))
}

fn write<M: Machine>(machine: &mut M, file: Path, address: u64, bytes: &[u8]) -> Result<(), Error> {
    machine.write(address, bytes).ok_or(at(file, Cause::Machine))
}
