//! Lists of records by a small number, their key: which are free of a size, which block has a slot. They
//! are linked through arrays beside the records, so every operation but a look along one list is O(1).

/// No record.
const NONE: u16 = u16::MAX;

/// Records in `HEADS` lists: that of a key is its remainder.
#[derive(Clone, Debug)]
pub struct Lists<const RECORDS: usize, const HEADS: usize> {
    first: [u16; HEADS],
    next: [u16; RECORDS],
    /// The one before, if there is one.
    previous: [u16; RECORDS],
}

impl<const RECORDS: usize, const HEADS: usize> Lists<RECORDS, HEADS> {
    /// All of them empty.
    pub const fn new() -> Self {
        const { assert!(RECORDS <= NONE as usize, "records are numbered in 16 bits") }
        Self { first: [NONE; HEADS], next: [NONE; RECORDS], previous: [NONE; RECORDS] }
    }

    /// Puts `record`, which is in none of them, in front of the list of `key`.
    pub const fn insert(&mut self, key: usize, record: usize) {
        let second = self.first[key % HEADS];
        if second != NONE {
            self.previous[second as usize] = record as u16;
        }
        self.first[key % HEADS] = record as u16;
        self.next[record] = second;
        self.previous[record] = NONE;
    }

    /// Takes `record` out of the list of `key`, which it is in.
    pub const fn remove(&mut self, key: usize, record: usize) {
        let (previous, next) = (self.previous[record], self.next[record]);
        match previous {
            NONE => self.first[key % HEADS] = next,
            previous => self.next[previous as usize] = next,
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    /// The records in the list of `key`.
    pub fn of(&self, key: usize) -> impl Iterator<Item = usize> {
        let is_one = |record: &u16| *record != NONE;
        let first = Some(self.first[key % HEADS]).filter(is_one);
        let all = core::iter::successors(first, move |record| {
            Some(self.next[usize::from(*record)]).filter(is_one)
        });
        all.map(usize::from)
    }
}
