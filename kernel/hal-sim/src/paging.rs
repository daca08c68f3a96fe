//! Page tables of the simulated machine: four levels of 512 words, as on real ones, in an encoding
//! of its own.

use std::ops::Range;

use a9n_hal::{
    Access, CpuSet, PageSize, Paging, PagingError, Passed, PhysicalAddress, Run, Stretch,
    UserAddress,
};

use crate::SimMachine;

const PRESENT: u64 = 1;
const LEAF: u64 = 2;
const ACCESS_SHIFT: u32 = 2;
const ACCESS_MASK: u64 = 7 << ACCESS_SHIFT;
const ADDRESS_MASK: u64 = !0xfff;
const WORDS: u64 = 512;
/// Entries that are passed over together if none is used.
const BLOCK: u64 = 32;

/// Level of the entries in the root.
const ROOT_LEVEL: u32 = 3;

/// What an address space's tables hold.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    /// Tables below the root.
    pub tables: Vec<PhysicalAddress>,
    /// Pages: where, what, how many bytes, and how.
    pub pages: Vec<(UserAddress, PhysicalAddress, u64, Access)>,
}

/// What an entry at `level` maps if it is a leaf.
fn size_at(level: u32) -> Option<PageSize> {
    [PageSize::Small, PageSize::Large, PageSize::Huge].get(level as usize).copied()
}

/// How a walk towards an address ended.
enum Walk {
    /// At an empty entry of `level`.
    Empty { entry: PhysicalAddress, level: u32 },
    /// At a leaf of `level`.
    Leaf { entry: PhysicalAddress, level: u32 },
    /// At a table entry of the level that was asked for.
    Table { entry: PhysicalAddress },
}

impl SimMachine {
    /// Walks towards `address` down to `lowest`.
    fn walk(&self, root: PhysicalAddress, address: UserAddress, lowest: u32) -> Walk {
        let mut table = root;
        let mut level = ROOT_LEVEL;
        loop {
            let index = (address.0 >> (12 + 9 * level)) % WORDS;
            let entry = table.offset(index * 8);
            let word = self.memory.word(entry);
            if word & PRESENT == 0 {
                return Walk::Empty { entry, level };
            }
            if word & LEAF != 0 {
                return Walk::Leaf { entry, level };
            }
            if level == lowest {
                return Walk::Table { entry };
            }
            table = PhysicalAddress(word & ADDRESS_MASK);
            level -= 1;
        }
    }

    /// Maps one page of `size`.
    fn map_page(&self, root: PhysicalAddress, run: Run, size: PageSize) -> Result<(), PagingError> {
        let lowest = size as u32;
        match self.walk(root, run.stretch.address, lowest) {
            Walk::Empty { entry, level } if level == lowest => {
                let word = run.page.0 | PRESENT | LEAF | (run.access.bits() << ACCESS_SHIFT);
                self.memory.set_word(entry, word);
                Ok(())
            }
            Walk::Empty { level, .. } => {
                Err(PagingError::MissingTable(size_at(level - 1).unwrap_or(PageSize::Huge)))
            }
            _ => Err(PagingError::Occupied),
        }
    }

    /// Gives the page at `stretch`, if it lies in `frame`, the entry that `new` makes of its own.
    fn change(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        new: impl Fn(u64) -> u64,
    ) -> Passed {
        let (entry, level, mapped) = match self.walk(root, stretch.address, 0) {
            Walk::Leaf { entry, level } => (entry, level, true),
            Walk::Empty { entry, level } => (entry, level, false),
            Walk::Table { entry } => (entry, 0, false),
        };
        let word = self.memory.word(entry);
        let changed = mapped && frame.contains(&PhysicalAddress(word & ADDRESS_MASK));
        if changed {
            self.memory.set_word(entry, new(word));
        }
        let block = 1 << (9 * level);
        let pages = block - (stretch.address.0 >> 12) % block;
        Passed { pages, entries: 1, changed }
    }

    /// Everything below `root`, for tests.
    pub fn mappings(&self, root: PhysicalAddress) -> Mappings {
        let mut found = Mappings::default();
        self.collect(root, 0, ROOT_LEVEL, &mut found);
        found
    }

