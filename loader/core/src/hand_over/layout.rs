//! The hand-over structures as bytes, at the offsets that the compiler gave their fields.
//!
//! Written field by field, so that no `unsafe` is needed and no padding is ever read; leaving
//! out a field does not compile.

use core::mem::offset_of;

use a9n_abi::boot::{BootInfo, Framebuffer, InitImage, InitSegment, MemoryRegion, Module, Span};

/// A value with a fixed layout in memory.
pub(super) trait Encode {
    /// An array as long as the value.
    type Bytes: AsRef<[u8]>;

    /// Its bytes in memory.
    fn encode(&self) -> Self::Bytes;
}

impl Encode for u32 {
    type Bytes = [u8; 4];

    fn encode(&self) -> [u8; 4] {
        self.to_ne_bytes()
    }
}

impl Encode for u64 {
    type Bytes = [u8; 8];

    fn encode(&self) -> [u8; 8] {
        self.to_ne_bytes()
    }
}

impl<const N: usize> Encode for [u8; N] {
    type Bytes = Self;

    fn encode(&self) -> Self {
        *self
    }
}

fn put(place: &mut [u8], offset: usize, value: &[u8]) {
    for (byte, value) in place.iter_mut().skip(offset).zip(value) {
        *byte = *value;
    }
}

macro_rules! encode {
    ($($structure:ident { $($field:ident),* })*) => {$(
        impl Encode for $structure {
            type Bytes = [u8; size_of::<Self>()];

            fn encode(&self) -> Self::Bytes {
                let Self { $($field),* } = self;
                let mut bytes = [0; size_of::<Self>()];
                $(put(&mut bytes, offset_of!(Self, $field), $field.encode().as_ref());)*
                bytes
            }
        }
    )*};
}

encode! {
    Span { address, count }
    BootInfo {
        magic, version, bytes, abi_hash, memory_map, kernel, kernel_bytes, init, modules,
        acpi_root, framebuffer, command_line
    }
    MemoryRegion { start, pages, kind, reserved }
    InitImage { segments, entry, abi_hash }
    InitSegment { virtual_address, physical_address, pages, access }
    Module { name, address, bytes }
    Framebuffer { address, bytes, width, height, stride, format }
}
