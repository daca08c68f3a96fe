//! The fast paths of guests: an exit is told to a monitor that waits, and the monitor's answer lets the
//! guest go on. They rely on what the paths in `fast_trap` rely on; a process that runs a guest is told
//! from others by its state, so those paths never take one.

use core::cell::Cell;

use a9n_abi::MessageInfo;
use a9n_hal::{CallFrame, Context, CpuNumber, GuestVerdict, Hal, Trap};
use a9n_store::{Pcb, Phase, Process, Ref, State};

use crate::Kernel;
use crate::fast::{Lengths, Owners, Vectors};

/// A process that runs a guest, and its monitor, with vector states or without.
#[derive(Debug)]
pub(crate) enum Guests {}

impl Owners for Guests {
    #[inline(always)]
    fn mask<C>(pcb: &Pcb<C>) -> u64 {
        Vectors::mask(pcb)
    }

    #[inline(always)]
    fn afresh(state: &Cell<State>, phase: Phase, number: CpuNumber) -> State {
        Vectors::afresh(state, phase, number)
    }

    #[inline(always)]
    fn is(state: State, expected: State) -> bool {
        Vectors::is(state.with_guest(false), expected)
    }

    #[inline(always)]
    fn can_switch<H: Hal>(hal: &H) -> bool {
        Vectors::can_switch(hal)
    }

    #[inline(always)]
    fn switch<H: Hal>(hal: &H, cpu: &H::Cpu, to: &H::Context) {
        Vectors::switch(hal, cpu, to);
    }
}

impl<H: Hal> Kernel<H> {
    /// The running process `me` left its guest: its monitor, if it waits for a message here, gets it, and
    /// runs on. `None` if nothing has happened; else this must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_exit(&self, cpu: &H::Cpu, me: Ref<Process>) -> Option<H::Leave> {
        let guest = self.guest(me)?;
        if !Guests::can_switch(self.hal()) {
            return None;
        }
        let (to, identifier) = self.fast_tell::<Guests>(H::cpu_number(cpu), me, Trap::Exit)?;
        let (reason, exit) = self.hal().exit(guest);
        let (info, words) = self.exit_message(guest, (reason, &exit), to);
        self.hal().rest_guest(guest);
        let context = self.context(to);
        context.answer(identifier, info.0, &words);
        Guests::switch(self.hal(), cpu, context);
        Some(self.hal().resume(cpu, context))
    }

    /// Whether process `me` owes an answer to a guest.
    #[inline(always)]
    pub fn serves_guest(&self, me: Ref<Process>) -> bool {
        let caller = self.store.get(me).caller.get();
        caller.is_some_and(|caller| self.store.get(caller).state.get().is_guest())
    }

    /// `reply_receive` of process `me`, which answers an exit, and whose context holds the first four
    /// words. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_guest_verdict<L: Lengths>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let monitor = self.store.get(me);
        if !L::admit(info) || !GuestVerdict(MessageInfo(info).label()).is_resumption() {
            return None;
        }
        let process = monitor.caller.get()?;
        let client = self.store.get(process);
        let trapped = State::new(Phase::AwaitingReply, number).with_trap(true).with_guest(true);
        if !Vectors::is(client.state.get(), trapped) {
            return None;
        }
        let guest = self.guest(process)?;
        let slot = self.store.fast_slot(monitor, Vectors::mask(monitor), descriptor)?;
        let port = self.fast_port(slot)?;

        let [word0, word1, word2, word3, ..] = monitor.context.call().words;
        let words = [word0, word1, word2, word3, word4, word5];
        let answer = CallFrame { operation: 0, descriptor, info, words };
        self.fast_wait(monitor, me, port);
        client.state.set(client.state.get().resumed());
        self.apply_answer(guest, me, &answer);
        Vectors::switch(self.hal(), cpu, &client.context);
        Some(self.hal().resume(cpu, &client.context))
    }
}
