//! Processes: configuring, starting and stopping them.

use a9n_abi::{
    Culprit, Descriptor, Error, MESSAGE_REGISTERS, MessageInfo, Reason, Rights, pcb::Operation,
};
use a9n_hal::{Context, Hal, PhysicalAddress, UserAddress};
use a9n_store::{Capability, Internal, MemoryKind, Phase, Process, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};

/// Parts of a quantum in the longest turn.
const WHOLE_TURN: u64 = 1024;

/// What one of a process's internal slots is to hold.
pub(crate) type Choice = (Internal, Ref<Slot>, Capability);

impl<H: Hal> Kernel<H> {
    /// Makes a stopped process at `address`, whose turns are as long as any.
    pub(crate) fn create_process(&mut self, address: PhysicalAddress) -> Ref<Process> {
        let process = self.store.create_process(address);
        self.store.get(process).turn.set(self.quantum.get());
        process
    }

    pub(crate) fn invoke_pcb(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        process: Ref<Process>,
        highest_priority: u8,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::ConfigureSpaces { space, node, buffer } => {
                self.configure_spaces(caller, process, (space, node, buffer))
            }
            Operation::ConfigureEntry { instruction, stack, thread_base, argument } => {
                self.configure_entry(process, instruction, stack, (thread_base, argument))
            }
            Operation::ConfigureSchedule { priority, cpu, foreign } => {
                self.configure_schedule(process, highest_priority, priority, (cpu, foreign))
            }
            Operation::ConfigureTurn { parts } => self.configure_turn(process, parts),
            Operation::ConfigurePorts { resolver, notification } => {
                self.configure_ports(caller, process, resolver, notification)
            }
            Operation::ReadRegister { register } => {
                let context = self.stopped(process)?;
                usize::try_from(register)
                    .ok()
                    .and_then(|register| context.read(register))
                    .map(Outcome::Word)
                    .ok_or(bad_argument(Reason::InvalidArgument, 1).into())
            }
            Operation::WriteRegister { register, value } => {
                self.demand_no_guest(process)?;
                let context = self.stopped(process)?;
                let register =
                    usize::try_from(register).ok().filter(|r| *r < H::Context::REGISTERS);
                let register = register.ok_or(bad_argument(Reason::InvalidArgument, 1))?;
                if !context.write(register, value) {
                    return Err(bad_argument(Reason::InvalidArgument, 2).into());
                }
                Ok(Outcome::Nothing)
            }
            Operation::Resume => self.resume(process),
            Operation::Suspend => {
                self.quiesce(process)?;
                Ok(self.suspend(caller, process))
            }
            Operation::Cancel => {
                if self.is_blocked(process) {
                    self.fail_blocked(process, Reason::Cancelled);
                }
                Ok(Outcome::Nothing)
            }
            Operation::Information => {
                let pcb = self.store.get(process);
                Ok(Outcome::words([
                    self.time_of(process),
                    pcb.messages.get(),
                    pcb.state.get().phase() as u64,
                    u64::from(pcb.priority.get()),
                ]))
            }
            Operation::LimitPriority { priority } => {
                let limit = u8::try_from(priority)
                    .ok()
                    .filter(|limit| *limit <= highest_priority)
                    .ok_or(bad_argument(Reason::InvalidArgument, 1))?;
                self.store.get(slot).update(Capability::Pcb { process, highest_priority: limit });
                Ok(Outcome::Nothing)
            }
            Operation::CloneState { source } => self.clone_state(caller, process, source),
            Operation::ReadVector => self.read_vector(caller, process),
            Operation::WriteVector => self.write_vector(caller, process),
            Operation::ConfigureGuest { cpu, space } => {
                self.configure_guest(caller, process, cpu, space)
            }
            Operation::ConfigureExit { reason, groups } => {
                self.configure_exit(process, reason, groups)
            }
            Operation::ReadGuest { groups } => self.read_guest(caller, process, groups),
            Operation::WriteGuest { groups } => self.write_guest(caller, process, groups),
            Operation::Interrupt => {
                self.interrupt_process(process);
                Ok(Outcome::Nothing)
            }
            Operation::ConfigureVector { state } => {
                self.stopped(process)?;
                let choice = self.choose(caller, Internal::VectorState, state, 1)?;
                if let Some((_, slot, _)) = choice
                    && self.first_child(slot).is_some()
                {
                    return Err(bad_argument(Reason::Busy, 1).into());
                }
                if let Some(choice) = choice {
                    self.install_choice(process, choice)?;
                }
                Ok(Outcome::Nothing)
            }
        }
    }

    /// The context of `process`, which must not be able to run at this moment.
    pub(crate) fn stopped(&self, process: Ref<Process>) -> Result<&H::Context, Error> {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        if state.phase() == Phase::Stopped || state.is_trapped() {
            Ok(&pcb.context)
        } else {
            Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR))
        }
    }

    fn is_blocked(&self, process: Ref<Process>) -> bool {
        let phase = self.store.get(process).state.get().phase();
        !matches!(phase, Phase::Stopped | Phase::Ready | Phase::Running)
    }

    fn configure_spaces(
        &mut self,
        caller: Caller,
        process: Ref<Process>,
        (space, node, buffer): (Descriptor, Descriptor, Descriptor),
    ) -> Result<Outcome, Stop> {
        self.stopped(process)?;
        let space = self.choose(caller, Internal::AddressSpace, space, 1)?;
        match space {
            Some((_, _, Capability::VirtualAddressSpace(_))) => {
                return Err(bad_argument(Reason::InvalidDescriptor, 1).into());
            }
            Some(_) => self.demand_no_guest(process)?,
            None => {}
        }
        let node = self.choose(caller, Internal::Node, node, 2)?;
        let buffer = self.choose(caller, Internal::Buffer, buffer, 3)?;
        for choice in [space, node, buffer].into_iter().flatten() {
            self.install_choice(process, choice)?;
        }
        Ok(Outcome::Nothing)
    }

    fn configure_ports(
        &mut self,
        caller: Caller,
        process: Ref<Process>,
        resolver: Descriptor,
        notification: Descriptor,
    ) -> Result<Outcome, Stop> {
        let resolver = self.choose(caller, Internal::Resolver, resolver, 1)?;
        let notification = self.choose(caller, Internal::Notification, notification, 2)?;
        if let Some((_, _, Capability::Notification { notification, .. })) = notification
            && self.store.get(notification).bound.get().is_some_and(|bound| bound != process)
        {
            return Err(bad_argument(Reason::Busy, 2).into());
        }
        for choice in [resolver, notification].into_iter().flatten() {
            self.install_choice(process, choice)?;
        }
        Ok(Outcome::Nothing)
    }

    /// Checks what `descriptor`, argument `number`, offers for `internal`; `None` if it is null.
    pub(crate) fn choose(
        &self,
        caller: Caller,
        internal: Internal,
        descriptor: Descriptor,
        number: u8,
    ) -> Result<Option<Choice>, Error> {
        if descriptor == Descriptor::NULL {
            return Ok(None);
        }
        let (slot, capability) = self.lookup_argument(caller.process, descriptor, number)?;
        let needed = match (internal, capability) {
            (
                Internal::AddressSpace,
                Capability::AddressSpace(_) | Capability::VirtualAddressSpace(_),
            )
            | (Internal::Node, Capability::Node(_)) => Rights::READ,
            (Internal::Buffer, Capability::Frame { kind: MemoryKind::Ordinary, .. }) => {
                Rights::READ | Rights::WRITE
            }
            (Internal::VectorState, Capability::VectorState { .. })
            | (Internal::VirtualCpu, Capability::VirtualCpu { .. }) => Rights::WRITE,
            (Internal::Resolver, Capability::IpcPort { .. }) => Rights::WRITE,
            (Internal::Notification, Capability::Notification { .. }) => Rights::READ,
            _ => return Err(bad_argument(Reason::InvalidDescriptor, number)),
        };
        if !self.store.get(slot).rights().contains(needed) {
            return Err(bad_argument(Reason::PermissionDenied, number));
        }
        self.child_depth(slot, Culprit::argument(number))?;
        Ok(Some((internal, slot, capability)))
    }

    /// Puts a checked choice into its internal slot. A window or a table never stands there, so
    /// emptying the slot first takes one step.
    pub(crate) fn install_choice(
        &mut self,
        process: Ref<Process>,
        (internal, source, capability): Choice,
    ) -> Result<(), Stop> {
        let target = self.store.internal_slot(process, internal);
        if internal == Internal::AddressSpace {
            // It loses the old one without being stopped: it may be waiting for its resolver.
            self.unlink_derivation(target);
            self.store.get(target).clear();
        } else if !self.store.get(target).is_empty() {
            self.empty_leaf(target, &mut Budget::new())?;
        }
        let rights = self.store.get(source).rights();
        let depth = self.child_depth(source, Culprit::OTHER)?;
        self.derive_child(source, target, capability, rights, depth);
        self.store.get(target).mark_internal();
        let pcb = self.store.get(process);
        match capability {
            Capability::AddressSpace(space) => {
                pcb.context.set_address_space(Some(self.store.root_table(space)));
                self.spread_space(process);
            }
            Capability::VirtualAddressSpace(space) => {
                pcb.context.set_address_space(None);
                if let Some(guest) = self.guest(process) {
                    self.hal().set_guest_memory(guest, self.store.root_table(space));
                }
                self.spread_space(process);
            }
            Capability::VirtualCpu { guest } => {
                pcb.context.set_guest(Some(guest));
                pcb.state.set(pcb.state.get().with_guest(true));
            }
            Capability::Node(node) => pcb.node.set(Some(node)),
            Capability::Frame { base, .. } => pcb.buffer.set(base),
            Capability::VectorState { state } => {
                pcb.context.set_vector_state(Some(state));
                pcb.state.set(pcb.state.get().with_vector(true));
            }
            Capability::Notification { notification, .. } => {
                self.store.get(notification).bound.set(Some(process));
                self.offer_signals(notification);
            }
            _ => {}
        }
        self.refresh_fast_mask(process);
        Ok(())
    }

    fn configure_entry(
        &mut self,
        process: Ref<Process>,
        instruction: u64,
        stack: u64,
        (thread_base, argument): (u64, u64),
    ) -> Result<Outcome, Stop> {
        let context = self.stopped(process)?;
        let inside = |address: u64, number| {
            if UserAddress(address) < H::USER_END {
                Ok(UserAddress(address))
            } else {
                Err(bad_argument(Reason::InvalidArgument, number))
            }
        };
        let instruction = inside(instruction, 1)?;
        // A stack may begin right at the end.
        let stack = inside(stack.saturating_sub(1), 2).map(|_| UserAddress(stack))?;
        if !context.set_thread_base(inside(thread_base, 3)?) {
            return Err(bad_argument(Reason::InvalidArgument, 3).into());
        }
        context.set_instruction_pointer(instruction);
        context.set_stack_pointer(stack);
        context.set_argument(argument);
        Ok(Outcome::Nothing)
    }

    fn configure_schedule(
        &mut self,
        process: Ref<Process>,
        highest_priority: u8,
        priority: u64,
        (cpu, foreign): (u64, u64),
    ) -> Result<Outcome, Stop> {
        let priority = u8::try_from(priority)
            .ok()
            .filter(|priority| *priority <= highest_priority)
            .ok_or(bad_argument(Reason::InvalidArgument, 1))?;
        let cpu = u8::try_from(cpu)
            .ok()
            .filter(|cpu| *cpu < self.cpu_count.get())
            .ok_or(bad_argument(Reason::InvalidArgument, 2))?;
        if foreign > 1 {
            return Err(bad_argument(Reason::InvalidArgument, 3).into());
        }
        let pcb = self.store.get(process);
        pcb.context.set_foreign(foreign == 1);
        // Progress of a native call must not outlast the change: a foreign call would not clear it.
        pcb.batch.set((0, 0));
        pcb.affinity.set(cpu);
        self.spread_space(process);
        self.refresh_fast_mask(process);
        pcb.priority.set(priority);
        pcb.ceiling.set(highest_priority);
        // A process that serves a caller goes on with that caller's priority.
        if !self.borrows_context(process) {
            self.renew_context(process);
        }
        match pcb.state.get().phase() {
            Phase::Ready => {
                self.unready(process);
                self.make_ready(process);
            }
            // It goes to its CPU at its next scheduling decision, which no fast path may put off.
            Phase::Running if pcb.state.get().cpu() != self.here.get() => {
                pcb.state.set(pcb.state.get().with_move());
                self.hal().nudge(pcb.state.get().cpu());
            }
            Phase::Running => {}
            _ => pcb.state.set(pcb.state.get().with_cpu(cpu)),
        }
        Ok(Outcome::Nothing)
    }

    fn configure_turn(&self, process: Ref<Process>, parts: u64) -> Result<Outcome, Stop> {
        if parts.wrapping_sub(1) >= WHOLE_TURN {
            return Err(bad_argument(Reason::InvalidArgument, 1).into());
        }
        let turn = self.quantum.get().wrapping_mul(parts) / WHOLE_TURN;
        self.store.get(process).turn.set(turn.max(1));
        Ok(Outcome::Nothing)
    }

    fn clone_state(
        &mut self,
        caller: Caller,
        process: Ref<Process>,
        source: Descriptor,
    ) -> Result<Outcome, Stop> {
        let (slot, capability) = self.lookup_argument(caller.process, source, 1)?;
        let Capability::Pcb { process: source, .. } = capability else {
            return Err(bad_argument(Reason::InvalidDescriptor, 1).into());
        };
        if !self.store.get(slot).rights().contains(Rights::READ) {
            return Err(bad_argument(Reason::PermissionDenied, 1).into());
        }
        self.stopped(source).map_err(|_| bad_argument(Reason::Busy, 1))?;
        self.stopped(process)?;
        self.demand_no_guest(source).map_err(|_| bad_argument(Reason::Busy, 1))?;
        self.demand_no_guest(process)?;
        self.clone_vector(source, process)?;
        self.context(process).copy_from(self.context(source));
        Ok(Outcome::Nothing)
    }

    fn resume(&mut self, process: Ref<Process>) -> Result<Outcome, Stop> {
        let pcb = self.store.get(process);
        if pcb.state.get().phase() != Phase::Stopped {
            return Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR).into());
        }
        if !self.is_complete(process) {
            return Err(Error::new(Reason::Incomplete, Culprit::DESCRIPTOR).into());
        }
        pcb.trap.set(None);
        self.make_ready(process);
        Ok(Outcome::Nothing)
    }

    fn suspend(&mut self, caller: Caller, process: Ref<Process>) -> Outcome {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        // Who ran elsewhere has been stopped there.
        let ran = state.is_evicted() && state.phase() == Phase::Stopped;
        let phase = if ran { Phase::Running } else { state.phase() } as u64;
        pcb.state.set(state.without_eviction());
        if process == caller.process {
            let info = MessageInfo::success(1);
            self.context(process).answer(phase, info.0, &[0; MESSAGE_REGISTERS]);
            self.halt(process);
            return Outcome::Settled;
        }
        self.halt(process);
        Outcome::Word(phase)
    }
}
