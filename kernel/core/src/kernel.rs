//! The kernel as a value, and its entries.

use core::cell::Cell;

use a9n_abi::{
    Culprit, Descriptor, Error, Invocation, MESSAGE_REGISTERS, MessageInfo, OPERATION_MASK, Reason,
    Rights, ipc_port, reply,
};
use a9n_hal::{CallFrame, Context, CpuNumber, Fault, Hal, Interrupt, Ticks, Trap};
use a9n_store::{Capability, Dying, Node, Process, Ref, Slot, Store};

use crate::binding::Binding;
use crate::cpu::Cpu;
use crate::outcome::{Budget, Outcome, Stop};

/// CPUs that one kernel can run.
pub const MAXIMUM_CPUS: usize = 16;

/// A kernel and its machine.
#[derive(Debug)]
pub struct Kernel<H: Hal> {
    pub(crate) store: Store<H>,
    pub(crate) cpus: [Cpu; MAXIMUM_CPUS],
    /// The CPU that runs the kernel at this moment, one at a time.
    pub(crate) here: Cell<CpuNumber>,
    /// How many CPUs run processes; 0 before boot.
    pub(crate) cpu_count: Cell<CpuNumber>,
    /// Length of a full quantum in ticks; 0 before boot.
    pub(crate) quantum: Cell<Ticks>,
    /// Objects without a capability that still have parts to let go.
    pub(crate) dying: Cell<Option<Dying>>,
    /// A node that no descriptor reaches, for what the kernel itself holds on to: the Notification
    /// Ports that timers and interrupts signal. There from boot on.
    pub(crate) bindings: Cell<Option<Ref<Node>>>,
    /// A bit for each interrupt that has a port.
    pub(crate) claimed: [Cell<u64>; CLAIM_WORDS],
}

/// Words with a bit for each interrupt.
pub(crate) const CLAIM_WORDS: usize = (Interrupt::COUNT / u64::BITS as u64) as usize;

const _: () = assert!(CLAIM_WORDS.is_power_of_two());

/// Who makes a kernel call, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The process.
    pub(crate) process: Ref<Process>,
    /// The CPU that it runs on.
    pub(crate) cpu: CpuNumber,
}

impl<H: Hal> Kernel<H> {
    /// A kernel on `hal` without processes; [`boot`](Self::boot) makes the first.
    pub const fn new(hal: H) -> Self {
        Self {
            store: Store::new(hal),
            cpus: [const { Cpu::new() }; MAXIMUM_CPUS],
            here: Cell::new(0),
            cpu_count: Cell::new(0),
            quantum: Cell::new(0),
            dying: Cell::new(None),
            bindings: Cell::new(None),
            claimed: [const { Cell::new(0) }; CLAIM_WORDS],
        }
    }

    /// The machine.
    pub const fn hal(&self) -> &H {
        self.store.hal()
    }

    /// What `process` runs with; for the machine, which resumes it.
    pub fn context(&self, process: Ref<Process>) -> &H::Context {
        &self.store.get(process).context
    }

    /// `process` made a kernel call on `cpu`. Answers whom to run next, `None` to idle.
    pub fn call(&mut self, cpu: CpuNumber, process: Ref<Process>) -> Option<Ref<Process>> {
        self.enter(cpu, Some(process));
        let frame = self.store.get(process).context.call();
        let outcome = if self.store.get(process).context.is_foreign() {
            self.store.get(process).context.resume_whole();
            self.trap(process, Trap::ForeignCall);
            Ok(Outcome::Settled)
        } else {
            self.invoke(Caller { process, cpu }, &frame)
        };
        // The call may have destroyed its own caller.
        if self.current(cpu) == Some(process) {
            let pcb = self.store.get(process);
            let context = &pcb.context;
            if outcome != Err(Stop::Restart) {
                pcb.batch.set((0, 0));
            }
            match outcome {
                Ok(outcome) => {
                    // The first word stands in the identifier's register, the others are the message's.
                    if let Some((length, [first, second, third, fourth])) = outcome.answer() {
                        let rest = [second, third, fourth, 0, 0, 0];
                        context.answer(first, MessageInfo::success(length).0, &rest);
                    }
                }
                Err(Stop::Restart) => context.restart(frame.operation),
                Err(Stop::RestartAs(operation)) => context.restart(operation),
                Err(Stop::Refused(error)) => {
                    context.answer(0, MessageInfo::failure(error).0, &[0; MESSAGE_REGISTERS]);
                }
            }
        }
        self.next(cpu)
    }

    /// `process` faulted on `cpu`. Answers whom to run next, `None` to idle.
    pub fn fault(
        &mut self,
        cpu: CpuNumber,
        process: Ref<Process>,
        fault: Fault,
    ) -> Option<Ref<Process>> {
        self.enter(cpu, Some(process));
        if let Some(resolver) = self.fast_fault(cpu, process, fault) {
            return Some(resolver);
        }
        self.trap(process, Trap::Fault(fault));
        self.next(cpu)
    }

    /// `process` left its guest on `cpu`, for its monitor. Answers whom to run next, `None` to idle.
    pub fn guest_exit(&mut self, cpu: CpuNumber, process: Ref<Process>) -> Option<Ref<Process>> {
        self.enter(cpu, Some(process));
        self.trap(process, Trap::Exit);
        self.next(cpu)
    }

    /// The timer of `cpu` went off while `process` ran there (`None`: it was idle). Answers whom
    /// to run next, `None` to idle.
    pub fn timer(&mut self, cpu: CpuNumber, process: Option<Ref<Process>>) -> Option<Ref<Process>> {
        self.enter(cpu, process);
        self.expire(cpu);
        // Who began a removal may have died in the middle of it. What is left after this waits.
        let _ = self.drain(&mut Budget::new());
        self.next(cpu)
    }