    fn collect(&self, table: PhysicalAddress, start: u64, level: u32, found: &mut Mappings) {
        let used = |index: &u64| {
            let block = table.0 + index * 8;
            !self.memory.is_zero(block, block + BLOCK * 8)
        };
        let blocks = (0..WORDS).step_by(BLOCK as usize).filter(used);
        for index in blocks.flat_map(|block| block..block + BLOCK) {
            let word = self.memory.word(table.offset(index * 8));
            let address = start | index << (12 + 9 * level);
            let target = PhysicalAddress(word & ADDRESS_MASK);
            if word & PRESENT == 0 {
                assert_eq!(word, 0, "rubbish in a page table");
            } else if word & LEAF != 0 {
                let bytes = size_at(level).expect("no pages above huge ones").bytes();
                let access = Access::from_bits_truncate((word & ACCESS_MASK) >> ACCESS_SHIFT);
                found.pages.push((UserAddress(address), target, bytes, access));
            } else {
                assert!(level > 0, "a table below the lowest level");
                found.tables.push(target);
                self.collect(target, address, level - 1, found);
            }
        }
    }

    fn clear_table(&self, table: PhysicalAddress) {
        for place in (0..WORDS).map(|number| table.offset(number * 8)) {
            if self.memory.word(place) != 0 {
                self.memory.set_word(place, 0);
            }
        }
    }
}

impl Paging for SimMachine {
    const USER_END: UserAddress = UserAddress(0x7fff_ffff_f000);

    fn prepare_root(&self, root: PhysicalAddress) {
        for i in 0..WORDS {
            assert_eq!(self.memory.word(root.offset(i * 8)), 0, "root table not cleared");
        }
    }

    fn install_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        table: PhysicalAddress,
    ) -> Result<PageSize, PagingError> {
        for i in 0..WORDS {
            assert_eq!(self.memory.word(table.offset(i * 8)), 0, "table not cleared");
        }
        match self.walk(root, address, 1) {
            Walk::Empty { entry, level } => {
                let size = size_at(level - 1).expect("the root is above huge pages");
                self.memory.set_word(entry, table.0 | PRESENT);
                Ok(size)
            }
            _ => Err(PagingError::Occupied),
        }
    }

    fn remove_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        entries: PageSize,
        table: PhysicalAddress,
    ) {
        let level = match entries {
            PageSize::Small => 1,
            PageSize::Large => 2,
            PageSize::Huge => 3,
        };
        if let Walk::Table { entry } = self.walk(root, address, level)
            && self.memory.word(entry) & ADDRESS_MASK == table.0
        {
            self.memory.set_word(entry, 0);
        }
        self.clear_table(table);
    }

    /// One entry at a time, whatever the limit is: the kernel may rely on no more than one.
    fn map(&self, root: PhysicalAddress, run: Run, entries: u64) -> Result<Passed, PagingError> {
        let Run { stretch: Stretch { address, pages }, page, access, .. } = run;
        assert!(entries > 0 && pages > 0 && address < Self::USER_END);
        assert!(!access.contains(Access::WRITE | Access::EXECUTE), "W^X");
        assert_eq!((address.0 | page.0) % PageSize::Small.bytes(), 0, "misaligned page");
        let fits = |size: &PageSize| {
            (address.0 | page.0).is_multiple_of(size.bytes()) && pages >= size.bytes() >> 12
        };
        let mut result = Err(PagingError::Unsupported);
        for size in [PageSize::Huge, PageSize::Large, PageSize::Small].into_iter().filter(fits) {
            result = self.map_page(root, run, size);
            if result.is_ok() {
                return Ok(Passed { pages: size.bytes() >> 12, entries: 1, changed: false });
            }
        }
        Err(result.expect_err("no size would do"))
    }

    fn unmap(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
    ) -> Passed {
        assert!(entries > 0 && stretch.pages > 0);
        self.change(root, stretch, frame, |_| 0)
    }

    fn protect(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
        access: Access,
    ) -> Passed {
        assert!(entries > 0 && stretch.pages > 0);
        let access = access.bits() << ACCESS_SHIFT;
        self.change(root, stretch, frame, |word| (word & !ACCESS_MASK) | access)
    }

    fn translate(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
    ) -> Option<(PhysicalAddress, Access)> {
        let Walk::Leaf { entry, level } = self.walk(root, address, 0) else { return None };
        let word = self.memory.word(entry);
        let offset = address.0 % size_at(level)?.bytes();
        let access = Access::from_bits_truncate((word & ACCESS_MASK) >> ACCESS_SHIFT);
        Some((PhysicalAddress((word & ADDRESS_MASK) + offset), access))
    }

    fn flush(&self, root: PhysicalAddress, cpus: CpuSet, stretch: Option<Stretch>) {
        let mut state = self.state.borrow_mut();
        state.flushes += 1;
        state.translations.forget(cpus, root, stretch);
    }

    fn retire(&self, root: PhysicalAddress, cpus: CpuSet) {
        self.state.borrow_mut().translations.forget(cpus, root, None);
    }
}
