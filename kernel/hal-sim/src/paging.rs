//! Page tables of the simulated machine: four levels of 512 words, as on real ones, in an encoding
//! of its own.

use a9n_hal::{Access, MemoryType, PageSize, Paging, PagingError, PhysicalAddress, UserAddress};

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

    /// The entry of the page at `address`, if it lies in physical `[start, end)`; otherwise the
    /// logarithm of the size of the block without such a page.
    fn page_within(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
    ) -> Result<(PhysicalAddress, PageSize), u32> {
        let (entry, level, mapped) = match self.walk(root, address, 0) {
            Walk::Leaf { entry, level } => (entry, level, true),
            Walk::Empty { entry, level } => (entry, level, false),
            Walk::Table { entry } => (entry, 0, false),
        };
        let page = self.memory.word(entry) & ADDRESS_MASK;
        match size_at(level) {
            Some(size) if mapped && page >= start.0 && page < end.0 => Ok((entry, size)),
            _ => Err(12 + 9 * level),
        }
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

    fn map(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        page: PhysicalAddress,
        size: PageSize,
        access: Access,
        _memory: MemoryType,
    ) -> Result<(), PagingError> {
        assert!(!access.contains(Access::WRITE | Access::EXECUTE), "W^X");
        assert_eq!((address.0 | page.0) % size.bytes(), 0, "misaligned page");
        let lowest = size as u32;
        match self.walk(root, address, lowest) {
            Walk::Empty { entry, level } if level == lowest => {
                let word = page.0 | PRESENT | LEAF | (access.bits() << ACCESS_SHIFT);
                self.memory.set_word(entry, word);
                Ok(())
            }
            Walk::Empty { level, .. } => {
                Err(PagingError::MissingTable(size_at(level - 1).unwrap_or(PageSize::Huge)))
            }
            _ => Err(PagingError::Occupied),
        }
    }

    fn unmap(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
    ) -> Result<PageSize, u32> {
        let (entry, size) = self.page_within(root, address, start, end)?;
        self.memory.set_word(entry, 0);
        Ok(size)
    }

    fn protect(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
        access: Access,
    ) -> Result<PageSize, u32> {
        let (entry, size) = self.page_within(root, address, start, end)?;
        let access = access.bits() << ACCESS_SHIFT;
        self.memory.set_word(entry, (self.memory.word(entry) & !ACCESS_MASK) | access);
        Ok(size)
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

    fn flush(&self, _root: PhysicalAddress, _page: Option<UserAddress>) {
        self.state.borrow_mut().flushes += 1;
    }
}
