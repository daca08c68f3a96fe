//! The fast path of mapping one page, which a memory manager does at every page fault. The checks
//! are those of the general path; a call that fails one is sent there for its answer.

use a9n_abi::{Access, MemoryType, MessageInfo, Rights, Word, window::word};
use a9n_hal::{Context, Hal};
use a9n_store::{Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// `map` of one page at `address` by process `me`, through a Window that it names directly and
    /// where the table is there. The other message words stand in its context. Must be the last
    /// thing its caller does.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "these are the registers of a kernel call")]
    pub fn fast_map(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
        address: u64,
        memory: u64,
        word5: u64,
    ) -> H::Leave {
        const MAPPED: u64 = 1;
        let context = self.context(me);
        match self.try_map(me, descriptor, address, memory) {
            Some(()) => {
                let done = MessageInfo::success(1).0;
                self.hal().stay(cpu, context, MAPPED, done, memory, word5)
            }
            None => self.hal().retreat(cpu, context, word::Map, descriptor, info, memory, word5),
        }
    }

    #[inline(always)]
    fn try_map(&self, me: Ref<Process>, descriptor: u64, address: u64, memory: u64) -> Option<()> {
        let caller = self.store.get(me);
        let [_, offset, _, access, ..] = caller.context.call().words;
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (access, memory) = (Access::from_word(access)?, MemoryType::from_word(memory)?);
        let mut rights = Rights::READ;
        rights.set(Rights::WRITE, access.contains(Access::WRITE));
        let place = self.place_of(&slot.whole_window(rights)?);
        let run = self.check_map(&place, (address, offset, 1), (access, memory)).ok()?;
        self.hal().map(place.root, run, 1).ok().map(|_| ())
    }
}
