//! Lists of records by a small number, their key: which are free of a size, which block has a slot. They
//! are linked through arrays beside the records, so every operation but a look along one list is O(1).
//! Lists that have no record in common share their links.

/// No record.
const NONE: u16 = u16::MAX;

/// Where `HEADS` lists begin: that of a key is its remainder.
#[derive(Clone, Debug)]
pub struct Heads<const HEADS: usize>([u16; HEADS]);

impl<const HEADS: usize> Heads<HEADS> {
    /// All of them empty.
    pub const fn new() -> Self {
        Self([NONE; HEADS])
    }
}

/// How `RECORDS` records follow one another.
#[derive(Clone, Debug)]
pub struct Links<const RECORDS: usize> {
    next: [u16; RECORDS],
    /// The one before, if there is one.
    previous: [u16; RECORDS],
}

impl<const RECORDS: usize> Links<RECORDS> {
    /// Of records that are in no list.
    pub const fn new() -> Self {
        const { assert!(RECORDS <= NONE as usize, "records are numbered in 16 bits") }
        Self { next: [NONE; RECORDS], previous: [NONE; RECORDS] }
    }

    /// Puts `record`, which is in no list, in front of that of `key`.
    pub const fn insert<const HEADS: usize>(
        &mut self,
        heads: &mut Heads<HEADS>,
        key: usize,
        record: usize,
    ) {
        let first = &mut heads.0[key % HEADS];
        if *first != NONE {
            self.previous[*first as usize] = record as u16;
        }
        self.next[record] = *first;
        self.previous[record] = NONE;
        *first = record as u16;
    }

    /// Takes `record` out of the list of `key`, which it is in.
    pub const fn remove<const HEADS: usize>(
        &mut self,
        heads: &mut Heads<HEADS>,
        key: usize,
        record: usize,
    ) {
        let (previous, next) = (self.previous[record], self.next[record]);
        match previous {
            NONE => heads.0[key % HEADS] = next,
            previous => self.next[previous as usize] = next,
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    /// The records in the list of `key`.
    pub fn of<const HEADS: usize>(
        &self,
        heads: &Heads<HEADS>,
        key: usize,
    ) -> impl Iterator<Item = usize> {
        let is_one = |record: &u16| *record != NONE;
        let first = Some(heads.0[key % HEADS]).filter(is_one);
        let all = core::iter::successors(first, move |record| {
            Some(self.next[usize::from(*record)]).filter(is_one)
        });
        all.map(usize::from)
    }
}
