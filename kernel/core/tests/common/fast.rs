//! The fast paths that a kernel call tries, in the order in which the stubs of the machine try them.

use a9n_abi::{
    MessageInfo, OPERATION_MASK, Source, interrupt_port, ipc_port, notification, pcb, reply, timer,
    window,
};
use a9n_core::{Kernel, Lengths, Long, Notified, Owners, Plain, Program, Short, Vectors};
use a9n_hal::{CallFrame, Context};
use a9n_hal_sim::{Departure, SimCpu, SimMachine};
use a9n_store::{Process, Ref};

use super::System;

impl System {
    /// Tries the fast paths of the kernel call in `frame`. Answers whether one of them led anywhere.
    pub(super) fn try_fast(&mut self, process: Ref<Process>, frame: &CallFrame) -> bool {
        let [word0, word1, word2, word3, word4, word5] = frame.words;
        self.cpu.words.set([word0, word1, word2, word3]);
        let known = self.kernel.ready().into_iter().filter(|process| !self.known.contains(process));
        self.known.extend(known.collect::<Vec<_>>());
        self.cpu.vectors.set(self.kernel.context(process).vector_state());
        let (kernel, cpu, descriptor) = (&self.kernel, &self.cpu, frame.descriptor);
        let (message, words) = ((frame.info, word4, word5), (word4, word5));
        let departure = match frame.operation {
            number if kernel.context(process).is_foreign() => {
                let info = MessageInfo::new(number as u32, 6).from_source(Source::Foreign);
                let message = (info.0, word4, word5);
                None.or_else(|| kernel.fast_foreign::<Program>(cpu, process, message))
                    .or_else(|| kernel.fast_foreign::<Plain>(cpu, process, message))
                    .or_else(|| kernel.fast_foreign::<Vectors>(cpu, process, message))
                    .or_else(|| kernel.fast_stored_foreign(cpu, process, message))
            }
            ipc_port::word::Call => None
                .or_else(|| kernel.fast_call::<Short, Plain>(cpu, process, descriptor, message))
                .or_else(|| kernel.fast_call::<Short, Vectors>(cpu, process, descriptor, message))
                .or_else(|| kernel.fast_stored_call(cpu, process, descriptor, message))
                .or_else(|| kernel.fast_call::<Long, Plain>(cpu, process, descriptor, message))
                .or_else(|| kernel.fast_call::<Long, Vectors>(cpu, process, descriptor, message)),
            ipc_port::word::ReplyReceive => {
                let verdict = frame.info;
                None.or_else(|| reply::<Short, Plain>(kernel, cpu, process, descriptor, message))
                    .or_else(|| kernel.fast_result(cpu, process, descriptor, verdict))
                    .or_else(|| kernel.fast_verdict::<Short>(cpu, process, descriptor, verdict))
                    .or_else(|| kernel.fast_stop(cpu, process, descriptor, verdict))
                    .or_else(|| reply::<Short, Vectors>(kernel, cpu, process, descriptor, message))
                    .or_else(|| answer(kernel, cpu, process, descriptor, message))
                    .or_else(|| reply::<Long, Plain>(kernel, cpu, process, descriptor, message))
                    .or_else(|| reply::<Long, Vectors>(kernel, cpu, process, descriptor, message))
            }
            window::word::Map if word2 == 1 => {
                Some(kernel.fast_map(cpu, process, descriptor, frame.info, word0, word4, word5))
            }
            notification::word::Notify => {
                let woken = match kernel.fast_notify(cpu, process, descriptor, words) {
                    Some(Notified::Nobody(departure)) => return self.leave(departure),
                    Some(Notified::Process(woken)) => Some(woken),
                    None => kernel.fast_notify_bound(cpu, process, descriptor),
                };
                woken.map(|woken| kernel.fast_wake::<Plain>(cpu, process, woken, words))
            }
            ipc_port::word::Send => kernel
                .fast_send(cpu, process, descriptor, message)
                .map(|woken| kernel.fast_wake::<Vectors>(cpu, process, woken, words)),
            reply::word::Reply => kernel
                .fast_reply(cpu, process, descriptor, message)
                .map(|woken| kernel.fast_wake::<Vectors>(cpu, process, woken, words)),
            interrupt_port::word::Acknowledge => {
                kernel.fast_acknowledge(cpu, process, descriptor, words)
            }
            timer::word::Arm => kernel.fast_arm(cpu, process, descriptor, words),
            operation @ (pcb::word::ReadRegister | pcb::word::WriteRegister) => {
                kernel.fast_register(cpu, process, (descriptor, operation), words)
            }
            pcb::word::Resume => kernel.fast_resume(cpu, process, descriptor, words),
            reply::word::Keep => kernel.fast_keep(cpu, process, descriptor, words),
            operation if operation & OPERATION_MASK == ipc_port::word::Receive => {
                kernel.fast_receive(cpu, process, descriptor, frame.info, operation)
            }
            notification::word::Poll => kernel.fast_poll(cpu, process, descriptor, words),
            notification::word::Wait => kernel.fast_wait_signal(cpu, process, descriptor, words),
            a9n_abi::kernel::word::Yield => kernel.fast_yield(cpu, process, words),
            _ => None,
        };
        departure.is_some_and(|departure| self.leave(departure))
    }
}

/// The fast path of `reply_receive`.
fn reply<L: Lengths, O: Owners>(
    kernel: &Kernel<SimMachine>,
    cpu: &SimCpu,
    process: Ref<Process>,
    descriptor: u64,
    message: (u64, u64, u64),
) -> Option<Departure> {
    kernel.fast_reply_receive::<L, O>(cpu, process, descriptor, message)
}

/// The fast path of a monitor's answer.
fn answer(
    kernel: &Kernel<SimMachine>,
    cpu: &SimCpu,
    process: Ref<Process>,
    descriptor: u64,
    message: (u64, u64, u64),
) -> Option<Departure> {
    let serves = kernel.serves_guest(process);
    let admitted = serves && Short::admit(message.0);
    admitted.then(|| kernel.fast_guest_verdict(cpu, process, descriptor, message, kernel.hal()))?
}
