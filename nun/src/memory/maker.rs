//! Whoever makes kernel objects.

use crate::Error;
use crate::capability::Capability;
use crate::slots::Slots;

/// Makes kernel objects, and takes them back.
pub trait Maker {
    /// Whose slots they stand in.
    type Slots: Slots;

    /// The slots, for capabilities that are not made here.
    fn slots(&mut self) -> &mut Self::Slots;

    /// Makes an object in a slot of its own. `size_bits` is the radix of a Node, the logarithm of
    /// the bytes of a Frame or Generic, else 0. If it fails, everything is as it was.
    fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error>;

    /// Destroys what `make` made, with everything derived from it.
    fn discard<T: Capability>(&mut self, object: T) -> Result<(), Error>;
}