    /// Another CPU nudged `cpu`, which ran `process` (`None`: it was idle). Answers whom to run
    /// next, `None` to idle.
    pub fn nudged(
        &mut self,
        cpu: CpuNumber,
        process: Option<Ref<Process>>,
    ) -> Option<Ref<Process>> {
        self.enter(cpu, process);
        self.expire(cpu);
        self.next(cpu)
    }

    /// `interrupt` came in on `cpu` while `process` ran there (`None`: it was idle); if it is a
    /// line, it is masked now. Answers whom to run next, `None` to idle.
    pub fn interrupt(
        &mut self,
        cpu: CpuNumber,
        process: Option<Ref<Process>>,
        interrupt: Interrupt,
    ) -> Option<Ref<Process>> {
        self.enter(cpu, process);
        self.signal_binding(Binding::Interrupt(interrupt));
        self.next(cpu)
    }

    /// Decodes a kernel call, finds and checks its capability, and hands it to its object.
    fn invoke(&mut self, caller: Caller, frame: &CallFrame) -> Result<Outcome, Stop> {
        use Capability as C;
        use Invocation as I;

        use ipc_port::Operation::{Receive, ReplyReceive};

        let invocation = Invocation::decode(frame.operation, &frame.words)?;
        let names_reply_slot = matches!(invocation, I::IpcPort(Receive | ReplyReceive));
        if frame.operation > OPERATION_MASK && !names_reply_slot {
            return Err(Error::new(Reason::IllegalOperation, Culprit::OPERATION).into());
        }
        match invocation {
            I::Kernel(operation) => return self.invoke_kernel(caller, operation),
            I::Reply(reply::Operation::Reply) if frame.descriptor == 0 => {
                return self.reply_internal(caller, frame);
            }
            I::Reply(reply::Operation::Keep) => {
                return self.keep_reply(caller.process, Descriptor(frame.descriptor));
            }
            _ => {}
        }
        let slot =
            self.lookup(caller.process, Descriptor(frame.descriptor), Culprit::DESCRIPTOR)?;
        let capability = self
            .store
            .get(slot)
            .capability()
            .ok_or(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR))?;
        match (invocation, capability) {
            (I::Generic(operation), generic @ C::Generic { .. }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_generic(caller, slot, &generic, operation)
            }
            (I::Node(operation), C::Node(node)) => {
                self.demand(slot, operation.rights())?;
                self.invoke_node(caller, node, operation)
            }
            (I::Pcb(operation), C::Pcb { process, highest_priority }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_pcb(caller, slot, process, highest_priority, operation)
            }
            (
                I::AddressSpace(operation),
                C::AddressSpace(space) | C::VirtualAddressSpace(space),
            ) => {
                self.demand(slot, operation.rights())?;
                self.invoke_space(caller, space, operation)
            }
            (I::Frame(operation), C::Frame { base, size_bits, kind }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_frame(caller, slot, (base, size_bits, kind), operation)
            }
            (I::Window(operation), C::Window { .. }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_window(slot, operation)
            }
            (I::IpcPort(operation), C::IpcPort { port, identifier }) => {
                self.demand(slot, operation.rights())?;
                let rights = self.store.get(slot).rights();
                self.invoke_port(caller, (port, identifier, rights), operation, frame)
            }
            (I::Reply(reply::Operation::Reply), C::Reply { caller: to }) => {
                self.reply_stored(caller, slot, to, frame)
            }
            (I::NotificationPort(operation), C::Notification { notification, identifier }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_notification(caller, notification, identifier, operation)
            }
            (I::Timer(operation), C::Timer { cpu }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_timer(caller, cpu, operation)
            }
            (I::InterruptRegion(operation), C::InterruptRegion) => {
                self.demand(slot, operation.rights())?;
                self.invoke_interrupt_region(caller, slot, operation)
            }
            (I::InterruptPort(operation), C::InterruptPort { interrupt }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_interrupt_port(caller, interrupt, operation)
            }
            (I::IoPort(operation), C::IoPort { first, last }) => {
                self.demand(slot, operation.rights())?;
                self.invoke_io_port(caller, slot, (first, last), operation)
            }
            _ => Err(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR).into()),
        }
    }

    /// Refuses unless the capability in `slot` has all of `rights`.
    fn demand(&self, slot: Ref<Slot>, rights: Rights) -> Result<(), Error> {
        if self.store.get(slot).rights().contains(rights) {
            Ok(())
        } else {
            Err(Error::new(Reason::PermissionDenied, Culprit::DESCRIPTOR))
        }
    }

    /// What a process may ask without a capability.
    fn invoke_kernel(
        &mut self,
        caller: Caller,
        operation: a9n_abi::kernel::Operation,
    ) -> Result<Outcome, Stop> {
        use a9n_abi::kernel::Operation;
        match operation {
            Operation::Yield => self.yield_cpu(caller),
            Operation::DebugWrite { length, text0, text1, text2, text3, text4 } => {
                let words = [text0, text1, text2, text3, text4];
                let bytes = words.iter().flat_map(|word| word.to_le_bytes());
                for byte in bytes.take(usize::try_from(length).unwrap_or(usize::MAX)) {
                    self.hal().write_console(byte);
                }
            }
            Operation::DebugExit { success } => self.hal().debug_exit(success != 0),
            Operation::Settle => self.settle(&mut Budget::new())?,
        }
        Ok(Outcome::Nothing)
    }
}
