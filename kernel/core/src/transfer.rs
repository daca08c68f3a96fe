//! Messages on their way from one process to another.

use core::mem::offset_of;

use a9n_abi::{
    Culprit, Descriptor, Error, IpcBuffer, MESSAGE_REGISTERS, MessageInfo, Reason, Source,
};
use a9n_hal::{CallFrame, Context, Hal, PhysicalAddress, Trap};
use a9n_store::{Node, Process, Ref, Slot};

use crate::Kernel;
use crate::outcome::Stop;

/// Progress of a process that sends: its capabilities have been looked at.
const CHECKED: (u32, u32) = (1, 0);

/// What stands in a PCB instead of the page of an IPC buffer.
pub(crate) const NO_BUFFER: PhysicalAddress = PhysicalAddress(0);

/// Words of the IPC buffer, by number.
const CAPABILITIES: usize = offset_of!(IpcBuffer, capabilities) / size_of::<u64>();
const RECEIVE_NODE: usize = offset_of!(IpcBuffer, receive_node) / size_of::<u64>();
const RECEIVE_INDEX: usize = offset_of!(IpcBuffer, receive_index) / size_of::<u64>();
const RECEIVE_SLOTS: usize = offset_of!(IpcBuffer, receive_slots) / size_of::<u64>();

impl<H: Hal> Kernel<H> {
    /// The page of `process`'s IPC buffer.
    pub(crate) fn buffer(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        Some(self.store.get(process).buffer.get()).filter(|page| *page != NO_BUFFER)
    }

    /// Whether `process` may send the message in `frame`. To look at its capabilities and to pass
    /// them on takes long, so the call is repeated in between; what is passed on is looked at again.
    pub(crate) fn check_message(
        &self,
        process: Ref<Process>,
        frame: &CallFrame,
    ) -> Result<MessageInfo, Stop> {
        let info = MessageInfo(frame.info);
        if !info.is_sendable() {
            return Err(Error::new(Reason::InvalidArgument, Culprit::INFO).into());
        }
        let needs_buffer = info.length() > MESSAGE_REGISTERS || info.capabilities() != 0;
        if needs_buffer && self.buffer(process).is_none() {
            return Err(Error::new(Reason::InvalidArgument, Culprit::IPC_BUFFER).into());
        }
        let progress = &self.store.get(process).batch;
        // The call may block from here on, and must leave no progress for the next one to find.
        if info.capabilities() == 0 || progress.take() == CHECKED {
            return Ok(info);
        }
        for number in 0..info.capabilities() {
            if self.offered(process, number).is_none() {
                return Err(Error::new(Reason::InvalidDescriptor, Culprit::IPC_BUFFER).into());
            }
        }
        progress.set(CHECKED);
        Err(Stop::Restart)
    }

    /// Gives `receiver` the message that `sender` is making a kernel call with, or the trap that
    /// it is stopped by.
    pub(crate) fn deliver(&self, sender: Ref<Process>, receiver: Ref<Process>, identifier: u64) {
        let pcb = self.store.get(sender);
        pcb.count_message();
        let trap = if pcb.state.get().is_trapped() { pcb.trap.get() } else { None };
        if let Some(trap) = trap {
            let (info, words) = match self.guest(sender) {
                Some(guest) => self.trap_of_guest(guest, trap, receiver),
                None => trap_message(&pcb.context, trap),
            };
            self.context(receiver).answer(identifier, info.0, &words);
            return;
        }
        let frame = pcb.context.call();
        let sent = MessageInfo(frame.info);
        let length = self.copy_buffer(sender, receiver, sent.length());
        let count = self.transfer_capabilities(sender, receiver, sent.capabilities());
        let info = MessageInfo::new(sent.label(), length).with_capabilities(count);
        self.context(receiver).answer(identifier, info.0, &frame.words);
    }

    /// The slot that `process` offers as number `number` in its IPC buffer: with a capability that it
    /// may copy, or a Reply, which moves.
    fn offered(&self, process: Ref<Process>, number: usize) -> Option<Ref<Slot>> {
        let word = CAPABILITIES.checked_add(number)?;
        let descriptor = Descriptor(self.store.read_word(self.buffer(process)?, word));
        let slot = self.lookup(process, descriptor, Culprit::IPC_BUFFER).ok()?;
        self.store.get(slot).is_transferable().then_some(slot)
    }

    /// Passes on the first `count` capabilities that `sender` offers, into the slots that
    /// `receiver` named for them. Stops where one cannot be passed; answers how many were.
    /// The words of the message arrive in any case: a receiver cannot make its partner fail.
    fn transfer_capabilities(
        &self,
        sender: Ref<Process>,
        receiver: Ref<Process>,
        count: usize,
    ) -> usize {
        if count == 0 {
            return 0;
        }
        let Some((node, first, slots)) = self.destination(receiver) else { return 0 };
        (0..count)
            .take_while(|number| {
                let target = first.checked_add(*number as u64);
                (*number as u64) < slots
                    && target
                        .and_then(|target| self.transfer_capability(sender, *number, node, target))
                        .is_some()
            })
            .count()
    }

    /// Where `receiver` wants capabilities: node, first slot, number of slots.
    fn destination(&self, receiver: Ref<Process>) -> Option<(Ref<Node>, u64, u64)> {
        let buffer = self.buffer(receiver)?;
        let word = |index| self.store.read_word(buffer, index);
        let node = self.lookup_node(receiver, Descriptor(word(RECEIVE_NODE)), 0).ok()?;
        Some((node, word(RECEIVE_INDEX), word(RECEIVE_SLOTS)))
    }

    /// Passes on what `sender` offers as number `number`, into slot `index` of `node`.
    fn transfer_capability(
        &self,
        sender: Ref<Process>,
        number: usize,
        node: Ref<Node>,
        index: u64,
    ) -> Option<()> {
        let source = self.offered(sender, number)?;
        let target = self.empty_slot(node, index, 0).ok()?;
        let capability = self.store.get(source).capability()?;
        if capability.is_copyable() {
            self.copy_capability(source, target, capability).ok()
        } else {
            self.move_capability(source, target);
            Some(())
        }
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
        self.store.copy_words(from, to, MESSAGE_REGISTERS, length);
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
#[inline(always)]
pub(crate) fn trap_message<C: Context>(
    context: &C,
    trap: Trap,
) -> (MessageInfo, [u64; MESSAGE_REGISTERS]) {
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
        // An exit is told by the virtual CPU.
        Trap::Stopped | Trap::Exit => {
            (MessageInfo::new(0, 1).from_source(Source::Stopped), [instruction, 0, 0, 0, 0, 0])
        }
    }
}
