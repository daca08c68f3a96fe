//! Other CPUs.
//!
//! One lock, outside the portable kernel, lets one CPU into it at a time. Nobody waits for
//! another CPU while holding it: what another CPU has to do is asked for here, and the kernel
//! call that depends on it is repeated until it is done.

use crate::CpuNumber;

/// A set of CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(u32);

impl CpuSet {
    /// This set with `cpu`, one of the first 32, as well.
    #[must_use]
    pub const fn with(self, cpu: CpuNumber) -> Self {
        Self(self.0 | 1 << (cpu & 31))
    }

    /// Its CPUs in ascending order.
    pub fn iter(self) -> impl Iterator<Item = CpuNumber> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let number = (left != 0).then_some(left.trailing_zeros())?;
            left &= left - 1;
            Some(number as CpuNumber)
        })
    }

    /// Whether `cpu`, one of the first 32, is among them.
    pub const fn contains(self, cpu: CpuNumber) -> bool {
        self.0 & 1 << (cpu & 31) != 0
    }
}

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
