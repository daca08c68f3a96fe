//! I/O ports.

use core::marker::PhantomData;

use nun::{Error, IoPort};

/// A value that an I/O port holds.
pub trait PortWord: Copy {
    /// Its width.
    const BITS: u64;

    /// It in a message word.
    fn into_word(self) -> u64;

    /// The lowest bits of a message word.
    fn from_word(word: u64) -> Self;
}

macro_rules! port_word {
    ($($word:ident)*) => {
        $(impl PortWord for $word {
            const BITS: u64 = Self::BITS as u64;

            fn into_word(self) -> u64 {
                self.into()
            }

            fn from_word(word: u64) -> Self {
                word as Self
            }
        })*
    };
}

port_word!(u8 u16 u32);

/// One I/O port of 8, 16 or 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Port<T> {
    range: IoPort,
    number: u16,
    width: PhantomData<T>,
}

impl<T: PortWord> Port<T> {
    /// Port `number`, reached through the capability `range`, which holds it.
    pub const fn new(range: IoPort, number: u16) -> Self {
        Self { range, number, width: PhantomData }
    }

    /// Reads it.
    pub fn read(&self) -> Result<T, Error> {
        self.range.read(self.number.into(), T::BITS).map(T::from_word)
    }

    /// Writes it.
    pub fn write(&self, value: T) -> Result<(), Error> {
        self.range.write(self.number.into(), T::BITS, value.into_word())
    }
}
