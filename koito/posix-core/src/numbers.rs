//! Who has which number, and who belongs to whom: found without a search, however many there are.
//!
//! Processes and threads share their numbers. A number is free when no process, thread, group or session has
//! it. Children of a process and members of a group are rings through a table with a line for each number.

use alloc::vec::Vec;

use crate::Key;

/// The highest number.
const MOST: u32 = 32_767;
/// Nobody: no process has this number.
const NONE: u16 = 0;

/// Parent, group and session of a process; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kin {
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Keys, and one: of the process with this number, and of the thread.
    process: u16,
    thread: u16,
    /// The oldest child of the process, and the oldest member of the group with this number.
    first: [u16; 2],
    /// The neighbours of the process among its siblings, and in its group.
    next: [u16; 2],
    previous: [u16; 2],
    /// Processes of the session with this number.
    of_session: u16,
}

/// Which ring.
#[derive(Clone, Copy)]
enum Ring {
    Children,
    Members,
}

/// All numbers: those of `P`s, processes, and of `T`s, threads.
#[derive(Clone, Debug)]
pub struct Numbers<P, T> {
    lines: Vec<Line>,
    last: u32,
    kinds: core::marker::PhantomData<fn() -> (P, T)>,
}

impl<P, T> Default for Numbers<P, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P, T> Numbers<P, T> {
    /// One in which nobody is.
    pub const fn new() -> Self {
        Self { lines: Vec::new(), last: 0, kinds: core::marker::PhantomData }
    }

    /// A number that nobody has, and that was not given out lately; `None` if there is none.
    pub fn free_number(&mut self) -> Option<u32> {
        for _ in 0..MOST {
            self.last = self.last % MOST + 1;
            let line = self.line(self.last);
            if line.process == 0
                && line.thread == 0
                && line.first[1] == NONE
                && line.of_session == 0
            {
                return Some(self.last);
            }
        }
        None
    }

    /// The number that was given out last.
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// A process begins.
    pub fn add_process(&mut self, number: u32, process: Key<P>, kin: Kin) {
        self.line_mut(number).process = process.number() as u16 + 1;
        self.enter(Ring::Children, kin.parent, number);
        self.enter(Ring::Members, kin.group, number);
        self.line_mut(kin.session).of_session += 1;
    }

    /// A process is no more; `kin` is what it last had.
    pub fn remove_process(&mut self, number: u32, kin: Kin) {
        self.line_mut(number).process = 0;
        self.leave(Ring::Children, kin.parent, number);
        self.leave(Ring::Members, kin.group, number);
        self.line_mut(kin.session).of_session -= 1;
    }

    /// A process has other kin than before.
    pub fn change(&mut self, number: u32, from: Kin, to: Kin) {
        if from.parent != to.parent {
            self.leave(Ring::Children, from.parent, number);
            self.enter(Ring::Children, to.parent, number);
        }
        if from.group != to.group {
            self.leave(Ring::Members, from.group, number);
            self.enter(Ring::Members, to.group, number);
        }
        self.line_mut(from.session).of_session -= 1;
        self.line_mut(to.session).of_session += 1;
    }

    /// A thread has a number from now on.
    pub fn add_thread(&mut self, number: u32, thread: Key<T>) {
        self.line_mut(number).thread = thread.number() as u16 + 1;
    }

    /// It has not any more.
    pub fn remove_thread(&mut self, number: u32) {
        self.line_mut(number).thread = 0;
    }

    /// The process with a number.
    pub fn process(&self, number: u32) -> Option<Key<P>> {
        self.line(number).process.checked_sub(1).map(|key| Key::new(key.into()))
    }

    /// The lowest number of a process from `from` on.
    pub fn next_process(&self, from: u32) -> Option<u32> {
        let lines = self.lines.iter().enumerate().skip(from as usize);
        lines.filter(|(_, line)| line.process != 0).map(|(number, _)| number as u32).next()
    }

    /// The thread with a number.
    pub fn thread(&self, number: u32) -> Option<Key<T>> {
        self.line(number).thread.checked_sub(1).map(|key| Key::new(key.into()))
    }

    /// The children of a process, the oldest first.
    pub fn children(&self, number: u32) -> impl Iterator<Item = Key<P>> {
        self.ring(Ring::Children, number)
    }

    /// The members of a group, the oldest first.
    pub fn members(&self, group: u32) -> impl Iterator<Item = Key<P>> {
        self.ring(Ring::Members, group)
    }

    /// How many processes a session has.
    pub fn of_session(&self, session: u32) -> usize {
        self.line(session).of_session.into()
    }

    fn line(&self, number: u32) -> Line {
        self.lines.get(number as usize).copied().unwrap_or_default()
    }

    fn line_mut(&mut self, number: u32) -> &mut Line {
        let number = number as usize;
        if number >= self.lines.len() {
            self.lines.resize(number + 1, Line::default());
        }
        &mut self.lines[number]
    }

    fn ring(&self, ring: Ring, head: u32) -> impl Iterator<Item = Key<P>> {
        let first = self.line(head).first[ring as usize];
        let mut next = first;
        core::iter::from_fn(move || {
            let number = u32::from(next);
            let key = self.process(number).filter(|_| next != NONE)?;
            next = self.line(number).next[ring as usize];
            if next == first {
                next = NONE;
            }
            Some(key)
        })
    }

