//! Batches: many runs of pages in one kernel call, described in the IPC buffer.
//!
//! A call goes on in steps. How far it is stands in the caller's PCB, so that it is repeated from
//! there; were that lost, the runs could be done again from the start, since mapping what is
//! mapped already counts as done.

use core::cell::Cell;
use core::mem::offset_of;

use a9n_abi::{
    Culprit, Descriptor, Error, IpcBuffer, MAPPING_RUNS, MappingRun, MemoryType, Reason,
};
use a9n_hal::{Hal, PageSize, Run, Stretch};
use a9n_store::{AddressSpace, MemoryKind, Process, Ref};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::space::Stale;
use crate::window::{Place, check_access, check_offset, check_range, check_whole};

/// What it costs to read and check a run, to install a table, and to find a page mapped already, in
/// units of a [`Budget`].
const RUN_COST: u32 = 56;
const TABLE_COST: u32 = 40;
const LOOK_COST: u32 = 26;

/// First word of the runs in the IPC buffer, and words of one.
const RUNS: usize = offset_of!(IpcBuffer, runs) / size_of::<u64>();
const RUN_WORDS: usize = size_of::<MappingRun>() / size_of::<u64>();

/// What is done with every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// It is mapped.
    Map,
    /// It is unmapped.
    Unmap,
    /// It gets another access.
    Protect,
}

/// A run that has been checked, and its Window.
struct Checked {
    place: Place,
    run: Run,
}

impl Stop {
    /// A refusal because of something in the IPC buffer.
    const fn from_reason(reason: Reason) -> Self {
        Self::Refused(Error::new(reason, Culprit::IPC_BUFFER))
    }
}

impl<H: Hal> Kernel<H> {
    /// Does `batch` with the first `runs` runs in the caller's IPC buffer.
    pub(crate) fn batch(
        &mut self,
        caller: Caller,
        space: Ref<AddressSpace>,
        batch: Batch,
        runs: u64,
    ) -> Result<Outcome, Stop> {
        let runs = u32::try_from(runs)
            .ok()
            .filter(|runs| *runs <= MAPPING_RUNS as u32)
            .ok_or(bad_argument(Reason::InvalidArgument, 1))?;
        let mut stale = Stale::default();
        let result = self.do_batch(caller, space, batch, runs, &mut stale);
        self.forget(space, stale);
        result?;
        let (done, pages) = self.store.get(caller.process).batch.get();
        Ok(Outcome::words([u64::from(done), u64::from(pages)]))
    }

    /// Goes on with `batch` as far as its budget allows, and notes in the caller's PCB how far that
    /// is. `stale` has to be forgotten even if this stops.
    fn do_batch(
        &mut self,
        caller: Caller,
        space: Ref<AddressSpace>,
        batch: Batch,
        runs: u32,
        stale: &mut Stale,
    ) -> Result<(), Stop> {
        let progress = &self.store.get(caller.process).batch;
        let pool = &self.store.get(space).pool;
        let mut budget = match batch {
            Batch::Map => Budget::for_filling(),
            Batch::Unmap | Batch::Protect => Budget::for_changing(),
        };
        let tables = pool.get();
        while progress.get().0 < runs {
            let (done, _) = progress.get();
            budget.spend(RUN_COST)?;
            let result = self
                .read_run(caller.process, space, batch, done)
                .map_err(Stop::from_reason)
                .and_then(|run| self.do_run(batch, &run, progress, &mut budget, stale));
            match result {
                Ok(()) => progress.set((done + 1, 0)),
                // A call that has used up tables is not refused, since a refusal changes nothing.
                // If it is repeated, that call is refused.
                Err(Stop::Refused(_)) if progress.get() != (0, 0) || pool.get() != tables => break,
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Does all that is left of a run; `progress` says how many pages are done.
    fn do_run(
        &self,
        batch: Batch,
        checked: &Checked,
        progress: &Cell<(u32, u32)>,
        budget: &mut Budget,
        stale: &mut Stale,
    ) -> Result<(), Stop> {
        loop {
            let (done, pages) = progress.get();
            let rest = rest_of(&checked.run, pages.into());
            if rest.stretch.pages == 0 {
                return Ok(());
            }
            let place = &checked.place;
            let more = match batch {
                Batch::Unmap => self.unmap(place, rest.stretch, budget, stale),
                Batch::Protect => self.protect(place, rest.stretch, rest.access, budget, stale),
                Batch::Map => match self.map(place.root, rest, budget) {
                    Err(Reason::MissingTable) => {
                        budget.spend(TABLE_COST)?;
                        self.install_from_pool(place.space, rest.stretch.address)
                            .map_err(Stop::from_reason)?;
                        continue;
                    }
                    Err(Reason::Occupied) if self.is_mapped(place, &rest) => {
                        budget.charge(LOOK_COST);
                        1
                    }
                    result => result.map_err(Stop::from_reason)?,
                },
            };
            if more == 0 {
                return Err(Stop::Restart);
            }
            progress.set((done, pages.saturating_add(more as u32)));
        }
    }

    /// Run `number` in the IPC buffer of `process`, checked for `space`.
    fn read_run(
        &self,
        process: Ref<Process>,
        space: Ref<AddressSpace>,
        batch: Batch,
        number: u32,
    ) -> Result<Checked, Reason> {
        let buffer = self.buffer(process).ok_or(Reason::InvalidArgument)?;
        let first = RUNS.wrapping_add((number as usize).wrapping_mul(RUN_WORDS));
        let word = |index: usize| self.store.read_word(buffer, first.wrapping_add(index));
        let run = MappingRun { address: word(0), window: word(1), extent: word(2) };

        let refused = |error: Error| error.reason;
        let slot =
            self.lookup(process, Descriptor(run.window), Culprit::IPC_BUFFER).map_err(refused)?;
        let place = self
            .place(slot)
            .filter(|place| place.space == space)
            .ok_or(Reason::InvalidDescriptor)?;
        let cells = self.store.get(slot);
        let stretch = check_range::<H>(&place, run.address, run.pages(), 0).map_err(refused)?;
        let access = run.access().ok_or(Reason::InvalidArgument)?;
        if batch != Batch::Unmap {
            check_access(cells, access, 0).map_err(refused)?;
        }
        if batch == Batch::Map {
            check_offset(&place, run.offset(), run.pages()).map_err(refused)?;
            check_whole(cells).map_err(refused)?;
        }
        let memory = match place.kind {
            MemoryKind::Ordinary => MemoryType::Normal,
            MemoryKind::Device => MemoryType::Device,
        };
        let page = place.page(run.offset());
        Ok(Checked { place, run: Run { stretch, page, access, memory } })
    }

    /// Whether the first page of `run` is mapped already, in the same way.
    fn is_mapped(&self, place: &Place, run: &Run) -> bool {
        self.hal().translate(place.root, run.stretch.address) == Some((run.page, run.access))
    }
}

/// What is left of `run` when `done` pages of it are done.
const fn rest_of(run: &Run, done: u64) -> Run {
    let bytes = done << PageSize::Small.bits();
    let Stretch { address, pages } = run.stretch;
    let stretch = Stretch { address: address.offset(bytes), pages: pages.saturating_sub(done) };
    Run { stretch, page: run.page.offset(bytes), ..*run }
}
