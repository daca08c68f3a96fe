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
pub struct Arena<T>(Vec<Option<T>>);

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Arena<T> {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Enters a value under the lowest free number.
    pub fn add(&mut self, value: T) -> Key<T> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        let key = Key::new(free as u32);
        self.set(key, value);
        key
    }

    /// Enters a value under `key`, in place of what is there.
    pub fn set(&mut self, key: Key<T>, value: T) {
        let index = key.0 as usize;
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(value);
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        self.0.get(key.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.0.get_mut(key.0 as usize)?.as_mut()
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        self.0.get_mut(key.0 as usize)?.take()
    }

    /// All values, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        let values = self.0.iter().enumerate();
        values.filter_map(|(index, value)| Some((Key::new(index as u32), value.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key<T>, &mut T)> {
        let values = self.0.iter_mut().enumerate();
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
        assert_eq!((arena.add("f").number(), arena.iter().count()), (3, 5));
    }
}
