//! The fast path of signals: what only touches the bits of a Notification Port.

use a9n_abi::{MessageInfo, Rights, notification};
use a9n_hal::Hal;
use a9n_store::{Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
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
            let Some(slot) = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)
            else {
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
                return self.hal().stay(cpu, &caller.context, 0, info.0, word4, word5);
            }
            if bits == 0 {
                break 'general;
            }
            port.bits.set(0);
            let info = MessageInfo::success(1);
            return self.hal().stay(cpu, &caller.context, bits, info.0, word4, word5);
        }
        self.hal().retreat(cpu, &caller.context, operation, descriptor, info, word4, word5)
    }
}
