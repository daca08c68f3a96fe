//! The frames that programs' memory consists of.
//!
//! They are made one by one, when programs need more: what is made has to be cleared, which takes time, and what
//! nobody needs costs nothing. So programs have as much memory as the machine, and a system without them starts as fast
//! as ever.

use alloc::vec::Vec;

use heapless::Vec as List;
use koito::conventions::{MOST_PIECES, pool_slot};
use koito_posix_core::{PAGE_BYTES, Page};
use nun::{Error, Frame, Generic, ObjectType};

use super::objects::root;

/// Logarithm of the pages of which all frames have a multiple.
const CHUNK_BITS: u32 = 12;
/// The same of their bytes.
const CHUNK_BYTES_BITS: u32 = CHUNK_BITS + PAGE_BYTES.trailing_zeros();
/// A frame is this part of all memory, as a logarithm, so that there are few; and at least so large, likewise.
const FRAME_PART: u32 = 4;
const FRAME_BITS: u32 = 25;

/// A piece of memory: from `at` on nothing was made of it.
#[derive(Clone, Copy)]
struct Piece {
    memory: Generic,
    at: u64,
    end: u64,
}

/// A frame, and the first of its pages.
#[derive(Clone, Copy)]
struct Made {
    frame: Frame,
    first: u64,
}

/// Frames, and memory for more of them.
pub struct Frames {
    pieces: List<Piece, MOST_PIECES>,
    /// Bytes of all memory.
    bytes: u64,
    made: Vec<Made>,
    /// Which frame each chunk of pages lies in.
    chunks: Vec<u8>,
}

impl Frames {
    /// None yet; they will be made of the component's pool, pieces of 2^`pool` bytes each.
    pub fn new(pool: &[u8]) -> Self {
        let piece = |(index, bits): (usize, &u8)| Piece {
            memory: Generic::slot(pool_slot(index)),
            at: 0,
            end: 1 << bits,
        };
        let pieces: List<Piece, MOST_PIECES> = pool.iter().enumerate().map(piece).collect();
        let bytes = pieces.iter().map(|piece| piece.end).sum();
        Self { pieces, bytes, made: Vec::new(), chunks: Vec::new() }
    }

    /// Bytes of all memory, whatever became of it.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Pages of which no frame was made yet.
    pub fn later(&self) -> usize {
        self.pieces.iter().map(Piece::chunks).sum::<usize>() << CHUNK_BITS
    }

    /// Takes 2^`bits` bytes for something else, from the smallest piece that has so much at once; a Generic, in `slot`.
    pub fn carve(&mut self, bits: u32, slot: u64) -> Result<Generic, Error> {
        let fits = |piece: &&mut Piece| piece.place(bits) + (1 << bits) <= piece.end;
        let piece = self.pieces.iter_mut().filter(fits).min_by_key(|piece| piece.end - piece.at);
        let piece = piece.ok_or(nun::EXHAUSTED)?;
        piece.memory.convert(ObjectType::Generic, bits.into(), 1, root(), slot)?;
        piece.at = piece.place(bits) + (1 << bits);
        Ok(Generic::slot(slot))
    }

    /// Makes one more frame in `slot`; answers it, its first page and how many it has. A piece of memory of which none
    /// can be made is given up.
    pub fn make(&mut self, slot: u64) -> Result<(Frame, u64, u64), Error> {
        let usual = (self.bytes.ilog2() - FRAME_PART).max(FRAME_BITS);
        let piece = self.pieces.iter_mut().find(|it| it.chunks() > 0).ok_or(nun::EXHAUSTED)?;
        let bits = usual.min((piece.end - piece.at).ilog2()).min(piece.at.trailing_zeros());
        let made = piece.memory.convert(ObjectType::Frame, bits.into(), 1, root(), slot);
        piece.at = if made.is_ok() { piece.at + (1 << bits) } else { piece.end };
        made?;
        let (frame, first) = (Frame::slot(slot), (self.chunks.len() as u64) << CHUNK_BITS);
        let chunks = 1 << (bits - CHUNK_BYTES_BITS);
        self.chunks.extend(core::iter::repeat_n(self.made.len() as u8, chunks));
        self.made.push(Made { frame, first });
        Ok((frame, first, (chunks as u64) << CHUNK_BITS))
    }

    /// Which frame a page lies in, and where in it.
    #[inline]
    pub fn place(&self, page: Page) -> (usize, u64) {
        let number = usize::from(self.chunks[page.0 as usize >> CHUNK_BITS]);
        (number, u64::from(page.0) - self.made[number].first)
    }

    /// Frame `number`.
    pub fn frame(&self, number: usize) -> Frame {
        self.made[number].frame
    }
}

impl Piece {
    /// Where the next 2^`bits` bytes of it can lie.
    const fn place(&self, bits: u32) -> u64 {
        self.at.next_multiple_of(1 << bits)
    }

    /// How many chunks of pages can be made of it.
    const fn chunks(&self) -> usize {
        ((self.end - self.at) >> CHUNK_BYTES_BITS) as usize
    }
}
