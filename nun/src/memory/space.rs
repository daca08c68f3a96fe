//! What lies where in an address space.
//!
//! Addresses are *reserved* first, so that nothing overlaps, and then mapped, through a Window for
//! each mapping, of the smallest range that holds it. Page tables are installed where the kernel
//! misses them, and given back with the last mapping below them: that is why they are installed by
//! address, and not taken from the kernel's pool, which does not say where it put them.

use a9n_abi::boot::PAGE_BYTES;
use a9n_abi::{MAPPING_RUNS, MappingRun};

use super::Maker;
use super::regions::{Region, Regions, Use};
use super::tables::Tables;
use crate::resources::{EXHAUSTED, range_around};
use crate::slots::Slots;
use crate::{
    Access, AddressSpace, Culprit, Error, Frame, MemoryType, Node, PageTable, Reason, Window,
    buffer,
};

/// Logarithm of the bytes of a large page.
const LARGE_BITS: u32 = 21;

/// Most frames that one [`allocate`](Space::allocate) takes: one of each size.
const PIECES: usize = 32;

/// Some pages of a frame, to be mapped.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// First address.
    pub address: u64,
    /// What is mapped there.
    pub frame: Frame,
    /// First page of the frame.
    pub offset: u64,
    /// How many pages.
    pub pages: u64,
    /// What the mapping allows.
    pub access: Access,
}

/// The books of one address space, or of a part of one: up to `REGIONS` reservations and mappings,
/// and `TABLES` page tables.
///
/// All operations that need objects or slots take them from a [`Maker`]: always the same.
#[derive(Clone, Debug)]
pub struct Space<const REGIONS: usize, const TABLES: usize> {
    space: AddressSpace,
    regions: Regions<REGIONS>,
    tables: Tables<TABLES>,
}

impl<const REGIONS: usize, const TABLES: usize> Space<REGIONS, TABLES> {
    /// Manages the addresses from `first` up to `end` in `space`, where nothing is mapped yet.
    pub const fn new(space: AddressSpace, first: u64, end: u64) -> Self {
        Self { space, regions: Regions::new(first, end), tables: Tables::new() }
    }

    /// The same, but what may lie anywhere is put at `address` or above.
    #[must_use]
    pub const fn reserving_from(mut self, address: u64) -> Self {
        self.regions.search = address;
        self
    }

    /// The address space.
    pub const fn address_space(&self) -> AddressSpace {
        self.space
    }

    /// Reserves `pages` pages anywhere, aligned to 2^`alignment_bits` bytes, with a page before and
    /// after it that stays empty for good. Answers the first address.
    pub fn reserve(&mut self, pages: u64, alignment_bits: u32) -> Result<u64, Error> {
        self.regions.reserve(pages, alignment_bits)
    }

    /// Reserves `pages` pages from `address` on, without guards. *Occupied* if something there is
    /// reserved.
    pub fn reserve_at(&mut self, address: u64, pages: u64) -> Result<(), Error> {
        self.regions.reserve_at(address, pages)
    }

    /// Maps `pieces`, at most 100 of them, all or none. *Invalid argument* for addresses that are
    /// not reserved, *occupied* for some that are mapped already. Large pages are used where
    /// address and frame are aligned to them.
    pub fn map(&mut self, maker: &mut impl Maker, pieces: &[Piece]) -> Result<(), Error> {
        self.map_as(maker, pieces, Owner::Other)
    }

