//! Notification Ports: signals that are never lost and never block the sender.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, notification::Operation};
use a9n_hal::{Context, Hal};
use a9n_store::{Notification, Phase, Ref};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_notification(
        &mut self,
        caller: Caller,
        notification: Ref<Notification>,
        identifier: u64,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Notify => {
                self.notify(notification, identifier);
                Ok(Outcome::Nothing)
            }
            Operation::Poll => Ok(Outcome::Word(self.take_signals(notification))),
            Operation::Wait => {
                if self.store.get(notification).bits.get() != 0 {
                    return Ok(Outcome::Word(self.take_signals(notification)));
                }
                self.stop_running(caller.process);
                let pcb = self.store.get(caller.process);
                pcb.state.set(pcb.state.get().with_phase(Phase::Waiting));
                pcb.blocked_notification.set(Some(notification));
                self.store.get(notification).waiters.push_back(&self.store, caller.process);
                Ok(Outcome::Settled)
            }
        }
    }

    /// Sets `bits` and wakes whoever waits for them: a waiter, else the bound process if it
    /// receives.
    pub(crate) fn notify(&self, notification: Ref<Notification>, bits: u64) {
        let cells = self.store.get(notification);
        if bits == 0 {
            return;
        }
        if let Some(waiter) = cells.waiters.pop_front(&self.store) {
            let info = MessageInfo::success(1);
            self.context(waiter).answer(bits, info.0, &[0; MESSAGE_REGISTERS]);
            self.make_ready(waiter);
            return;
        }
        cells.bits.set(cells.bits.get() | bits);
        self.offer_signals(notification);
    }

    /// Gives the signals of `notification`, if there are any, to the bound process if it receives.
    pub(crate) fn offer_signals(&self, notification: Ref<Notification>) {
        let cells = self.store.get(notification);
        let Some(bound) = cells.bound.get() else { return };
        let pcb = self.store.get(bound);
        if cells.bits.get() != 0 && pcb.state.get().phase() == Phase::Receiving {
            if let Some(port) = pcb.blocked_port.get() {
                self.store.get(port).receivers.remove(&self.store, bound);
            }
            self.deliver_signals(bound);
            self.wake_receiver(bound);
        } else {
            self.refresh_fast_mask(bound);
        }
    }

    /// Takes all signals.
    fn take_signals(&self, notification: Ref<Notification>) -> u64 {
        let cells = self.store.get(notification);
        let bits = cells.bits.take();
        if let Some(bound) = cells.bound.get() {
            self.refresh_fast_mask(bound);
        }
        bits
    }
}