    /// Puts a process at the end of a ring. Nobody is in that of nobody.
    fn enter(&mut self, ring: Ring, head: u32, number: u32) {
        if head == 0 {
            return;
        }
        let (at, number) = (ring as usize, number as u16);
        let first = self.line_mut(head).first[at];
        if first == NONE {
            self.line_mut(head).first[at] = number;
            let line = self.line_mut(number.into());
            (line.next[at], line.previous[at]) = (number, number);
            return;
        }
        let last = core::mem::replace(&mut self.line_mut(first.into()).previous[at], number);
        self.line_mut(last.into()).next[at] = number;
        let line = self.line_mut(number.into());
        (line.next[at], line.previous[at]) = (first, last);
    }

    fn leave(&mut self, ring: Ring, head: u32, number: u32) {
        if head == 0 {
            return;
        }
        let (at, number) = (ring as usize, number as u16);
        let line = self.line(number.into());
        let (next, previous) = (line.next[at], line.previous[at]);
        self.line_mut(next.into()).previous[at] = previous;
        self.line_mut(previous.into()).next[at] = next;
        let first = &mut self.line_mut(head).first[at];
        if *first == number {
            *first = if next == number { NONE } else { next };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Begin(Kin),
        Thread,
        Change(usize, Kin),
        End(usize),
    }

    fn kin() -> impl Strategy<Value = Kin> {
        (0..6_u32, 1..5_u32, 1..4_u32).prop_map(|(parent, group, session)| Kin {
            parent,
            group,
            session,
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            kin().prop_map(Step::Begin),
            Just(Step::Thread),
            (any::<usize>(), kin()).prop_map(|(which, kin)| Step::Change(which, kin)),
            any::<usize>().prop_map(Step::End),
        ]
    }

    /// Numbers of those in a model of whom something holds, the oldest first.
    fn of(model: &[(u32, Key<()>, Kin)], holds: impl Fn(&Kin) -> bool) -> Vec<Key<()>> {
        model.iter().filter(|(.., kin)| holds(kin)).map(|(_, key, _)| *key).collect()
    }

    fn sorted(keys: impl Iterator<Item = Key<()>>) -> Vec<Key<()>> {
        let mut keys: Vec<_> = keys.collect();
        keys.sort();
        keys
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What it finds is what a search through a list finds.
        #[test]
        fn it_knows_who_belongs_to_whom(steps in prop::collection::vec(step(), 1..60)) {
            let mut numbers = Numbers::<(), u8>::new();
            let mut model: Vec<(u32, Key<()>, Kin)> = Vec::new();
            let mut threads = BTreeMap::new();
            for (count, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Begin(kin) => {
                        let number = numbers.free_number().unwrap();
                        let taken = model.iter().any(|(it, _, kin)| {
                            [*it, kin.group, kin.session].contains(&number)
                        });
                        prop_assert!(!taken && !threads.contains_key(&number));
                        numbers.add_process(number, Key::new(count as u32), kin);
                        model.push((number, Key::new(count as u32), kin));
                    }
                    Step::Thread => {
                        let number = numbers.free_number().unwrap();
                        numbers.add_thread(number, Key::new(count as u32));
                        threads.insert(number, Key::<u8>::new(count as u32));
                    }
                    Step::Change(which, kin) if !model.is_empty() => {
                        let which = which % model.len();
                        let (number, key, before) = model.remove(which);
                        numbers.change(number, before, kin);
                        model.insert(which, (number, key, kin));
                    }
                    Step::End(which) if !model.is_empty() => {
                        let (number, _, kin) = model.remove(which % model.len());
                        numbers.remove_process(number, kin);
                        prop_assert_eq!(numbers.process(number), None);
                    }
                    _ => {}
                }
                for number in 1..8 {
                    let known = model.iter().find(|it| it.0 == number).map(|it| it.1);
                    prop_assert_eq!(numbers.process(number), known);
                    prop_assert_eq!(numbers.thread(number), threads.get(&number).copied());
                    prop_assert_eq!(sorted(numbers.children(number)), of(&model, |kin| kin.parent == number));
                    prop_assert_eq!(sorted(numbers.members(number)), of(&model, |kin| kin.group == number));
                    let next = model.iter().map(|it| it.0).filter(|it| *it >= number).min();
                    prop_assert_eq!(numbers.next_process(number), next);
                    let of_session = of(&model, |kin| kin.session == number).len();
                    prop_assert_eq!(numbers.of_session(number), of_session);
                }
            }
        }
    }

    #[test]
    fn the_oldest_comes_first_and_numbers_come_round() {
        let mut numbers = Numbers::<(), ()>::new();
        let kin = Kin { parent: 1, group: 1, session: 1 };
        for number in 1..=3 {
            assert_eq!(numbers.free_number(), Some(number));
            numbers.add_process(number, Key::new(number), kin);
        }
        numbers.remove_process(1, kin);
        let children: Vec<u32> = numbers.children(1).map(Key::number).collect();
        assert_eq!(children, [2, 3]);
        numbers.last = MOST - 1;
        assert_eq!(numbers.free_number(), Some(MOST));
        assert_eq!(numbers.free_number(), Some(4), "1 is a group's, 2 and 3 are processes'");
    }
}
