//! The fast path of mapping one page, which a memory manager does at every page fault. The checks
//! are those of the general path; whoever fails one is sent there for the answer.

use a9n_abi::{Access, MemoryType, MessageInfo, Rights, Word, window};
use a9n_hal::{Context, Hal};
use a9n_store::{Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// Kernel call `operation` of process `me`, whose message words stand in its context: maps one
    /// page through a Window that it names directly, where the table is there. Must be the last
    /// thing its caller does.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "these are the registers of a kernel call")]
    pub fn fast_map(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        operation: u64,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> H::Leave {
        /// One page was mapped.
        const DONE: (u64, MessageInfo) = (1, MessageInfo::success(1));
        let context = self.context(me);
        match self.try_map(me, operation, descriptor) {
            Some(()) => self.hal().leave(cpu, context, DONE.0, DONE.1.0, word4, word5),
            None => self.hal().retreat(cpu, context, operation, descriptor, info, word4, word5),
        }
    }

    #[inline(always)]
    fn try_map(&self, me: Ref<Process>, operation: u64, descriptor: u64) -> Option<()> {
        let caller = self.store.get(me);
        let [address, offset, pages, access, memory, _] = caller.context.call().words;
        if operation != window::word::Map || pages != 1 {
            return None;
        }
        let slot = self.store.fast_slot(caller.node.get()?, caller.fast_mask.get(), descriptor)?;
        let (access, memory) = (Access::from_word(access)?, MemoryType::from_word(memory)?);
        let window = slot.window(Rights::READ)?;
        let place = self.place_of(&window);
        let run = self.check_map(slot, &place, (address, offset, 1), (access, memory)).ok()?;
        self.hal().map(place.root, run, 1).ok().map(|_| ())
    }
}
