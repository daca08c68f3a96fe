//! Shoot-down: making other CPUs forget translations.
//!
//! The portable kernel changes page tables with the kernel lock held, and says what is to be
//! forgotten. A CPU that may have cached it is *asked*: its count goes up. After the lock was
//! given back, the initiator sends an interrupt to all whom it asked, and waits until each has
//! *done* as much ([`settle`]). A CPU that loads another root than one without a tag has forgotten
//! that, too, and says so when the interrupt comes. The protocol itself is
//! that of [`Requests`](a9n_handshake::Requests).

use core::sync::atomic::Ordering::Relaxed;

use a9n_hal::{CpuSet, Stretch, UserAddress};
use a9n_handshake::Request;

use crate::cpu::{self, Cpu};
use crate::translations::RootWord;
use crate::vectors::Vector;
use crate::virt::vmx;
use crate::{apic, lock, translations};

/// Forgets what `request` says on the executing CPU.
fn forget(request: Request) {
    match request {
        Request::Everything => {
            translations::forget_everything();
            vmx::let_go(Cpu::here());
        }
        Request::Part { of, range: (_, 0) } => RootWord(of).forget(None),
        Request::Part { of, range: (address, pages) } => {
            let address = UserAddress(address);
            RootWord(of).forget(Some(Stretch { address, pages }));
        }
    }
}

/// Asks every one of `cpus` but `cpu`, the executing one, to forget `stretch` of `root`, if it may
/// have cached something of it. The kernel lock is held.
pub(crate) fn ask_others(cpu: &Cpu, cpus: CpuSet, root: RootWord, stretch: Option<Stretch>) {
    let range = stretch.map_or((0, 0), |stretch| (stretch.address.0, stretch.pages));
    let request = Request::Part { of: root.0, range };
    for number in cpus.iter() {
        let Some(area) = cpu::CPUS.get(usize::from(number)) else { continue };
        let other = &area.cpu;
        if root.is_known_to(other) && !core::ptr::eq(other, cpu) {
            other.requests.ask(request, &cpu.requests, number.into());
        }
    }
}

/// Waits until all whom `cpu`, the executing one, asked have forgotten. The lock is not held.
#[inline(always)]
pub(crate) fn settle(cpu: &Cpu) {
    if cpu.requests.owes_wait() {
        interrupt_and_wait(cpu);
    }
}

#[cold]
fn interrupt_and_wait(cpu: &Cpu) {
    let awaited = cpu.requests.take_awaited();
    let others = || {
        let asked = move |(number, _): &(usize, &Cpu)| awaited >> number & 1 != 0;
        cpu::running().enumerate().filter(asked).map(|(_, other)| other)
    };
    for other in others() {
        apic::send(other.local_apic.load(Relaxed), Vector::FORGET);
    }
    for other in others() {
        other.requests.wait(|| lock::wait_a_moment(cpu));
    }
}

/// Does on `cpu`, the executing one, what others asked.
pub(crate) fn serve(cpu: &Cpu) {
    cpu.requests.serve(forget);
}

/// Whether some CPU has not yet done what it was asked.
pub(crate) fn is_pending() -> bool {
    cpu::are_several() && cpu::running().any(|cpu| cpu.requests.is_open())
}
