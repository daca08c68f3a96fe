//! The fast paths of messages: call and reply_receive, each for messages that fit into registers and
//! for longer ones. Their neighbours are `fast_trap` and `fast_signal`.
//!
//! They do what the general path does, in the case that matters: a plain message without
//! capabilities between two processes of one CPU, the partner waiting and nothing else to be
//! considered. Whatever is unusual shows in one of a handful of words, each compared once; then the
//! call is handed on untouched. Message words in registers are not looked at: they stay there.
//!
//! What each step relies on:
//! - a process may use a fast path only while the mask that [`Owners`] picks is not 0 (see
//!   [`refresh_fast_mask`](Kernel::refresh_fast_mask));
//! - a receiver's whole state word is compared, so it runs on this CPU, has named no slot for its
//!   Reply and has not been interrupted; only its vector state may be left out;
//! - the scheduling context stays on the CPU, so neither clock nor ready queues are touched;
//! - `caller` in a PCB says that the process uses its caller's scheduling context, so giving the
//!   CPU back with the reply is right.

use core::cell::Cell;

use a9n_abi::{Culprit, Error, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, Reason, Rights};
use a9n_hal::{CpuNumber, Hal};
use a9n_store::{Pcb, Phase, Port, Process, Ref, Slot, State};

use crate::Kernel;
use crate::transfer::NO_BUFFER;

/// The lengths of message that a fast path takes; each makes a function of its own.
pub trait Lengths {
    /// Words in the longest.
    const LONGEST: usize;

    /// Whether `info` is of a plain message that is not longer.
    #[inline(always)]
    fn admit(info: u64) -> bool {
        info & MessageInfo::FORM_MASK <= Self::LONGEST as u64
    }
}

/// Messages in registers.
#[derive(Debug)]
pub enum Short {}

impl Lengths for Short {
    const LONGEST: usize = MESSAGE_REGISTERS;
}

/// Messages in registers, where it has been found out already that they are.
#[derive(Debug)]
pub enum Admitted {}

impl Lengths for Admitted {
    const LONGEST: usize = MESSAGE_REGISTERS;

    #[inline(always)]
    fn admit(_info: u64) -> bool {
        true
    }
}

/// Messages of any length; the short ones with needless work.
#[derive(Debug)]
pub enum Long {}

impl Lengths for Long {
    const LONGEST: usize = MESSAGE_WORDS;
}

/// Whose vector states a fast path looks after. Those of both sides, unless it says otherwise.
pub trait Owners {
    /// The mask that lets `pcb` take the path.
    #[inline(always)]
    fn mask<C>(pcb: &Pcb<C>) -> u64 {
        pcb.vector_mask.get()
    }

    /// The state of a process in `phase` on CPU `number`, with no flags but what the path looks
    /// after, as in `state`.
    #[inline(always)]
    fn afresh(state: &Cell<State>, phase: Phase, _number: CpuNumber) -> State {
        state.get().afresh(phase)
    }

    /// Whether `state` is `expected`, or differs in what the path looks after.
    #[inline(always)]
    fn is(state: State, expected: State) -> bool {
        state.with_vector(false) == expected
    }

    /// [`is`](Self::is) for the process that is served, where that differs.
    #[inline(always)]
    fn is_client(state: State, expected: State) -> bool {
        Self::is(state, expected)
    }

    /// [`is`](Self::is) for the one that serves, where the machine has not been asked whether it can
    /// [`switch`](Self::switch).
    #[inline(always)]
    fn is_server<C>(server: &Pcb<C>, expected: State) -> bool {
        Self::is(server.state.get(), expected)
    }

    /// Whether the machine can [`switch`](Self::switch). A mask that is not 0 says so as well.
    #[inline(always)]
    fn can_switch<H: Hal>(hal: &H) -> bool {
        hal.switches_vectors()
    }

    /// Makes the vector unit ready for `to`.
    #[inline(always)]
    fn switch<H: Hal>(hal: &H, cpu: &H::Cpu, to: &H::Context) {
        hal.switch_vectors(cpu, to);
    }

    /// [`switch`](Self::switch) to the process that serves `me`.
    #[inline(always)]
    fn switch_to_server<H: Hal>(hal: &H, cpu: &H::Cpu, _me: &H::Context, to: &H::Context) {
        Self::switch(hal, cpu, to);
    }
}

/// Neither side has a vector state.
#[derive(Debug)]
pub enum Plain {}

impl Owners for Plain {
    #[inline(always)]
    fn mask<C>(pcb: &Pcb<C>) -> u64 {
        pcb.fast_mask.get()
    }

    #[inline(always)]
    fn afresh(_state: &Cell<State>, phase: Phase, number: CpuNumber) -> State {
        State::new(phase, number)
    }

    #[inline(always)]
    fn is(state: State, expected: State) -> bool {
        state == expected
    }

    #[inline(always)]
    fn can_switch<H: Hal>(_hal: &H) -> bool {
        true
    }

    #[inline(always)]
    fn switch<H: Hal>(_hal: &H, _cpu: &H::Cpu, _to: &H::Context) {}
}

/// The process that is served has one, its server has none: a program and its resolver. Nothing is left to ask.
#[derive(Debug)]
pub enum Program {}

