//! The fast paths of whoever controls processes: reading and writing one register of a process that
//! cannot run at this moment, letting one run that was stopped, and stopping one that trapped.
//!
//! A resolver that keeps callers waiting lives by them. They rely on what the paths in `fast` rely on.

use a9n_abi::{MessageInfo, Rights, Verdict, pcb};
use a9n_hal::{Context, Hal};
use a9n_store::{Internal, Pcb, Phase, Process, Ref, State};

use crate::Kernel;
use crate::cpu::Place;
use crate::fast::{Lengths, Owners, Short, Vectors};
use crate::fast_switch::DONE;

impl<H: Hal> Kernel<H> {
    /// `read_register` or `write_register` of process `me`, as `operation` says; the words stand in its
    /// context. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_register(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        (descriptor, operation): (u64, u64),
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const VALUE: MessageInfo = MessageInfo::success(1);
        let caller = self.store.get(me);
        let writes = operation == pcb::word::WriteRegister;
        let rights = if writes { Rights::MODIFY } else { Rights::READ };
        let process = self.fast_process(caller, descriptor, rights)?;
        let state = process.state.get();
        if state.is_guest() || !(state.phase() == Phase::Stopped || state.is_trapped()) {
            return None;
        }
        let [register, value, ..] = caller.context.call().words;
        let register = usize::try_from(register).ok()?;
        let (value, info) = if writes {
            let is_known = register < H::Context::REGISTERS;
            (is_known && process.context.write(register, value)).then_some((0, DONE))?
        } else {
            (process.context.read(register)?, VALUE)
        };
        Some(self.hal().stay(cpu, &caller.context, value, info.0, word4, word5))
    }

    /// `resume` of process `me`, of a stopped process of this CPU that is not more urgent. Otherwise like
    /// [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_resume(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let process = slot.process(Rights::WRITE)?;
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        let context = pcb.scheduling.get();
        if !Vectors::is(state.with_trap(false), State::new(Phase::Stopped, number))
            || pcb.affinity.get() != number
            || context.remaining == 0
            || context.priority > self.cpu(number).priority()
            || context.priority < pcb.priority.get()
            || !pcb.slots[Internal::AddressSpace as usize].is_user_space()
        {
            return None;
        }

        pcb.trap.set(None);
        pcb.state.set(state.afresh(Phase::Ready));
        self.cpu(number).enqueue(&self.store, process, context.priority, Place::Back);
        Some(self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5))
    }

    /// `reply_receive` of process `me` that stops a trapped process, where nobody else has come and
    /// somebody is ready to run. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_stop(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let server = self.store.get(me);
        let client = self.store.get(server.caller.get()?);
        let trapped = State::new(Phase::AwaitingReply, number).with_trap(true);
        let slot = self.store.fast_slot(server, server.fast_mask.get(), descriptor)?;
        let port = self.fast_port(slot)?;
        if !Short::admit(info)
            || Verdict::from_label(MessageInfo(info).label()) != Verdict::Stop
            || !Vectors::is(client.state.get(), trapped)
            || client.partner.get() != Some(me)
            || !self.is_plainly(server, Phase::Running, number)
            || !Vectors::can_switch(self.hal())
        {
            return None;
        }
        let next = self.fast_successor::<Vectors>(number)?;

        client.state.set(client.state.get().with_phase(Phase::Stopped));
        client.partner.set(None);
        self.fast_return(self.cpu(number), client, self.own_context(me));
        self.fast_wait(server, me, port);
        Some(self.fast_pass_on::<Vectors>(cpu, server, next))
    }

    /// The process that `caller` names, if its capability has (at least) `rights`.
    #[inline(always)]
    fn fast_process(
        &self,
        caller: &Pcb<H::Context>,
        descriptor: u64,
        rights: Rights,
    ) -> Option<&Pcb<H::Context>> {
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        Some(self.store.get(slot.process(rights)?))
    }
}
