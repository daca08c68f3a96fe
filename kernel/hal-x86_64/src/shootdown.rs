//! Shoot-down: making other CPUs forget translations.
//!
//! The portable kernel changes page tables with the kernel lock held, and says what is to be
//! forgotten. A CPU that may have cached it is *asked*: its count goes up. After the lock was
//! given back, the initiator sends an interrupt to all whom it asked, and waits until each has
//! *done* as much ([`settle`]). What is to be forgotten stands beside the count; whoever is asked
//! anew before it has done so forgets everything. A CPU that loads another root than one without a
//! tag has forgotten that, too, and says so when the interrupt comes.

use core::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use a9n_hal::{CpuSet, Stretch, UserAddress};

use crate::cpu::{self, Cpu};
use crate::translations::RootWord;
use crate::vectors::Vector;
use crate::{apic, lock, translations};

/// What one CPU is asked, and asks, to forget.
#[repr(align(64))]
pub(crate) struct Requests {
    /// How often it was asked; changes with the kernel lock held.
    asked: AtomicU64,
    /// What it was asked to forget: the root's word, 0 for everything; the first address; and how
    /// many pages, 0 for all. Changes with the kernel lock held: the first one at any time, so that
    /// nothing that was asked gets lost, the others only when all is done.
    root: AtomicU64,
    address: AtomicU64,
    pages: AtomicU64,
    /// How much of that it has done; only itself changes it.
    done: AtomicU64,
    /// A bit for each CPU that it has asked and not yet waited for; its own business.
    awaited: AtomicU32,
}

impl Requests {
    pub(crate) const fn new() -> Self {
        Self {
            asked: AtomicU64::new(0),
            root: AtomicU64::new(0),
            address: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            done: AtomicU64::new(0),
            awaited: AtomicU32::new(0),
        }
    }

    fn is_open(&self) -> bool {
        self.done.load(Acquire) != self.asked.load(Relaxed)
    }

    /// Asks to forget `stretch` of `root`. The kernel lock is held.
    fn ask(&self, root: RootWord, stretch: Option<Stretch>) {
        if self.is_open() {
            self.root.store(0, Relaxed);
        } else {
            self.root.store(root.0, Relaxed);
            self.address.store(stretch.map_or(0, |stretch| stretch.address.0), Relaxed);
            self.pages.store(stretch.map_or(0, |stretch| stretch.pages), Relaxed);
        }
        self.asked.store(self.asked.load(Relaxed) + 1, Release);
    }

    /// Forgets what was asked. The executing CPU is the one that was.
    fn forget(&self) {
        let address = UserAddress(self.address.load(Relaxed));
        let stretch = match self.pages.load(Relaxed) {
            0 => None,
            pages => Some(Stretch { address, pages }),
        };
        match self.root.load(Relaxed) {
            0 => translations::forget_everything(),
            root => RootWord(root).forget(stretch),
        }
    }
}

/// Asks every one of `cpus` but `cpu`, the executing one, to forget `stretch` of `root`, if it may
/// have cached something of it. The kernel lock is held.
pub(crate) fn ask_others(cpu: &Cpu, cpus: CpuSet, root: RootWord, stretch: Option<Stretch>) {
    for (number, other) in (0..).zip(cpu::running()) {
        let asks = cpus.contains(number) && root.is_known_to(other);
        if asks && !core::ptr::eq(other, cpu) {
            other.requests.ask(root, stretch);
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
        cpu.requests.forget();
        cpu.requests.done.store(asked, Release);
    }
}

/// Whether some CPU has not yet done what it was asked.
pub(crate) fn is_pending() -> bool {
    cpu::are_several() && cpu::running().any(|cpu| cpu.requests.is_open())
}