impl Owners for Program {
    #[inline(always)]
    fn afresh(_state: &Cell<State>, phase: Phase, number: CpuNumber) -> State {
        State::new(phase, number).with_vector(true)
    }

    #[inline(always)]
    fn is(state: State, expected: State) -> bool {
        state == expected
    }

    #[inline(always)]
    fn is_client(state: State, expected: State) -> bool {
        state == expected.with_vector(true)
    }

    #[inline(always)]
    fn is_server<C>(server: &Pcb<C>, expected: State) -> bool {
        Self::is(server.state.get(), expected) && Self::mask(server) != 0
    }

    /// The server's mask says it.
    #[inline(always)]
    fn can_switch<H: Hal>(_hal: &H) -> bool {
        true
    }

    #[inline(always)]
    fn switch<H: Hal>(hal: &H, cpu: &H::Cpu, to: &H::Context) {
        hal.take_vectors_up(cpu, to);
    }

    #[inline(always)]
    fn switch_to_server<H: Hal>(hal: &H, cpu: &H::Cpu, me: &H::Context, _to: &H::Context) {
        hal.put_vectors_aside(cpu, me);
    }
}

/// One side has one, or both have; or neither, with needless work.
#[derive(Debug)]
pub enum Vectors {}

impl Owners for Vectors {}

impl<H: Hal> Kernel<H> {
    /// `call` of process `me`. `None` if nothing has happened; else this must be the last thing its
    /// caller does.
    #[inline(always)]
    pub fn fast_call<L: Lengths, O: Owners>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        const NOTHING_THERE: MessageInfo =
            MessageInfo::failure(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR));
        let client = self.store.get(me);
        let slot = self.store.fast_slot(client, O::mask(client), descriptor)?;
        if !L::admit(info) {
            return None;
        }
        let Some((port, identifier)) = slot.port(Rights::WRITE) else {
            // The message words stay its own.
            return slot
                .is_empty()
                .then(|| self.hal().stay(cpu, &client.context, 0, NOTHING_THERE.0, word4, word5));
        };
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let server = self.store.get(receiver);
        if !O::is(server.state.get(), State::new(Phase::Receiving, H::cpu_number(cpu))) {
            return None;
        }
        if L::LONGEST > MESSAGE_REGISTERS && !self.fast_copy(client, server, info) {
            return None;
        }

        port.receivers.drop_front(&self.store, receiver);
        self.fast_accept(client, me, server, receiver);
        client.state.set(client.state.get().with_phase(Phase::AwaitingReply));
        O::switch(self.hal(), cpu, &server.context);
        Some(self.hal().leave(cpu, &server.context, identifier, info, word4, word5))
    }

    /// `server`, which is `receiver` and was waiting, serves `client`, which is `me`, from now on.
    #[inline(always)]
    pub(crate) fn fast_accept(
        &self,
        client: &Pcb<H::Context>,
        me: Ref<Process>,
        server: &Pcb<H::Context>,
        receiver: Ref<Process>,
    ) {
        server.caller.set(Some(me));
        server.state.set(server.state.get().with_phase(Phase::Running));
        client.partner.set(Some(receiver));
    }

    /// `reply_receive` of process `me`, otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_reply_receive<L: Lengths, O: Owners>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let server = self.store.get(me);
        if !L::admit(info) {
            return None;
        }
        let client = self.store.get(server.caller.get()?);
        if !O::is(client.state.get(), State::new(Phase::AwaitingReply, number)) {
            return None;
        }
        let slot = self.store.fast_slot(server, O::mask(server), descriptor)?;
        let port = self.fast_port(slot)?;
        if L::LONGEST > MESSAGE_REGISTERS && !self.fast_copy(server, client, info) {
            return None;
        }

        self.fast_wait(server, me, port);
        client.state.set(client.state.get().with_phase(Phase::Running));
        O::switch(self.hal(), cpu, &client.context);
        Some(self.hal().leave(cpu, &client.context, 0, info, word4, word5))
    }

    /// The port in `slot` to receive at, if nobody else is there.
    #[inline(always)]
    pub(crate) fn fast_port(&self, slot: &Slot) -> Option<Ref<Port>> {
        let (port, _) = slot.port(Rights::READ)?;
        let queues = self.store.get(port);
        if queues.senders.first().is_some() || queues.receivers.first().is_some() {
            return None;
        }
        Some(port)
    }

    /// `server`, which is `me` and has replied, waits at the empty `port`.
    #[inline(always)]
    pub(crate) fn fast_wait(&self, server: &Pcb<H::Context>, me: Ref<Process>, port: Ref<Port>) {
        self.store.get(port).receivers.start(me);
        server.caller.set(None);
        server.blocked_port.set(Some(port));
        server.state.set(server.state.get().with_phase(Phase::Receiving));
    }

    /// Copies the words that do not fit into registers; `false` if a buffer is missing.
    #[inline(always)]
    fn fast_copy(&self, from: &Pcb<H::Context>, to: &Pcb<H::Context>, info: u64) -> bool {
        let (source, target) = (from.buffer.get(), to.buffer.get());
        if source == NO_BUFFER || target == NO_BUFFER {
            return false;
        }
        self.store.copy_words(source, target, MESSAGE_REGISTERS, MessageInfo(info).length());
        true
    }
}
