//! Things by number: no references between them, so that one lock guards all and nothing is counted twice.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};

/// Number of a `T` in its [`Arena`]. It may be used again when that was removed.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The number with this value.
    pub const fn new(value: u32) -> Self {
        Self(value, PhantomData)
    }

    /// Its value.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Things, by number.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Arena<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Adds a thing.
    pub fn insert(&mut self, thing: T) -> Id<T> {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(thing);
            return Id::new(index);
        }
        self.slots.push(Some(thing));
        Id::new(self.slots.len() as u32 - 1)
    }

    /// Removes a thing that is there.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let thing = self.slots.get_mut(id.0 as usize)?.take()?;
        self.free.push(id.0);
        Some(thing)
    }

    /// The thing with this number, if there is one.
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The numbers that are in use.
    pub fn ids(&self) -> impl Iterator<Item = Id<T>> + '_ {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        used.map(|(index, _)| Id::new(index as u32))
    }
}

/// Who has a number holds what it stands for, so it is there: else the books are wrong.
impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;

    fn index(&self, id: Id<T>) -> &T {
        self.slots[id.0 as usize].as_ref().expect("the number is held")
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        self.slots[id.0 as usize].as_mut().expect("the number is held")
    }
}
