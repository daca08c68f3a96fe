//! Things with numbers: an arena hands out the lowest free one.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

/// The number of a `T` in its [`Arena`].
pub struct Key<T>(u32, PhantomData<fn() -> T>);

impl<T> Key<T> {
    /// The key with this number.
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self(number, PhantomData)
    }

    /// Its number.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl<T> Clone for Key<T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Values by number.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    values: Vec<Option<T>>,
    /// A bit for each that is there.
    there: Vec<u64>,
    count: usize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Arena<T> {
    /// None.
    pub const fn new() -> Self {
        Self { values: Vec::new(), there: Vec::new(), count: 0 }
    }

    /// None, with room for `count`: so many are added without another allocation.
    pub fn with_room(count: usize) -> Self {
        let there = Vec::with_capacity(count.div_ceil(64));
        Self { values: Vec::with_capacity(count), there, count: 0 }
    }

    /// Enters a value under the lowest free number.
    pub fn add(&mut self, value: T) -> Key<T> {
        // Sixty-four at a time.
        let words = self.there.iter().map(|word| word.trailing_ones()).enumerate();
        let free = words.map(|(index, ones)| (index as u32 * u64::BITS, ones));
        let mut free = free.filter(|(_, ones)| *ones < u64::BITS);
        let next = self.there.len() as u32 * u64::BITS;
        let key = Key::new(free.next().map_or(next, |(first, ones)| first + ones));
        drop(free);
        self.set(key, value);
        key
    }

    /// Enters a value under `key`, in place of what is there.
    pub fn set(&mut self, key: Key<T>, value: T) {
        let index = key.0 as usize;
        if index >= self.values.len() {
            self.values.resize_with(index + 1, || None);
            self.there.resize(index / 64 + 1, 0);
        }
        self.there[index / 64] |= 1 << (index % 64);
        self.count += usize::from(self.values[index].replace(value).is_none());
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        self.values.get(key.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.values.get_mut(key.0 as usize)?.as_mut()
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        let index = key.0 as usize;
        let value = self.values.get_mut(index)?.take()?;
        self.there[index / 64] &= !(1 << (index % 64));
        self.count -= 1;
        Some(value)
    }

    /// All values, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        let values = self.values.iter().enumerate();
        values.filter_map(|(index, value)| Some((Key::new(index as u32), value.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key<T>, &mut T)> {
        let values = self.values.iter_mut().enumerate();
        values.filter_map(|(index, value)| Some((Key::new(index as u32), value.as_mut()?)))
    }
}

/// What is surely there: a key is kept only as long as its value.
impl<T> core::ops::Index<Key<T>> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, key: Key<T>) -> &T {
        self.get(key).expect("a key lives as long as its value")
    }
}

impl<T> core::ops::IndexMut<Key<T>> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        self.get_mut(key).expect("a key lives as long as its value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_the_lowest_first() {
        let mut arena = Arena::new();
        let keys = ["a", "b", "c"].map(|name| arena.add(name));
        assert_eq!(keys.map(Key::number), [0, 1, 2]);
        assert_eq!((arena.remove(keys[1]), arena.get(keys[1])), (Some("b"), None));
        assert_eq!(arena.remove(keys[1]), None);
        assert_eq!(arena.add("d").number(), 1);
        arena.set(Key::new(5), "e");
        assert_eq!((arena.add("f").number(), arena.iter().count(), arena.len()), (3, 5, 5));
        for number in [4, 6, 7] {
            assert_eq!(arena.add("g").number(), number);
        }
        arena.set(Key::new(130), "h");
        assert_eq!((arena.add("i").number(), arena.len()), (8, 10));
    }
}
