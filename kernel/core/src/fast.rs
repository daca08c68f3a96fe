//! The fast paths: call and reply_receive, each for messages that fit into registers and for
//! longer ones; and signals that nobody waits for.
//!
//! They do what the general path does, in the case that matters: a plain message without
//! capabilities between two processes of one CPU, the partner waiting and nothing else to be
//! considered. Whatever is unusual shows in one of a handful of words, each compared once; then the
//! call is handed on untouched. Message words in registers are not looked at: they stay there.
//!
//! What each step relies on:
//! - a process may use a fast path only while its `fast_mask` is not 0 (see
//!   [`refresh_fast_mask`](Kernel::refresh_fast_mask));
//! - a receiver's whole state word is compared, so it runs on this CPU, has named no slot for its
//!   Reply, has no vector state and has not been interrupted;
//! - the scheduling context stays on the CPU, so neither clock nor ready queues are touched;
//! - `caller` in a PCB says that the process uses its caller's scheduling context, so giving the
//!   CPU back with the reply is right.

use a9n_abi::{
    Culprit, Error, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, Reason, Rights, ipc_port::word,
    notification,
};
use a9n_hal::Hal;
use a9n_store::{Pcb, Phase, Process, Ref, State};

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

/// Messages of any length.
#[derive(Debug)]
pub enum Long {}

impl Lengths for Long {
    const LONGEST: usize = MESSAGE_WORDS;
}

impl<H: Hal> Kernel<H> {
    /// `call` of process `me`. Must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_call<L: Lengths>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> H::Leave {
        let client = self.store.get(me);
        let number = H::cpu_number(cpu);
        'general: {
            if !L::admit(info) {
                break 'general;
            }
            let Some(node) = client.node.get() else { break 'general };
            let Some(slot) = self.store.fast_slot(node, client.fast_mask.get(), descriptor) else {
                break 'general;
            };
            let Some((port, identifier)) = slot.port(Rights::WRITE) else {
                if slot.is_empty() {
                    return self.refuse(cpu, client);
                }
                break 'general;
            };
            let port = self.store.get(port);
            let Some(receiver) = port.receivers.first() else { break 'general };
            let server = self.store.get(receiver);
            if server.state.get() != State::new(Phase::Receiving, number) {
                break 'general;
            }
            if L::LONGEST > MESSAGE_REGISTERS && !self.fast_copy(client, server, info) {
                break 'general;
            }

            port.receivers.drop_front(&self.store, receiver);
            server.caller.set(Some(me));
            server.state.set(State::new(Phase::Running, number));
            client.partner.set(Some(receiver));
            client.state.set(State::new(Phase::AwaitingReply, number));
            return self.hal().leave(cpu, &server.context, identifier, info, word4, word5);
        }
        self.hal().retreat(cpu, &client.context, word::Call, descriptor, info, word4, word5)
    }

    /// `reply_receive` of process `me`. Must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_reply_receive<L: Lengths>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> H::Leave {
        let server = self.store.get(me);
        let number = H::cpu_number(cpu);
        'general: {
            if !L::admit(info) {
                break 'general;
            }
            let Some(caller) = server.caller.get() else { break 'general };
            let client = self.store.get(caller);
            if client.state.get() != State::new(Phase::AwaitingReply, number) {
                break 'general;
            }
            let Some(node) = server.node.get() else { break 'general };
            let Some(slot) = self.store.fast_slot(node, server.fast_mask.get(), descriptor) else {
                break 'general;
            };
            let Some((reference, _)) = slot.port(Rights::READ) else { break 'general };
            let port = self.store.get(reference);
            if port.senders.first().is_some() || port.receivers.first().is_some() {
                break 'general;
            }
            if L::LONGEST > MESSAGE_REGISTERS && !self.fast_copy(server, client, info) {
                break 'general;
            }

            port.receivers.start(me);
            server.caller.set(None);
            server.blocked_port.set(Some(reference));
            server.state.set(State::new(Phase::Receiving, number));
            client.state.set(State::new(Phase::Running, number));
            return self.hal().leave(cpu, &client.context, 0, info, word4, word5);
        }
        self.hal().retreat(cpu, &server.context, word::ReplyReceive, descriptor, info, word4, word5)
    }

    /// Kernel call `operation` of process `me`, any but the two above: does at once what only
    /// touches the bits of a Notification Port. Must be the last thing its caller does.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "these are the registers of a kernel call")]
    pub fn fast_signal(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        operation: u64,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> H::Leave {
        let caller = self.store.get(me);
        'general: {
            let (rights, gives) = match operation {
                notification::word::Notify => (Rights::WRITE, true),
                notification::word::Poll | notification::word::Wait => (Rights::READ, false),
                _ => break 'general,
            };
            let Some(node) = caller.node.get() else { break 'general };
            let Some(slot) = self.store.fast_slot(node, caller.fast_mask.get(), descriptor) else {
                break 'general;
            };
            let Some((port, identifier)) = slot.notification(rights) else { break 'general };
            let port = self.store.get(port);
            let bits = port.bits.get();
            if port.bound.get().is_some() {
                break 'general;
            }
            if gives {
                if port.waiters.first().is_some() {
                    break 'general;
                }
                port.bits.set(bits | identifier);
                let info = MessageInfo::success(0);
                return self.hal().leave(cpu, &caller.context, 0, info.0, word4, word5);
            }
            if bits == 0 {
                break 'general;
            }
            port.bits.set(0);
            let info = MessageInfo::success(1);
            return self.hal().leave(cpu, &caller.context, bits, info.0, word4, word5);
        }
        self.hal().retreat(cpu, &caller.context, operation, descriptor, info, word4, word5)
    }

    /// Says that there is no capability where the caller named one. The message words stay its own.
    #[inline(always)]
    fn refuse(&self, cpu: &H::Cpu, caller: &Pcb<H::Context>) -> H::Leave {
        const ANSWER: MessageInfo =
            MessageInfo::failure(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR));
        self.hal().leave(cpu, &caller.context, 0, ANSWER.0, 0, 0)
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
