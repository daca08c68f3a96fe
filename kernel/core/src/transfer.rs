//! Messages on their way from one process to another.

use a9n_abi::{Culprit, Error, MESSAGE_REGISTERS, MessageInfo, Reason, Source};
use a9n_hal::{CallFrame, Context, Hal, PhysicalAddress, Trap};
use a9n_store::{Capability, Internal, Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// The page of `process`'s IPC buffer.
    fn buffer(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        let slot = self.store.internal_slot(process, Internal::Buffer);
        match self.store.get(slot).capability() {
            Some(Capability::Frame { base, .. }) => Some(base),
            _ => None,
        }
    }

    /// Whether `process` may send the message in `frame`.
    pub(crate) fn check_message(
        &self,
        process: Ref<Process>,
        frame: &CallFrame,
    ) -> Result<MessageInfo, Error> {
        let info = MessageInfo(frame.info);
        if !info.is_sendable() {
            return Err(Error::new(Reason::InvalidArgument, Culprit::INFO));
        }
        if info.capabilities() != 0 {
            return Err(Error::new(Reason::NotImplemented, Culprit::INFO));
        }
        if info.length() > MESSAGE_REGISTERS && self.buffer(process).is_none() {
            return Err(Error::new(Reason::InvalidArgument, Culprit::IPC_BUFFER));
        }
        Ok(info)
    }

    /// Gives `receiver` the message that `sender` is making a kernel call with, or the trap that
    /// it is stopped by.
    pub(crate) fn deliver(&self, sender: Ref<Process>, receiver: Ref<Process>, identifier: u64) {
        let pcb = self.store.get(sender);
        pcb.messages.set(pcb.messages.get().wrapping_add(1));
        let trap = if pcb.state.get().is_trapped() { pcb.trap.get() } else { None };
        if let Some(trap) = trap {
            let (info, words) = trap_message(&pcb.context, trap);
            self.context(receiver).answer(identifier, info.0, &words);
            return;
        }
        let frame = pcb.context.call();
        let sent = MessageInfo(frame.info);
        let length = self.copy_buffer(sender, receiver, sent.length());
        let info = MessageInfo::new(sent.label(), length);
        self.context(receiver).answer(identifier, info.0, &frame.words);
    }

    /// Copies the words that do not fit into registers. Answers the length that arrives: without
    /// a buffer on either side, the register words.
    fn copy_buffer(&self, sender: Ref<Process>, receiver: Ref<Process>, length: usize) -> usize {
        if length <= MESSAGE_REGISTERS {
            return length;
        }
        let (Some(from), Some(to)) = (self.buffer(sender), self.buffer(receiver)) else {
            return MESSAGE_REGISTERS;
        };
        for word in MESSAGE_REGISTERS..length {
            self.store.write_word(to, word, self.store.read_word(from, word));
        }
        length
    }
}

/// What the resolver of a process with these registers is told of `trap`.
///
/// | trap | label | words |
/// |---|---|---|
/// | fault | [`FaultReason`](a9n_abi::FaultReason) | instruction pointer, address, code |
/// | foreign call | its number | its six arguments |
/// | stopped | 0 | instruction pointer |
fn trap_message<C: Context>(context: &C, trap: Trap) -> (MessageInfo, [u64; MESSAGE_REGISTERS]) {
    let instruction = context.instruction_pointer().0;
    match trap {
        Trap::Fault(fault) => (
            MessageInfo::new(fault.reason as u32, 3).from_source(Source::Fault),
            [instruction, fault.address.0, fault.code, 0, 0, 0],
        ),
        Trap::ForeignCall => {
            let (number, arguments) = context.foreign_call();
            let info = MessageInfo::new(number as u32, MESSAGE_REGISTERS);
            (info.from_source(Source::Foreign), arguments)
        }
        Trap::Stopped => {
            (MessageInfo::new(0, 1).from_source(Source::Stopped), [instruction, 0, 0, 0, 0, 0])
        }
    }
}
