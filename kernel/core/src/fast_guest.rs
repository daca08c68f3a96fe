//! The fast paths of guests: a waiting monitor is told of an exit, and its answer lets the guest go on.
//! They rely on what the paths in `fast_trap` rely on. The state of a process says whether it runs a
//! guest, so those paths never take one that does.

use a9n_abi::MessageInfo;
use a9n_hal::{Context, Exits, GuestVerdict, Hal, Trap};
use a9n_store::{Phase, Process, Ref, State};

use crate::Kernel;
use crate::fast::{Owners, Vectors};

/// A process that runs a guest, and its monitor, with vector states or without.
#[derive(Debug)]
pub(crate) enum Guests {}

impl Owners for Guests {
    #[inline(always)]
    fn is(state: State, expected: State) -> bool {
        Vectors::is(state.with_guest(false), expected)
    }
}

impl<H: Hal> Kernel<H> {
    /// The running process `me` left its guest, by `technique`: its monitor, if it waits for a message here,
    /// gets it, and runs on. `None` if nothing has happened; else this must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_exit(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        technique: &impl Exits,
    ) -> Option<H::Leave> {
        let guest = self.fast_guest(me)?;
        if !Guests::can_switch(self.hal()) {
            return None;
        }
        let (to, identifier) = self.fast_tell::<Guests>(H::cpu_number(cpu), me, Trap::Exit)?;
        let context = self.context(to);
        let (reason, exit) = technique.exit(guest);
        context.set_words(&exit.words());
        let info = self.exit_info(guest, reason, to);
        context.answer_without_words(identifier, info.0);
        Guests::switch(self.hal(), cpu, context);
        Some(self.hal().resume(cpu, context))
    }

    /// Whether process `me` owes an answer to a guest.
    #[inline(always)]
    pub fn serves_guest(&self, me: Ref<Process>) -> bool {
        let caller = self.store.get(me).caller.get();
        caller.is_some_and(|caller| self.store.get(caller).state.get().is_guest())
    }

    /// `reply_receive` of process `me`, which answers an exit by `technique` in words that fit into registers,
    /// the first four of which stand in its context. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_guest_verdict(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
        technique: &impl Exits,
    ) -> Option<H::Leave> {
        let monitor = self.store.get(me);
        let verdict = GuestVerdict(MessageInfo(info).label());
        let process = monitor.caller.get()?;
        let client = self.store.get(process);
        let trapped = State::new(Phase::AwaitingReply, H::cpu_number(cpu)).with_trap(true);
        if !verdict.is_resumption() || !Vectors::is(client.state.get(), trapped.with_guest(true)) {
            return None;
        }
        let guest = self.fast_guest(process)?;
        let slot = self.store.fast_slot(monitor, Vectors::mask(monitor), descriptor)?;
        let port = self.fast_port(slot)?;

        self.fast_wait(monitor, me, port);
        client.state.set(client.state.get().resumed());
        let [word0, word1, word2, word3, ..] = monitor.context.call().words;
        let words = [word0, word1, word2, word3, word4, word5];
        self.apply_answer(technique, guest, me, (verdict, &words));
        Vectors::switch(self.hal(), cpu, &client.context);
        Some(self.hal().resume_guest(cpu, &client.context))
    }
}
