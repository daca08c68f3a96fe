//! The boot information of multiboot2 (Multiboot2 specification 2.0, section 3.6).

use a9n_abi::boot::{Framebuffer, PixelFormat};
use a9n_loader_core::{PhysicalRange, firmware::e820_memory_kind, memory_map::Descriptor};

use crate::{
    Error,
    bytes::{u32_at, u64_at},
};

const MODULE: u32 = 3;
const MEMORY_MAP: u32 = 6;
const FRAMEBUFFER: u32 = 8;
const ACPI_1: u32 = 14;
const ACPI_2: u32 = 15;
const TAG_HEADER_BYTES: usize = 8;
const DIRECT_COLOUR: u8 = 1;

/// An information block.
#[derive(Clone, Copy, Debug)]
pub struct Information<'a> {
    block: &'a [u8],
}

impl<'a> Information<'a> {
    /// Bytes of the block's own header, which tells its length.
    pub const HEADER_BYTES: u64 = 8;

    /// Length in bytes of the block that starts with `header`.
    pub fn length(header: &[u8]) -> Result<u64, Error> {
        u32_at(header, 0).map(u64::from).ok_or(Error::Multiboot2)
    }

    /// The information in `block`, whose first word is its length.
    pub const fn new(block: &'a [u8]) -> Self {
        Self { block }
    }

    /// Where the first module lies.
    pub fn module(&self) -> Result<PhysicalRange, Error> {
        let tag = self.tag(MODULE).ok_or(Error::NoModule)?;
        let read = || Some((u64::from(u32_at(tag, 8)?), u64::from(u32_at(tag, 12)?)));
        let (start, end) = read().ok_or(Error::Multiboot2)?;
        let bytes = end.checked_sub(start).ok_or(Error::Multiboot2)?;
        Ok(PhysicalRange { start, bytes })
    }

    /// The memory map.
    pub fn descriptors(&self) -> Result<impl Iterator<Item = Descriptor> + Clone + 'a, Error> {
        let tag = self.tag(MEMORY_MAP).ok_or(Error::NoMemoryMap)?;
        let read = || Some((u32_at(tag, 8)?.max(1), tag.get(16..)?));
        let (entry_bytes, entries) = read().ok_or(Error::Multiboot2)?;
        Ok(entries.chunks(entry_bytes as usize).filter_map(|entry| {
            let range = PhysicalRange { start: u64_at(entry, 0)?, bytes: u64_at(entry, 8)? };
            Some(Descriptor { range, kind: e820_memory_kind(u32_at(entry, 16)?) })
        }))
    }

    /// A copy of the ACPI root pointer, that of version 2 if there is one.
    pub fn acpi_root(&self) -> Option<&'a [u8]> {
        self.tag(ACPI_2).or(self.tag(ACPI_1))?.get(TAG_HEADER_BYTES..)
    }

    /// The screen; all zero if there is none with four bytes a pixel in a known order.
    pub fn framebuffer(&self) -> Framebuffer {
        self.tag(FRAMEBUFFER).and_then(framebuffer).unwrap_or_default()
    }

    /// The first tag of this type, header included.
    fn tag(&self, kind: u32) -> Option<&'a [u8]> {
        let mut rest = self.block.get(Self::HEADER_BYTES as usize..)?;
        loop {
            let (found, bytes) = (u32_at(rest, 0)?, u32_at(rest, 4)? as usize);
            if bytes < TAG_HEADER_BYTES {
                return None;
            }
            if found == kind {
                return rest.get(..bytes);
            }
            rest = rest.get(bytes.checked_next_multiple_of(8)?..)?;
        }
    }
}

fn framebuffer(tag: &[u8]) -> Option<Framebuffer> {
    let (pitch, width, height) = (u32_at(tag, 16)?, u32_at(tag, 20)?, u32_at(tag, 24)?);
    let (red, blue) = match tag.get(28..)? {
        [32, DIRECT_COLOUR, _, _, red, _, _, _, blue, ..] => (*red, *blue),
        _ => return None,
    };
    let format = match (red, blue) {
        (0, 16) => PixelFormat::Rgbx,
        (16, 0) => PixelFormat::Bgrx,
        _ => return None,
    };
    Some(Framebuffer {
        address: u64_at(tag, 8)?,
        bytes: u64::from(pitch).saturating_mul(u64::from(height)),
        width,
        height,
        stride: pitch / 4,
        format: format as u32,
    })
}
