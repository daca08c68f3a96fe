//! The stretch of addresses of one thread.

use a9n_abi::boot::PAGE_BYTES;
use a9n_loader_core::elf::ThreadLocals;

use crate::aci::thread;
use crate::mapped::Mapped;
use crate::memory::{Maker, Piece, Space};
use crate::resources::EXHAUSTED;
use crate::{Access, Culprit, Descriptor, Error, Frame, Reason};

/// Where everything of a thread lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    /// First address of the stack, and of the reservation that holds all of it.
    pub(crate) address: u64,
    /// First address past the stack.
    pub(crate) stack_top: u64,
    /// First address of the pages with thread-local storage and control block, how many, and the
    /// frame that they are.
    block_address: u64,
    block_pages: u64,
    pub(crate) block_frame: Frame,
    /// The thread-local base: address of the control block.
    pub(crate) base: u64,
    /// The IPC buffer.
    pub(crate) buffer_address: u64,
    pub(crate) buffer: Frame,
}

impl Area {
    /// Reserves and maps it in `space`, with room for a copy of `locals`. All of it goes when the
    /// reservation at its address is released.
    pub(crate) fn map<const REGIONS: usize, const TABLES: usize>(
        maker: &mut impl Maker,
        space: &mut Space<REGIONS, TABLES>,
        locals: Option<&ThreadLocals<'_>>,
        stack_pages: u64,
    ) -> Result<Self, Error> {
        let (bytes, alignment) = extent(locals)?;
        let block_pages = bytes.checked_add(alignment).ok_or(EXHAUSTED)?.div_ceil(PAGE_BYTES);
        if stack_pages >> 32 != 0 || block_pages >> 32 != 0 {
            return Err(Error::new(Reason::InvalidArgument, Culprit::argument(3)));
        }
        let address = space.reserve(stack_pages + block_pages + 1, 12)?;
        let stack_top = address + stack_pages * PAGE_BYTES;
        let buffer_address = stack_top + block_pages * PAGE_BYTES;
        let base = (buffer_address - thread::BYTES) & !(alignment - 1);
        let access = Access::READ | Access::WRITE;
        let mut map = || {
            space.fill(maker, address, stack_pages, access)?;
            let size_bits = (block_pages * PAGE_BYTES).next_power_of_two().trailing_zeros() as u8;
            let mut map = |address, pages, size_bits| {
                let frame: Frame = maker.make(size_bits)?;
                let piece = Piece { address, frame, offset: 0, pages, access };
                let mapped = space.map_owned(maker, &[piece]);
                if mapped.is_err() {
                    maker.discard(frame)?;
                }
                mapped.map(|()| frame)
            };
            let block_frame = map(stack_top, block_pages, size_bits)?;
            Ok((block_frame, map(buffer_address, 1, PAGE_BYTES.trailing_zeros() as u8)?))
        };
        match map() {
            Ok((block_frame, buffer)) => Ok(Self {
                address,
                stack_top,
                block_address: stack_top,
                block_pages,
                block_frame,
                base,
                buffer_address,
                buffer,
            }),
            Err(error) => {
                space.release(maker, address)?;
                Err(error)
            }
        }
    }

    /// The pages with storage and control block, in the caller's own address space.
    pub(crate) fn block(&self) -> Mapped {
        let bytes = (self.block_pages * PAGE_BYTES) as usize;
        // SAFETY: they were mapped there, writable, when the value was made, for nothing else.
        unsafe { Mapped::new(self.block_address as usize, bytes) }
    }

    /// Where in those pages the word `word` of the control block is.
    pub(crate) const fn offset(&self, word: usize) -> usize {
        (self.base - self.block_address) as usize + word
    }

    /// Fills in what a thread finds, through `block`, a mapping of those pages: its copy of `locals`,
    /// and the control block of the process at `pcb`.
    pub(crate) fn write_block(
        &self,
        block: &Mapped,
        locals: Option<&ThreadLocals<'_>>,
        pcb: Descriptor,
    ) {
        if let (Some(locals), Ok((bytes, _))) = (locals, extent(locals)) {
            let storage = bytes - thread::BYTES;
            block.copy_from(self.offset(0) - storage as usize, locals.contents);
        }
        block.write(self.offset(thread::ITSELF), self.base);
        block.write(self.offset(thread::BUFFER), self.buffer_address);
        block.write(self.offset(thread::PROCESS), pcb.0);
    }
}

/// Bytes of storage and control block, and to what the base is aligned.
fn extent(locals: Option<&ThreadLocals<'_>>) -> Result<(u64, u64), Error> {
    let alignment = locals.map_or(1, |locals| locals.alignment).max(thread::BYTES);
    let storage = match locals {
        // A linker counts from the base down to the next multiple of the alignment.
        Some(locals) => locals.memory_bytes.checked_next_multiple_of(locals.alignment),
        None => Some(0),
    };
    let bytes = storage.and_then(|storage| storage.checked_add(thread::BYTES)).ok_or(EXHAUSTED)?;
    Ok((bytes, alignment))
}