    /// Maps `piece` as [`map`](Self::map) does, for writes that may merge: a framebuffer. It is no
    /// memory to be read from.
    pub fn map_write_combining(
        &mut self,
        maker: &mut impl Maker,
        piece: &Piece,
    ) -> Result<(), Error> {
        self.attach(maker, piece, Owner::Other)?;
        let region = self.regions.mapping_at(piece.address)?;
        let window = Window::at(maker.slots().descriptor(region.usage.window.into()));
        let mut done = 0;
        let mapped = loop {
            if done == piece.pages {
                break Ok(());
            }
            let (address, pages) = (piece.address + done * PAGE_BYTES, piece.pages - done);
            let kind = MemoryType::WriteCombining;
            match window.map(address, piece.offset + done, pages, piece.access, kind) {
                Ok(count) => done += count,
                Err(Error { reason: Reason::MissingTable, .. }) => {
                    if let Err(error) = self.add_table(maker, address) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if mapped.is_err() {
            self.unmap(maker, piece.address)?;
        }
        mapped
    }

    /// Maps `pieces` as [`map`](Self::map) does, with frames of the maker's that go with them.
    pub(crate) fn map_owned(
        &mut self,
        maker: &mut impl Maker,
        pieces: &[Piece],
    ) -> Result<(), Error> {
        self.map_as(maker, pieces, Owner::Region)
    }

    /// Reserves `pages` pages and maps fresh memory there: zero, and on large pages where there are
    /// enough. It belongs to the reservation, and goes with it. Answers the first address.
    pub fn allocate(
        &mut self,
        maker: &mut impl Maker,
        pages: u64,
        access: Access,
    ) -> Result<u64, Error> {
        let alignment = if pages >> (LARGE_BITS - 12) > 0 { LARGE_BITS } else { 12 };
        let address = self.reserve(pages, alignment)?;
        let filled = self.fill(maker, address, pages, access);
        if filled.is_err() {
            self.release(maker, address)?;
        }
        filled.map(|()| address)
    }

    /// Maps fresh memory into `pages` reserved pages from `address` on, as
    /// [`allocate`](Self::allocate) does.
    pub fn fill(
        &mut self,
        maker: &mut impl Maker,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<(), Error> {
        let nothing = Frame::slot(0);
        let none = Piece { address, frame: nothing, offset: 0, pages: 0, access };
        let mut pieces = [none; PIECES];
        let (mut count, mut done) = (0, 0);
        let made = loop {
            if done == pages {
                break Ok(());
            }
            let length = 1 << (pages - done).ilog2();
            let Some(piece) = pieces.get_mut(count) else { break Err(EXHAUSTED) };
            match maker.make((length * PAGE_BYTES).trailing_zeros() as u8) {
                Ok(frame) => {
                    let address = address + done * PAGE_BYTES;
                    *piece = Piece { address, frame, offset: 0, pages: length, access };
                }
                Err(error) => break Err(error),
            }
            (count, done) = (count + 1, done + length);
        };
        let pieces = pieces.get(..count).unwrap_or_default();
        let mapped = made.and_then(|()| self.map_as(maker, pieces, Owner::Region));
        if mapped.is_err() {
            for piece in pieces {
                maker.discard(piece.frame)?;
            }
        }
        mapped
    }

    /// Changes what `pages` pages from `address` on allow. *Invalid argument* unless all of them
    /// are mapped; then nothing is changed.
    pub fn protect(
        &mut self,
        maker: &mut impl Maker,
        address: u64,
        pages: u64,
        access: Access,
    ) -> Result<(), Error> {
        let end = address + pages * PAGE_BYTES;
        let (mut runs, mut covered) = (0, 0);
        for region in self.regions.mapped() {
            let (from, to) = (region.address.max(address), region.end().min(end));
            if from < to && runs < MAPPING_RUNS {
                let window = maker.slots().descriptor(region.usage.window.into());
                let pages = (to - from) / PAGE_BYTES;
                buffer().set_run(runs, MappingRun::new(from, window, 0, pages, access));
                (runs, covered) = (runs + 1, covered + pages);
            }
        }
        if covered != pages || !address.is_multiple_of(PAGE_BYTES) {
            return Err(Error::new(Reason::InvalidArgument, Culprit::argument(1)));
        }
        self.space.protect_many(runs as u64).map(|_| ())
    }

    /// Takes away the mapping that begins at `address`; its addresses stay reserved. *Invalid
    /// argument* if none begins there.
    pub fn unmap(&mut self, maker: &mut impl Maker, address: u64) -> Result<(), Error> {
        let region = self.regions.mapping_at(address)?;
        self.drop_mapping(maker, region)?;
        self.reclaim_tables(maker)
    }

    /// Ends the reservation that `address` lies in, with everything that is mapped there. *Invalid
    /// argument* if it lies in none.
    pub fn release(&mut self, maker: &mut impl Maker, address: u64) -> Result<(), Error> {
        let reservation = self.regions.reservation_at(address)?;
        while let Some(region) = self.regions.mapping_in(&reservation) {
            self.drop_mapping(maker, region)?;
        }
        self.regions.remove(&reservation);
        self.reclaim_tables(maker)
    }

    /// The frame that is mapped at `address` and goes with its reservation, and which byte of it that
    /// is; `None` if there is none, or it belongs to somebody else.
    pub fn own_frame(&self, maker: &mut impl Maker, address: u64) -> Option<(Frame, u64)> {
        let holds = |region: &&Region| (region.address..region.end()).contains(&address);
        let region = self.regions.mapped().find(holds)?;
        let frame = Frame::at(maker.slots().descriptor(region.usage.frame()?.into()));
        Some((frame, address - region.address))
    }

    /// Pages that are mapped.
    pub fn mapped_pages(&self) -> u64 {
        self.regions.mapped().map(|region| u64::from(region.pages)).sum()
    }

    /// Page tables that are installed.
    pub fn table_count(&self) -> usize {
        self.tables.count()
    }

    fn map_as(
        &mut self,
        maker: &mut impl Maker,
        pieces: &[Piece],
        owner: Owner,
    ) -> Result<(), Error> {
        if pieces.len() > MAPPING_RUNS {
            return Err(Error::new(Reason::InvalidArgument, Culprit::argument(2)));
        }
        let mut attached = 0;
        let mapped = pieces
            .iter()
            .try_for_each(|piece| {
                self.attach(maker, piece, owner)?;
                attached += 1;
                Ok(())
            })
            .and_then(|()| self.commit(maker, pieces));
        if mapped.is_err() {
            for piece in pieces.iter().take(attached) {
                let region = self.regions.mapping_at(piece.address)?;
                self.undo(maker, region)?;
            }
            self.reclaim_tables(maker)?;
        }
        mapped
    }

    /// Makes the Window for `piece` and enters it into the books.
    fn attach(&mut self, maker: &mut impl Maker, piece: &Piece, owner: Owner) -> Result<(), Error> {
        let slots = maker.slots();
        let frame = match owner {
            Owner::Region => slots.index(piece.frame.descriptor()).unwrap_or(0) as u16,
            Owner::Other => 0,
        };
        let window = slots.take_slot()?;
        let usage = Use::mapped(window as u16, frame);
        let (first, bits) = range_around(piece.address, piece.pages);
        let node: Node = slots.node();
        let attached = self.regions.insert_mapping(piece.address, piece.pages, usage);
        let attached = attached.and_then(|()| {
            let attached = piece.frame.attach(self.space, first, bits, node, window);
            if attached.is_err() {
                self.regions.remove_mapping(piece.address);
            }
            attached
        });
        if attached.is_err() {
            slots.put(window);
        }
        attached
    }

    /// Has the kernel map `pieces`, with page tables where it misses them.
    fn commit(&mut self, maker: &mut impl Maker, pieces: &[Piece]) -> Result<(), Error> {
        let (mut first, mut skipped) = (0, 0);
        while first < pieces.len() {
            let rest = pieces.get(first..).unwrap_or_default();
            for (number, piece) in rest.iter().enumerate() {
                let skip = if number == 0 { skipped } else { 0 };
                let region = self.regions.mapping_at(piece.address)?;
                let window = maker.slots().descriptor(region.usage.window.into());
                let address = piece.address + skip * PAGE_BYTES;
                let (offset, pages) = (piece.offset + skip, piece.pages - skip);
                buffer()
                    .set_run(number, MappingRun::new(address, window, offset, pages, piece.access));
            }
            match self.space.map_many(rest.len() as u64) {
                Ok((runs, pages)) => {
                    skipped = if runs == 0 { skipped + pages } else { pages };
                    first += runs as usize;
                }
                Err(Error { reason: Reason::MissingTable, .. }) => {
                    let address = rest.first().map_or(0, |piece| piece.address);
                    self.add_table(maker, address + skipped * PAGE_BYTES)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add_table(&mut self, maker: &mut impl Maker, address: u64) -> Result<(), Error> {
        if self.tables.is_full() {
            return Err(EXHAUSTED);
        }
        let table: PageTable = maker.make(0)?;
        match self.space.install_table(table, address) {
            Ok(entry_bits) => {
                let slot = maker.slots().index(table.descriptor()).unwrap_or(0);
                self.tables.add(slot, address, entry_bits);
                Ok(())
            }
            Err(error) => {
                maker.discard(table)?;
                Err(error)
            }
        }
    }

    /// Undoes a mapping whose frame stays with whoever gave it.
    fn undo(&mut self, maker: &mut impl Maker, region: Region) -> Result<(), Error> {
        let window = region.usage.window.into();
        let slots = maker.slots();
        // The frame may be gone, and the Window with it.
        if slots.node().look(window)?.0 != 0 {
            slots.node().remove(window)?;
        }
        slots.put(window);
        self.regions.remove_mapping(region.address);
        Ok(())
    }

    /// Ends a mapping, and its frame if that belongs to it.
    fn drop_mapping(&mut self, maker: &mut impl Maker, region: Region) -> Result<(), Error> {
        if let Some(frame) = region.usage.frame() {
            let frame = Frame::at(maker.slots().descriptor(frame.into()));
            maker.discard(frame)?;
        }
        self.undo(maker, region)
    }

    /// Gives back the tables below which nothing is mapped.
    fn reclaim_tables(&mut self, maker: &mut impl Maker) -> Result<(), Error> {
        let regions = &self.regions;
        let idle = |first, end| !regions.mapped().any(|it| it.address < end && first < it.end());
        while let Some(slot) = self.tables.take_idle(idle) {
            let table = PageTable::at(maker.slots().descriptor(slot));
            maker.discard(table)?;
        }
        Ok(())
    }
}

/// Whose the frames of a mapping are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The mapping's: they go with it.
    Region,
    /// Somebody else's.
    Other,
}
