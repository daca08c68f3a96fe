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
use a9n_hal::{Hal, PageSize, UserAddress};
use a9n_store::{AddressSpace, MemoryKind, Process, Ref};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::window::{ENTRY_COST, Mapping, Place, check_offset, check_range};

/// What it costs to read and check a run, in units of a [`Budget`].
const RUN_COST: u32 = 50;

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

/// A run that has been checked.
struct Run {
    place: Place,
    address: UserAddress,
    offset: u64,
    pages: u64,
    mapping: Mapping,
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
        let progress = &self.store.get(caller.process).batch;
        let mut budget = Budget::new();
        while progress.get().0 < runs {
            let (done, _) = progress.get();
            budget.spend(RUN_COST)?;
            let result = self
                .read_run(caller.process, space, batch, done)
                .map_err(Stop::from_reason)
                .and_then(|run| self.do_run(batch, &run, progress, &mut budget));
            match result {
                Ok(()) => progress.set((done + 1, 0)),
                Err(Stop::Refused(_)) if progress.get() != (0, 0) => break,
                Err(stop) => return Err(stop),
            }
        }
        let (done, pages) = progress.get();
        Ok(Outcome::words([u64::from(done), u64::from(pages)]))
    }

    /// Does all of `run` that is left, in steps; `progress` says how many pages are done.
    fn do_run(
        &self,
        batch: Batch,
        run: &Run,
        progress: &Cell<(u32, u32)>,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        loop {
            let (done, pages) = progress.get();
            if u64::from(pages) >= run.pages {
                return Ok(());
            }
            budget.spend(ENTRY_COST)?;
            let more = self.do_step(batch, run, pages.into()).map_err(Stop::from_reason)?;
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
    ) -> Result<Run, Reason> {
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
        let address = UserAddress(run.address);
        check_range::<H>(&place, address, run.pages(), 0).map_err(refused)?;
        let access = run.access().ok_or(Reason::InvalidArgument)?;
        if batch != Batch::Unmap {
            self.check_access(slot, access, 0).map_err(refused)?;
        }
        if batch == Batch::Map {
            check_offset(&place, run.offset(), run.pages()).map_err(refused)?;
            self.check_whole(slot).map_err(refused)?;
        }
        let memory = match place.kind {
            MemoryKind::Ordinary => MemoryType::Normal,
            MemoryKind::Device => MemoryType::Device,
        };
        let mapping = Mapping { access, memory };
        Ok(Run { place, address, offset: run.offset(), pages: run.pages(), mapping })
    }

    /// Does some pages of `run`, of which `done` are done; answers how many more.
    fn do_step(&self, batch: Batch, run: &Run, done: u64) -> Result<u64, Reason> {
        let at = run.address.offset(done << PageSize::Small.bits());
        let left = run.pages.saturating_sub(done);
        match batch {
            Batch::Unmap => Ok(self.unmap(run.place, at, left, 1)),
            Batch::Protect => {
                Ok(self.protect(run.place, at, left, run.mapping.access, 1))
            }
            Batch::Map => {
                let offset = run.offset.wrapping_add(done);
                let pages = (offset, left);
                match self.map(run.place, at, pages, run.mapping, 1) {
                    Err(Reason::MissingTable) => {
                        self.install_from_pool(run.place.space, at).map(|()| 0)
                    }
                    Err(Reason::Occupied) if self.is_mapped(run, at, offset) => Ok(1),
                    result => result,
                }
            }
        }
    }

    /// Whether `at` maps page `offset` of the run's frame already, in the same way.
    fn is_mapped(&self, run: &Run, at: UserAddress, offset: u64) -> bool {
        let page = run.place.page(offset);
        self.hal().translate(run.place.root, at) == Some((page, run.mapping.access))
    }
}
