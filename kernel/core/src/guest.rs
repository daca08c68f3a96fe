//! Guests: processes that run a virtual CPU instead of user mode.
//!
//! All that is special about such a process is here: how it is made, what its exits say, and what is
//! done with the answer. It is scheduled, interrupted, stopped and destroyed like any other. The machine
//! keeps the state; this file carries its words.

use a9n_abi::{Culprit, Descriptor, Error, MESSAGE_REGISTERS, MessageInfo, Reason, Source};
use a9n_hal::{
    CallFrame, ExitReason, Exits, GuestVerdict, Hal, PhysicalAddress, StateGroups, Trap, Words,
};
use a9n_store::{Capability, Internal, Phase, Process, Ref};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

/// What is asked for makes no sense as long as the process is what it is.
const BUSY: Error = Error::new(Reason::Busy, Culprit::DESCRIPTOR);
/// State travels through an IPC buffer.
const NO_BUFFER: Error = Error::new(Reason::InvalidArgument, Culprit::IPC_BUFFER);

impl<H: Hal> Kernel<H> {
    /// The virtual CPU that `process` runs, if it is one of those.
    #[inline(always)]
    pub(crate) fn guest(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        let is_guest = self.store.get(process).state.get().is_guest();
        is_guest.then(|| self.fast_guest(process))?
    }

    /// The same, of one that is known to run a guest.
    #[inline(always)]
    pub(crate) fn fast_guest(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        self.store.get(process).slots[Internal::VirtualCpu as usize].virtual_cpu()
    }

    /// Refuses what makes no sense for a process that runs a guest.
    pub(crate) fn demand_no_guest(&self, process: Ref<Process>) -> Result<(), Error> {
        self.guest(process).map_or(Ok(()), |_| Err(BUSY))
    }

    /// Whether `process` has all that it takes to run.
    pub(crate) fn is_complete(&self, process: Ref<Process>) -> bool {
        let held = |internal| self.store.get(self.store.internal_slot(process, internal));
        match held(Internal::AddressSpace).capability() {
            Some(Capability::VirtualAddressSpace(_)) => {
                self.guest(process).is_some() && !held(Internal::VectorState).is_empty()
            }
            space => space.is_some() && self.guest(process).is_none(),
        }
    }

    pub(crate) fn configure_guest(
        &mut self,
        caller: Caller,
        process: Ref<Process>,
        cpu: Descriptor,
        space: Descriptor,
    ) -> Result<Outcome, Stop> {
        if self.store.get(process).state.get().phase() != Phase::Stopped {
            return Err(BUSY.into());
        }
        let missing = |number| bad_argument(Reason::InvalidDescriptor, number);
        let cpu = self.choose(caller, Internal::VirtualCpu, cpu, 1)?.ok_or(missing(1))?;
        let space = self.choose(caller, Internal::AddressSpace, space, 2)?.ok_or(missing(2))?;
        if self.first_child(cpu.1).is_some() {
            return Err(bad_argument(Reason::Busy, 1).into());
        }
        if !matches!(space.2, Capability::VirtualAddressSpace(_)) {
            return Err(missing(2).into());
        }
        self.install_choice(process, cpu)?;
        self.install_choice(process, space)?;
        Ok(Outcome::Nothing)
    }

    pub(crate) fn configure_exit(
        &self,
        process: Ref<Process>,
        reason: u64,
        groups: StateGroups,
    ) -> Result<Outcome, Stop> {
        let guest = self.stopped_guest(process)?;
        let number = u32::try_from(reason).unwrap_or(u32::MAX);
        if number != 0 && ExitReason::from_number(number).is_none() {
            return Err(bad_argument(Reason::InvalidArgument, 1).into());
        }
        for one in ExitReason::ALL.iter().filter(|one| number == 0 || **one as u32 == number) {
            self.hal().set_exit_groups(guest, *one, groups);
        }
        Ok(Outcome::Nothing)
    }

    pub(crate) fn read_guest(
        &self,
        caller: Caller,
        process: Ref<Process>,
        groups: StateGroups,
    ) -> Result<Outcome, Stop> {
        let guest = self.stopped_guest(process)?;
        Ok(Outcome::Word(self.put_groups(guest, groups, caller.process)? as u64))
    }

