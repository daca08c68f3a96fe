//! The PVH boot protocol's start info (Xen, `public/arch-x86/hvm/start_info.h`), version 1.

use a9n_loader_core::{PhysicalRange, firmware::e820_memory_kind, memory_map::Descriptor};

use crate::{
    Error,
    bytes::{u32_at, u64_at},
};

const MAGIC: u32 = 0x336e_c578;
const MODULE_BYTES: u64 = 32;
const MEMORY_BYTES: usize = 24;

/// What of a start info is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfo {
    modules: u32,
    module_list: u64,
    memory_map: u64,
    memory_map_entries: u32,
    /// Physical address of the ACPI root pointer, 0 if there is none.
    pub acpi_root: u64,
}

impl StartInfo {
    /// Where a start info at `address` lies.
    pub const fn range(address: u64) -> PhysicalRange {
        PhysicalRange { start: address, bytes: 56 }
    }

    /// Reads a start info.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let read = || {
            (u32_at(bytes, 0)? == MAGIC && u32_at(bytes, 4)? >= 1).then_some(())?;
            Some(Self {
                modules: u32_at(bytes, 12)?,
                module_list: u64_at(bytes, 16)?,
                acpi_root: u64_at(bytes, 32)?,
                memory_map: u64_at(bytes, 40)?,
                memory_map_entries: u32_at(bytes, 48)?,
            })
        };
        read().ok_or(Error::StartInfo)
    }

    /// Where the list of modules lies.
    pub fn module_list(&self) -> Result<PhysicalRange, Error> {
        match self.modules {
            0 => Err(Error::NoModule),
            _ => Ok(PhysicalRange { start: self.module_list, bytes: MODULE_BYTES }),
        }
    }

    /// Where the memory map lies.
    pub fn memory_map(&self) -> Result<PhysicalRange, Error> {
        let bytes = u64::from(self.memory_map_entries).saturating_mul(MEMORY_BYTES as u64);
        match bytes {
            0 => Err(Error::NoMemoryMap),
            _ => Ok(PhysicalRange { start: self.memory_map, bytes }),
        }
    }
}

/// The first module of a list.
pub fn module(list: &[u8]) -> Result<PhysicalRange, Error> {
    let read = || Some(PhysicalRange { start: u64_at(list, 0)?, bytes: u64_at(list, 8)? });
    read().ok_or(Error::NoModule)
}

/// The descriptors of a memory map.
pub fn descriptors(table: &[u8]) -> impl Iterator<Item = Descriptor> + Clone {
    table.chunks_exact(MEMORY_BYTES).filter_map(|entry| {
        let range = PhysicalRange { start: u64_at(entry, 0)?, bytes: u64_at(entry, 8)? };
        Some(Descriptor { range, kind: e820_memory_kind(u32_at(entry, 16)?) })
    })
}
