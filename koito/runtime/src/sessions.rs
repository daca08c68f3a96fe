//! The sessions of a terminal, for its drivers: whose is whose, and what was typed to each.

use core::cell::Cell;

use nun::heapless::Deque;
use nun::service::{Caller, Epoch};

use crate::environment::Environment;
use crate::services::Keys;

/// Bytes of keys that a session keeps; further ones are lost.
const TYPED_BYTES: usize = 4096;

/// Where the epoch stands in the number of a key: no driver lives to see more keys.
const EPOCH_SHIFT: u32 = 40;

/// A session of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// That of the system's own shell, and of all who have no other.
    #[default]
    System,
    /// That of those whom the driver's arguments name.
    Login,
}

impl Session {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::System => Self::Login,
            Self::Login => Self::System,
        }
    }
}

/// Whose session is whose.
#[derive(Debug)]
pub struct Sessions<'a>(&'a Environment);

impl<'a> Sessions<'a> {
    /// As the driver's arguments say: names of components that have the second session.
    pub const fn new(environment: &'a Environment) -> Self {
        Self(environment)
    }

    /// That of a caller.
    pub fn of(&self, caller: Caller) -> Session {
        let named = self.0.client(caller.client).is_some_and(|name| {
            self.0.arguments.split_whitespace().any(|argument| argument == name.as_str())
        });
        if named { Session::Login } else { Session::System }
    }
}

/// What was typed to a session, until somebody has taken it.
#[derive(Debug)]
pub struct Typed {
    keys: Deque<u8, TYPED_BYTES>,
    /// Number of the first of them.
    first: u64,
    /// Readings that began: only the last one waits.
    readings: Cell<u64>,
}

impl Typed {
    /// Nothing was typed. Each `epoch` of a driver has its own numbers, which begin above 0.
    pub const fn new(epoch: Epoch) -> Self {
        Self { keys: Deque::new(), first: (epoch as u64) << EPOCH_SHIFT, readings: Cell::new(0) }
    }

    /// A key, or what a sequence of several bytes sends: all of it, or nothing where there is no room.
    pub fn add(&mut self, bytes: &[u8]) {
        if self.keys.len() + bytes.len() <= TYPED_BYTES {
            self.keys.extend(bytes.iter().copied());
        }
    }

    /// The keys that there are from number `taken` on; those before it are forgotten. A number that was never
    /// told, by this driver or to this reader, takes nothing.
    pub fn look(&mut self, taken: u64) -> Keys {
        let told = self.first + self.keys.len() as u64;
        while self.first < taken && taken <= told {
            self.keys.pop_front();
            self.first += 1;
        }
        let mut keys = Keys { first: self.first, ..Keys::default() };
        for key in &self.keys {
            if keys.bytes.push(*key).is_err() {
                break;
            }
        }
        keys
    }

    /// Somebody begins to wait for keys: the number of this reading.
    pub fn begin(&self) -> u64 {
        self.readings.set(self.readings.get() + 1);
        self.readings.get()
    }

    /// What ends a reading: keys, or a later one.
    pub fn answer(&mut self, reading: u64, taken: u64) -> Option<Keys> {
        if reading != self.readings.get() {
            return Some(Keys::default());
        }
        let keys = self.look(taken);
        (!keys.bytes.is_empty()).then_some(keys)
    }

    /// Moves what was typed since key `taken` behind what was typed to another session.
    pub fn hand_over(&mut self, taken: u64, to: &mut Self) {
        self.look(taken);
        while let Some(key) = self.keys.pop_front() {
            self.first += 1;
            to.add(&[key]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_until_they_are_taken() {
        let mut typed = Typed::new(1);
        typed.add(b"abc");
        let keys = typed.look(0);
        assert_eq!((keys.first, keys.bytes.as_slice()), (1 << EPOCH_SHIFT, &b"abc"[..]));
        assert_eq!(typed.look(0), keys, "who begins anew gets what nobody took");
        typed.add(b"d");
        let rest = typed.look(keys.end());
        assert_eq!((rest.first, rest.bytes.as_slice()), (keys.end(), &b"d"[..]));
        assert_eq!(
            typed.look(2 << EPOCH_SHIFT),
            rest,
            "a number of another driver's takes nothing"
        );
    }

    #[test]
    fn the_last_who_reads_gets_the_keys() {
        let mut typed = Typed::new(1);
        let (dead, living) = (typed.begin(), typed.begin());
        assert_eq!(typed.answer(dead, 0), Some(Keys::default()));
        assert_eq!(typed.answer(living, 0), None);
        typed.add(b"x");
        assert_eq!(typed.answer(living, 0).unwrap().bytes, b"x");
    }

    #[test]
    fn what_was_typed_behind_a_key_goes_along() {
        let (mut from, mut to) = (Typed::new(1), Typed::new(1));
        from.add(b"ab\x1dcd");
        to.add(b"x");
        from.hand_over((1 << EPOCH_SHIFT) + 3, &mut to);
        assert_eq!(to.look(0).bytes, b"xcd");
        assert!(from.look(0).bytes.is_empty());
    }

    #[test]
    fn a_sequence_comes_whole_or_not_at_all() {
        let mut typed = Typed::new(1);
        (0..TYPED_BYTES - 1).for_each(|_| typed.add(b"."));
        typed.add(b"\x1b[A");
        typed.add(b"!");
        let mut last = None;
        let mut taken = 0;
        loop {
            let keys = typed.look(taken);
            let Some(key) = keys.bytes.last() else { break };
            (last, taken) = (Some(*key), keys.end());
        }
        assert_eq!(last, Some(b'!'));
    }
}