    pub(crate) fn write_guest(
        &self,
        caller: Caller,
        process: Ref<Process>,
        groups: StateGroups,
    ) -> Result<Outcome, Stop> {
        let guest = self.stopped_guest(process)?;
        self.take_groups(guest, groups, caller.process)?;
        Ok(Outcome::Nothing)
    }

    /// The virtual CPU of `process`, which must not be able to run at this moment.
    fn stopped_guest(&self, process: Ref<Process>) -> Result<PhysicalAddress, Error> {
        self.stopped(process)?;
        self.guest(process).ok_or(Error::new(Reason::Incomplete, Culprit::DESCRIPTOR))
    }

    /// What the monitor `receiver` is told of `trap`.
    pub(crate) fn trap_of_guest(
        &self,
        guest: PhysicalAddress,
        trap: Trap,
        receiver: Ref<Process>,
    ) -> (MessageInfo, Words) {
        let (mut reason, mut exit) = self.hal().exits().exit(guest);
        if matches!(trap, Trap::Stopped) {
            (reason, exit.detail, exit.value) = (ExitReason::Kick, 0, 0);
        }
        (self.exit_info(guest, reason, receiver), exit.words())
    }

    /// The info of the message of an exit for `reason`, with the state that was asked for put behind its
    /// words.
    #[inline(always)]
    pub(crate) fn exit_info(
        &self,
        guest: PhysicalAddress,
        reason: ExitReason,
        receiver: Ref<Process>,
    ) -> MessageInfo {
        let groups = self.hal().exit_groups(guest, reason);
        let put = || self.put_groups(guest, groups, receiver).unwrap_or(0);
        let more = if groups.is_empty() { 0 } else { put() };
        let info = MessageInfo::new(reason as u32, MESSAGE_REGISTERS.wrapping_add(more));
        info.from_source(Source::VirtualCpu)
    }

    /// The monitor `server` answers the exit of `process`, whose virtual CPU is `guest`, with `answer`.
    /// Answers whether it can run.
    pub(crate) fn answer_exit(
        &self,
        process: Ref<Process>,
        guest: PhysicalAddress,
        server: Ref<Process>,
        answer: &CallFrame,
    ) -> bool {
        let verdict = GuestVerdict(MessageInfo(answer.info).label());
        self.apply_answer(self.hal().exits(), guest, server, (verdict, &answer.words));
        let state = &self.store.get(process).state;
        if verdict.is_resumption() {
            self.store.get(process).trap.set(None);
            state.set(state.get().with_trap(false));
        } else {
            state.set(state.get().with_phase(Phase::Stopped));
        }
        verdict.is_resumption()
    }

    /// Does to `guest`, by `technique`, what its monitor `server` answers.
    #[inline(always)]
    pub(crate) fn apply_answer(
        &self,
        technique: &impl Exits,
        guest: PhysicalAddress,
        server: Ref<Process>,
        (verdict, words): (GuestVerdict, &Words),
    ) {
        technique.answer_exit(guest, verdict, words);
        if verdict.has(GuestVerdict::GROUPS) {
            // The last word says which. Without a buffer there is nothing to take.
            let _ = self.take_groups(guest, StateGroups::from_bits_truncate(words[5]), server);
        }
    }

    /// Copies `groups` of `guest` to the IPC buffer of `process`, behind the words in registers;
    /// answers how many words. An error without a buffer.
    #[inline(never)]
    fn put_groups(
        &self,
        guest: PhysicalAddress,
        groups: StateGroups,
        process: Ref<Process>,
    ) -> Result<usize, Error> {
        let buffer = self.buffer(process).ok_or(NO_BUFFER)?;
        let mut index = MESSAGE_REGISTERS;
        self.hal().read_guest(guest, groups, &mut |word| {
            self.store.write_word(buffer, index, word);
            index = index.wrapping_add(1);
        });
        Ok(groups.words())
    }

    /// Replaces `groups` of `guest` by words of the IPC buffer of `process`. An error without one.
    #[inline(never)]
    fn take_groups(
        &self,
        guest: PhysicalAddress,
        groups: StateGroups,
        process: Ref<Process>,
    ) -> Result<(), Error> {
        let buffer = self.buffer(process).ok_or(NO_BUFFER)?;
        let mut index = MESSAGE_REGISTERS;
        self.hal().write_guest(guest, groups, &mut || {
            let word = self.store.read_word(buffer, index);
            index = index.wrapping_add(1);
            word
        });
        Ok(())
    }
}
