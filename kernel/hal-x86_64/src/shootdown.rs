//! Shoot-down: making other CPUs forget translations.
//!
//! The portable kernel changes page tables with the kernel lock held, and says what is to be
//! forgotten. A CPU that has the root loaded is *asked*: its count goes up. After the lock was
//! given back, the initiator sends an interrupt to all whom it asked, and waits until each has
//! *done* as much ([`settle`]). A CPU serves by loading its root anew, which forgets all
//! translations but the kernel's, page-table caches included; one that loads another root instead
//! has forgotten, too, and says so when the interrupt comes.
//!
//! Without address space identifiers nothing is cached of a root that is not loaded.

use core::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use a9n_hal::PhysicalAddress;

use crate::cpu::{self, Cpu};
use crate::vectors::Vector;
use crate::{apic, lock, paging};

/// What one CPU is asked, and asks, to forget.
#[repr(align(64))]
pub(crate) struct Requests {
    /// How often it was asked; changes with the kernel lock held.
    asked: AtomicU64,
    /// How much of that it has done; only itself changes it.
    done: AtomicU64,
    /// A bit for each CPU that it has asked and not yet waited for; its own business.
    awaited: AtomicU32,
}

impl Requests {
    pub(crate) const fn new() -> Self {
        Self { asked: AtomicU64::new(0), done: AtomicU64::new(0), awaited: AtomicU32::new(0) }
    }

    fn is_open(&self) -> bool {
        self.done.load(Acquire) != self.asked.load(Relaxed)
    }
}

/// Asks every CPU but `cpu`, the executing one, that has `root` loaded. The kernel lock is held.
pub(crate) fn ask_others(cpu: &Cpu, root: PhysicalAddress) {
    for (number, other) in cpu::running().enumerate() {
        if other.root.load(Relaxed) == root.0 && !core::ptr::eq(other, cpu) {
            let asked = other.requests.asked.load(Relaxed) + 1;
            other.requests.asked.store(asked, Release);
            let awaited = cpu.requests.awaited.load(Relaxed) | 1 << number;
            cpu.requests.awaited.store(awaited, Relaxed);
        }
    }
}

/// Waits until all whom `cpu`, the executing one, asked have forgotten. The lock is not held.
#[inline(always)]
pub(crate) fn settle(cpu: &Cpu) {
    if cpu.requests.awaited.load(Relaxed) != 0 {
        interrupt_and_wait(cpu);
    }
}

#[cold]
fn interrupt_and_wait(cpu: &Cpu) {
    let awaited = cpu.requests.awaited.load(Relaxed);
    cpu.requests.awaited.store(0, Relaxed);
    let others = || {
        let asked = move |(number, _): &(usize, &Cpu)| awaited >> number & 1 != 0;
        cpu::running().enumerate().filter(asked).map(|(_, other)| other)
    };
    for other in others() {
        apic::send(other.local_apic.load(Relaxed), Vector::FORGET);
    }
    for other in others() {
        // At least what was asked here; counts never wrap around.
        let goal = other.requests.asked.load(Relaxed);
        lock::wait_while(|| other.requests.done.load(Acquire) < goal);
    }
}

/// Does on `cpu`, the executing one, what others asked.
pub(crate) fn serve(cpu: &Cpu) {
    let asked = cpu.requests.asked.load(Acquire);
    if cpu.requests.done.load(Relaxed) != asked {
        paging::forget_all();
        cpu.requests.done.store(asked, Release);
    }
}

/// Whether some CPU has not yet done what it was asked.
pub(crate) fn is_pending() -> bool {
    cpu::running().any(|cpu| cpu.requests.is_open())
}
