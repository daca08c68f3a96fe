//! The two fast paths: call, and reply_receive.
//!
//! They do what the general path does, in the case that matters: a short plain message between
//! two processes of one CPU, the partner waiting and nothing else to be considered. Whatever is
//! unusual shows in one of a handful of words, each compared once; then the call is handed to the
//! general path untouched. Message words are not looked at: they stay in their registers.
//!
//! What each step relies on:
//! - a process may use a fast path only while its `fast_mask` is not 0 (see
//!   [`refresh_fast_mask`](Kernel::refresh_fast_mask));
//! - a receiver's whole state word is compared, so it runs on this CPU and has named no slot for
//!   its Reply, has no vector state and has not been interrupted;
//! - the scheduling context stays on the CPU, so neither clock nor ready queues are touched;
//! - `caller` in a PCB says that the process uses its caller's scheduling context, so giving the
//!   CPU back with the reply is right.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Rights, ipc_port::word};
use a9n_hal::Hal;
use a9n_store::{Phase, Process, Ref, State};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// `call` of process `me`. Must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_call(
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
            if info & MessageInfo::FORM_MASK > MESSAGE_REGISTERS as u64 {
                break 'general;
            }
            let Some(node) = client.node.get() else { break 'general };
            let Some(slot) = self.store.fast_slot(node, client.fast_mask.get(), descriptor) else {
                break 'general;
            };
            let Some((port, identifier)) = slot.port(Rights::WRITE) else { break 'general };
            let port = self.store.get(port);
            let Some(receiver) = port.receivers.first() else { break 'general };
            let server = self.store.get(receiver);
            if server.state.get() != State::new(Phase::Receiving, number) {
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
    pub fn fast_reply_receive(
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
            if info & MessageInfo::FORM_MASK > MESSAGE_REGISTERS as u64 {
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

            port.receivers.start(me);
            server.caller.set(None);
            server.blocked_port.set(Some(reference));
            server.state.set(State::new(Phase::Receiving, number));
            client.state.set(State::new(Phase::Running, number));
            return self.hal().leave(cpu, &client.context, 0, info, word4, word5);
        }
        self.hal().retreat(cpu, &server.context, word::ReplyReceive, descriptor, info, word4, word5)
    }
}
