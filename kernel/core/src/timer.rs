//! Timers: one alarm for each CPU, beside the kernel's own use of its clock.

use a9n_abi::timer::Operation;
use a9n_hal::{CpuNumber, Hal};

use crate::Kernel;
use crate::binding::Binding;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_timer(
        &mut self,
        caller: Caller,
        cpu: CpuNumber,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Arm { deadline, notification } => {
                let signal = self.lookup_signal(caller, notification, 2)?;
                self.bind(Binding::Timer(cpu), signal)?;
                self.set_alarm(cpu, Some(deadline));
            }
            Operation::Cancel => {
                self.set_alarm(cpu, None);
                self.unbind(Binding::Timer(cpu))?;
            }
        }
        Ok(Outcome::Nothing)
    }
}
