//! The own IPC buffer: message words past the sixth, capabilities to send, where received ones
//! go, batches of mappings, and images of extended states.

use core::mem::offset_of;

use a9n_abi::{
    IpcBuffer, MAPPING_RUNS, MESSAGE_CAPABILITIES, MESSAGE_WORDS, MappingRun, VECTOR_IMAGE_BYTES,
    VECTOR_IMAGE_OFFSET,
};

use crate::Descriptor;
use crate::mapped::{self, Mapped};

/// Words of the longest image of an extended state.
const IMAGE_WORDS: usize = VECTOR_IMAGE_BYTES / size_of::<u64>();

/// The IPC buffer of the process or thread, where the [conventions](crate::aci) put it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer(Mapped);

/// The own IPC buffer.
#[inline]
pub fn buffer() -> Buffer {
    Buffer(mapped::own_buffer())
}

impl Buffer {
    /// Message word `index`; 0 past the last.
    #[inline]
    pub fn read(&self, index: usize) -> u64 {
        if index < MESSAGE_WORDS { self.0.read(Self::offset(index)) } else { 0 }
    }

    /// Sets message word `index`; nothing happens past the last.
    #[inline]
    pub fn write(&self, index: usize, word: u64) {
        if index < MESSAGE_WORDS {
            self.0.write(Self::offset(index), word);
        }
    }

    /// Sets the capabilities that the next message with some carries; those past the limit are
    /// left out. Answers how many it will carry.
    pub(crate) fn offer(&self, capabilities: &[Descriptor]) -> usize {
        for (index, capability) in capabilities.iter().enumerate().take(MESSAGE_CAPABILITIES) {
            let offset = offset_of!(IpcBuffer, capabilities) + index * size_of::<u64>();
            self.0.write(offset, capability.0);
        }
        capabilities.len().min(MESSAGE_CAPABILITIES)
    }

    /// From now on, received capabilities go into the `slots` slots of `node` from `index` on, as
    /// far as they are empty; with 0 slots, none are received.
    pub fn accept(&self, node: impl Into<Descriptor>, index: u64, slots: u64) {
        self.0.write(offset_of!(IpcBuffer, receive_node), node.into().0);
        self.0.write(offset_of!(IpcBuffer, receive_index), index);
        self.0.write(offset_of!(IpcBuffer, receive_slots), slots);
    }

    /// Sets run `index` for [`map_many`](crate::AddressSpace::map_many) and the like; nothing
    /// happens past the last.
    pub fn set_run(&self, index: usize, run: MappingRun) {
        if index < MAPPING_RUNS {
            let offset = offset_of!(IpcBuffer, runs) + index * size_of::<MappingRun>();
            self.0.write(offset + offset_of!(MappingRun, address), run.address);
            self.0.write(offset + offset_of!(MappingRun, window), run.window);
            self.0.write(offset + offset_of!(MappingRun, extent), run.extent);
        }
    }

    /// Word `index` of the image that [`read_vector`](crate::Pcb::read_vector) left; 0 past the
    /// last.
    #[inline]
    pub fn read_image(&self, index: usize) -> u64 {
        if index < IMAGE_WORDS { self.0.read(Self::image_offset(index)) } else { 0 }
    }

    /// Sets word `index` of the image for [`write_vector`](crate::Pcb::write_vector); nothing
    /// happens past the last.
    #[inline]
    pub fn write_image(&self, index: usize, word: u64) {
        if index < IMAGE_WORDS {
            self.0.write(Self::image_offset(index), word);
        }
    }

    const fn image_offset(index: usize) -> usize {
        VECTOR_IMAGE_OFFSET + index * size_of::<u64>()
    }

    const fn offset(index: usize) -> usize {
        offset_of!(IpcBuffer, words) + index * size_of::<u64>()
    }
}
