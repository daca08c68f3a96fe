//! Values in message words.
//!
//! The first six words of a message are in registers, the others in the IPC buffer. Reader and
//! writer hide that; where a value's place is known when it is compiled, nothing of them is left.

use core::convert::Infallible;

use a9n_abi::{Descriptor, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, Rights, Word};
use heapless::{String, Vec};

use crate::{Message, buffer};

/// A value that travels in messages. `#[derive(nun::service::Wire)]` makes it for structs of such
/// values, and for enums without fields.
///
/// Decoding is total: words that are no such value are `None`.
pub trait Wire: Sized {
    /// How many words it takes at most.
    const WORDS: usize;

    /// Writes it.
    fn put(&self, to: &mut Writer);

    /// Reads it.
    fn take(from: &mut Reader<'_>) -> Option<Self>;
}

/// Fails to compile if values of type `T` do not fit into a message.
pub const fn assert_fits<T: Wire>() {
    assert!(T::WORDS <= MESSAGE_WORDS, "this is more than a message can carry");
}

/// Fills a message, word by word.
#[derive(Debug)]
pub struct Writer {
    words: [u64; MESSAGE_REGISTERS],
    used: usize,
}

impl Writer {
    /// Nothing written yet.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self { words: [0; MESSAGE_REGISTERS], used: 0 }
    }

    /// Writes the next word. Words past the longest message are lost; types that fit have none.
    #[inline(always)]
    pub fn word(&mut self, word: u64) {
        match self.words.get_mut(self.used) {
            Some(place) => *place = word,
            None => buffer().write(self.used, word),
        }
        self.used += 1;
    }

    /// What was written, with `label`.
    #[inline(always)]
    pub(super) fn into_message(self, label: u32) -> Message {
        Message { info: MessageInfo::new(label, self.used), words: self.words }
    }
}

/// Reads a received message, word by word.
#[derive(Debug)]
pub struct Reader<'a> {
    message: &'a Message,
    next: usize,
}

impl<'a> Reader<'a> {
    /// Begins with the first word of a message just received.
    #[inline(always)]
    pub(super) const fn new(message: &'a Message) -> Self {
        Self { message, next: 0 }
    }

    /// The next word; an arbitrary one past the end, which shows later.
    #[inline(always)]
    pub fn word(&mut self) -> u64 {
        let word = match self.message.words.get(self.next) {
            Some(word) => *word,
            None => buffer().read(self.next),
        };
        self.next += 1;
        word
    }

    /// Whether the message had all the words that were read.
    #[inline(always)]
    pub(super) const fn is_complete(&self) -> bool {
        self.next <= self.message.length()
    }
}

macro_rules! words {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            const WORDS: usize = 1;

            #[inline(always)]
            fn put(&self, to: &mut Writer) {
                to.word(Word::into_word(*self));
            }

            #[inline(always)]
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                Word::from_word(from.word())
            }
        }
    )*};
}

words!(u64, Descriptor, Rights);

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            const WORDS: usize = 1;

            #[inline(always)]
            fn put(&self, to: &mut Writer) {
                to.word((*self).into());
            }

            #[inline(always)]
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                from.word().try_into().ok()
            }
        }
    )*};
}

integers!(u8, u16, u32);

impl Wire for i64 {
    const WORDS: usize = 1;

    #[inline(always)]
    fn put(&self, to: &mut Writer) {
        to.word(self.cast_unsigned());
    }

    #[inline(always)]
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(from.word().cast_signed())
    }
}

impl Wire for bool {
    const WORDS: usize = 1;

    #[inline(always)]
    fn put(&self, to: &mut Writer) {
        to.word((*self).into());
    }

    #[inline(always)]
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match from.word() {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Wire for Infallible {
    const WORDS: usize = 0;

    fn put(&self, _: &mut Writer) {
        match *self {}
    }

    fn take(_: &mut Reader<'_>) -> Option<Self> {
        None
    }
}

impl<T: Wire> Wire for Option<T> {
    const WORDS: usize = 1 + T::WORDS;

    #[inline]
    fn put(&self, to: &mut Writer) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }

    #[inline]
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*))*) => {$(
        impl<$($name: Wire),*> Wire for ($($name,)*) {
            const WORDS: usize = 0 $(+ $name::WORDS)*;

            #[inline(always)]
            fn put(&self, _to: &mut Writer) {
                $(self.$index.put(_to);)*
            }

            #[inline(always)]
            fn take(_from: &mut Reader<'_>) -> Option<Self> {
                Some(($($name::take(_from)?,)*))
            }
        }
    )*};
}

tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

/// Length, then eight bytes to a word, as many words as it needs.
impl<const N: usize> Wire for Vec<u8, N> {
    const WORDS: usize = 1 + N.div_ceil(size_of::<u64>());

    fn put(&self, to: &mut Writer) {
        put_bytes(self, to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let length = usize::try_from(from.word()).ok().filter(|length| *length <= N)?;
        let mut bytes = Self::new();
        for _ in 0..length.div_ceil(size_of::<u64>()) {
            let word = from.word().to_le_bytes();
            let rest = length - bytes.len();
            bytes.extend_from_slice(word.get(..rest).unwrap_or(&word)).ok()?;
        }
        Some(bytes)
    }
}

impl<const N: usize> Wire for String<N> {
    const WORDS: usize = <Vec<u8, N> as Wire>::WORDS;

    fn put(&self, to: &mut Writer) {
        put_bytes(self.as_bytes(), to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Self::from_utf8(Wire::take(from)?).ok()
    }
}

fn put_bytes(bytes: &[u8], to: &mut Writer) {
    to.word(bytes.len() as u64);
    for chunk in bytes.chunks(size_of::<u64>()) {
        to.word(chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }
}
