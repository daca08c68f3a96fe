//! The memory that a component builds processes from. One that always runs has it for good, as it has to
//! be there whenever the next instance starts; one that runs on request has it only while it is wanted.

use koito::conventions::pool_slot;
use koito_manifest::{Component, MOST_PIECES, Vec};
use nun::abi::boot::PAGE_BYTES;
use nun::{Error, Generic, ObjectType, Process, Resources};

use crate::holdings::Lack;

/// The smallest piece, as the logarithm of its bytes.
const SMALLEST_BITS: u8 = PAGE_BYTES.trailing_zeros() as u8;
/// The largest: a frame of the whole of it can be mapped.
const LARGEST_BITS: u8 = 30;
/// The smallest that is added for good to what a component has.
const ADDED_BITS: u8 = 24;

/// A component's pool: pieces of memory, as large as there were.
#[derive(Default)]
pub struct Pool(Vec<(Generic, u8), MOST_PIECES>);

impl Pool {
    /// The one that `component` has before it runs.
    pub fn kept(resources: &mut Resources, component: &Component<'_>) -> Result<Self, Lack> {
        let mut pool = Self::default();
        if component.pool_bits > 0 && !component.on_request {
            let bits = component.pool_bits;
            let whole = resources.make(bits).map_err(|_| Lack::Memory(bits))?;
            // There is room for one.
            let _ = pool.0.push((whole, bits));
        }
        Ok(pool)
    }

    /// Bytes of it.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, bits)| 1_u64 << bits).sum()
    }

    /// Takes up to `bytes` bytes more, for good.
    pub fn widen(&mut self, resources: &mut Resources, bytes: u64) {
        let mut left = bytes;
        for bits in (ADDED_BITS..=LARGEST_BITS).rev() {
            while left >> bits > 0
                && !self.0.is_full()
                && let Ok(piece) = resources.make(bits)
            {
                // There is room for it.
                let _ = self.0.push((piece, bits));
                left -= 1 << bits;
            }
        }
    }

    /// Takes at least `bytes` bytes, if it has nothing yet. Without so much memory it has nothing afterwards.
    pub fn fill(&mut self, resources: &mut Resources, bytes: u64) -> Result<(), Error> {
        if !self.0.is_empty() {
            return Ok(());
        }
        let mut largest = LARGEST_BITS;
        while self.bytes() < bytes {
            let missing = (bytes - self.bytes()).next_multiple_of(PAGE_BYTES);
            let bits = largest.min(missing.ilog2() as u8);
            let made = resources.make(bits);
            let is_kept = made.is_ok_and(|piece| self.0.push((piece, bits)).is_ok());
            if is_kept {
                continue;
            }
            if let Ok(piece) = made {
                resources.discard(piece)?;
            }
            if made.is_ok() || bits <= SMALLEST_BITS {
                self.give_back(resources)?;
                return Err(nun::EXHAUSTED);
            }
            largest = bits - 1;
        }
        Ok(())
    }

    /// Gives all of it back, with whatever was made of it.
    pub fn give_back(&mut self, resources: &mut Resources) -> Result<(), Error> {
        while let Some((piece, _)) = self.0.pop() {
            resources.discard(piece)?;
        }
        Ok(())
    }

    /// Gives it to the next instance, `process`: nothing is left of what others made of it. Answers the
    /// logarithms of the pieces' bytes.
    pub fn grant(
        &self,
        resources: &Resources,
        process: &Process,
    ) -> Result<Vec<u8, MOST_PIECES>, Error> {
        for (index, (piece, bits)) in self.0.iter().enumerate() {
            resources.node().revoke(piece.descriptor().index())?;
            let at = pool_slot(index);
            piece.convert(ObjectType::Generic, (*bits).into(), 1, process.node(), at)?;
        }
        Ok(self.0.iter().map(|(_, bits)| *bits).collect())
    }
}
