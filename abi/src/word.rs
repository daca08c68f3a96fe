//! Values that travel in one machine word.

use crate::{Access, Descriptor, MemoryType, ObjectType, Rights};

/// A value that fits one message word. Decoding is total: a word that is no such value is
/// `None`, never a guess.
pub trait Word: Sized {
    /// Name of the type in the interface reference.
    const NAME: &'static str;

    /// The value in `word`.
    fn from_word(word: u64) -> Option<Self>;

    /// The word for this value; [`from_word`](Word::from_word) gives it back.
    fn into_word(self) -> u64;
}

impl Word for u64 {
    const NAME: &'static str = "u64";

    fn from_word(word: u64) -> Option<Self> {
        Some(word)
    }

    fn into_word(self) -> u64 {
        self
    }
}

impl Word for Descriptor {
    const NAME: &'static str = "Descriptor";

    fn from_word(word: u64) -> Option<Self> {
        Some(Self(word))
    }

    fn into_word(self) -> u64 {
        self.0
    }
}

impl Word for Rights {
    const NAME: &'static str = "Rights";

    fn from_word(word: u64) -> Option<Self> {
        Self::from_bits(u8::try_from(word).ok()?)
    }

    fn into_word(self) -> u64 {
        u64::from(self.bits())
    }
}

impl Word for Access {
    const NAME: &'static str = "Access";

    fn from_word(word: u64) -> Option<Self> {
        let access = Self::from_bits(word)?;
        (!access.contains(Self::WRITE | Self::EXECUTE)).then_some(access)
    }

    fn into_word(self) -> u64 {
        self.bits()
    }
}

impl Word for MemoryType {
    const NAME: &'static str = "MemoryType";

    fn from_word(word: u64) -> Option<Self> {
        Self::from_number(word)
    }

    fn into_word(self) -> u64 {
        self as u64
    }
}

impl Word for ObjectType {
    const NAME: &'static str = "ObjectType";

    fn from_word(word: u64) -> Option<Self> {
        Self::from_number(u8::try_from(word).ok()?)
    }

    fn into_word(self) -> u64 {
        self as u64
    }
}
