//! What the first process, init, receives.
//!
//! It starts at its entry point with the address of an [`InitInfo`] in the first argument
//! register, no stack, and the capabilities of [`slot`] in its root node.

use crate::boot::{Framebuffer, Module};

/// Version of [`InitInfo`].
pub const INIT_VERSION: u32 = 2;

/// Where the kernel maps the [`InitInfo`], read-only.
pub const INIT_INFO_ADDRESS: u64 = 0x7ff0_0000_0000;

/// Where the kernel maps init's IPC buffer.
pub const INIT_BUFFER_ADDRESS: u64 = 0x7ff0_0010_0000;

/// Radix of init's root node: 4096 slots.
pub const INIT_NODE_RADIX: u32 = 12;

/// Capacity of [`InitInfo::generics`].
pub const INIT_GENERICS: usize = 512;

/// Capacity of [`InitInfo::modules`].
pub const INIT_MODULES: usize = 32;

/// Capacity of [`InitInfo::command_line`].
pub const INIT_COMMAND_LINE: usize = 512;

/// Slots of init's root node.
pub mod slot {
    /// Its own PCB.
    pub const PROCESS: u64 = 1;
    /// Its address space.
    pub const ADDRESS_SPACE: u64 = 2;
    /// Its root node.
    pub const NODE: u64 = 3;
    /// The frame of its IPC buffer.
    pub const BUFFER: u64 = 4;
    /// All I/O ports, where the machine has such.
    pub const IO_PORTS: u64 = 5;
    /// All interrupt lines and vectors.
    pub const INTERRUPTS: u64 = 6;
    /// Timer of CPU 0; CPU *n* has slot `TIMERS + n`.
    pub const TIMERS: u64 = 16;
    /// From here on as [`InitInfo`](super::InitInfo) says: page tables, frames, Generics, modules.
    pub const FIRST_LISTED: u64 = 64;
}

/// A run of slots in the root node.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotRange {
    /// First slot.
    pub first: u32,
    /// Number of slots.
    pub count: u32,
}

/// A Generic of init.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitGeneric {
    /// Physical address.
    pub address: u64,
    /// Its slot.
    pub slot: u32,
    /// Logarithm of its bytes.
    pub size_bits: u8,
    /// 1 if it lies in device space and becomes frames only.
    pub device: u8,
    /// Zero.
    pub reserved: u16,
}

/// A boot module of init: a file, as physically consecutive frames.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InitModule {
    /// Name, UTF-8, filled up with zeros.
    pub name: [u8; Module::NAME_BYTES],
    /// Its frames, ascending, each a power of two in size.
    pub frames: SlotRange,
    /// Length in bytes.
    pub bytes: u64,
}

impl InitModule {
    /// An entry of no module.
    pub const EMPTY: Self =
        Self { name: [0; Module::NAME_BYTES], frames: SlotRange { first: 0, count: 0 }, bytes: 0 };

    /// The name as text; empty if it is not UTF-8.
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(self.name.len());
        self.name.get(..end).and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("")
    }
}

/// What the kernel tells init.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InitInfo {
    /// [`ABI_HASH`](crate::ABI_HASH) of the kernel.
    pub abi_hash: u64,
    /// [`INIT_VERSION`].
    pub version: u32,
    /// CPUs that run user processes.
    pub cpus: u32,
    /// Kernel version: major, minor, patch.
    pub kernel_version: [u16; 4],
    /// Architecture, UTF-8, filled up with zeros.
    pub architecture: [u8; 16],
    /// Ticks of the time-stamp counter in a second.
    pub ticks_per_second: u64,
    /// What the time-stamp counter was when the kernel was entered.
    pub entry_ticks: u64,
    /// Address of the IPC buffer.
    pub buffer_address: u64,
    /// Physical address of the ACPI root pointer, 0 if none.
    pub acpi_root: u64,
    /// The screen, if any.
    pub framebuffer: Framebuffer,
    /// Slots of init's page tables.
    pub page_tables: SlotRange,
    /// Slots of the frames of init's own image, ascending by virtual address.
    pub image_frames: SlotRange,
    /// Slots that are free, up to the end of the root node.
    pub free_slots: SlotRange,
    /// Bytes of the command line.
    pub command_line_bytes: u32,
    /// Entries used in `generics`.
    pub generic_count: u32,
    /// Entries used in `modules`.
    pub module_count: u32,
    /// Zero.
    pub reserved: u32,
    /// The command line, UTF-8.
    pub command_line: [u8; INIT_COMMAND_LINE],
    /// All memory that is not in use, and all device space.
    pub generics: [InitGeneric; INIT_GENERICS],
    /// Boot modules in the order of the boot configuration.
    pub modules: [InitModule; INIT_MODULES],
}

impl InitInfo {
    /// Init's Generics.
    pub fn generics(&self) -> &[InitGeneric] {
        self.generics.get(..self.generic_count as usize).unwrap_or(&self.generics)
    }

    /// Init's boot modules.
    pub fn modules(&self) -> &[InitModule] {
        self.modules.get(..self.module_count as usize).unwrap_or(&self.modules)
    }

    /// The boot module called `name`.
    pub fn module(&self, name: &str) -> Option<&InitModule> {
        self.modules().iter().find(|module| module.name() == name)
    }

    /// The command line; empty if it is not UTF-8.
    pub fn command_line(&self) -> &str {
        self.command_line
            .get(..self.command_line_bytes as usize)
            .and_then(|line| core::str::from_utf8(line).ok())
            .unwrap_or("")
    }
}
