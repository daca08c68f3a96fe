//! Other CPUs.
//!
//! One lock, outside the portable kernel, lets one CPU into it at a time. Nobody waits for
//! another CPU while holding it: what another CPU has to do is asked for here, and the kernel
//! call that depends on it is repeated until it is done.

use crate::CpuNumber;

/// What the kernel asks of other CPUs.
pub trait Processors {
    /// Makes `cpu` enter the kernel soon, by its entry for nudges, in a state in which no user
    /// address space is loaded there. Does not wait. Several nudges may become one.
    fn nudge(&self, cpu: CpuNumber);

    /// Whether some CPU may still use a translation that [`flush`](crate::Paging::flush) was told
    /// to forget. While it may, memory that lost a mapping is not given to anyone else.
    ///
    /// `flush` itself forgets on this CPU and only asks the others; the machine waits for them
    /// after the kernel is left and unlocked, before the process goes on.
    fn flush_pending(&self) -> bool;
}
