//! The other CPUs: starting them one after the other, and nudging them.
//!
//! Each is told its number through [`TICKET`], which is there to be taken once: a CPU that wakes
//! up too late finds none and stops, so no two ever have the same number and stacks. What a
//! started CPU does before it is let into the kernel stands in [`a9n_processor`].

use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{
    AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use a9n_hal::{CpuNumber, Processors, Ticks};

use crate::context::Context;
use crate::cpu::{self, Area, CPUS, Cpu};
use crate::features::Features;
use crate::kernel_space::DIRECT_MAP;
use crate::lock;
use crate::skew::{self, Side};
use crate::vectors::Vector;
use crate::{
    X86_64, apic, boot, clock, entry, interrupts, paging, segments, shootdown, trampoline, vector,
};

/// Number of the CPU that is being started, 0 for none.
pub(crate) static TICKET: AtomicU32 = AtomicU32::new(0);

/// What the CPU that took the ticket says.
static ANSWER: AtomicU32 = AtomicU32::new(NO_ANSWER);
const NO_ANSWER: u32 = 0;
const READY: u32 = 1;
const DIFFERENT: u32 = 2;

/// What the boot CPU can do, while it starts others.
static EXPECTED: AtomicPtr<Features> = AtomicPtr::new(ptr::null_mut());

/// How long is waited, in hundredths of a second: after INIT; for a sign of life after the first start, and
/// after the second; for bringing up. A CPU of a virtual machine may not run for a while on a busy host.
const AFTER_RESET: Ticks = 1;
const FIRST_START: Ticks = 10;
const SECOND_START: Ticks = 100;
const BRINGING_UP: Ticks = 1000;

// SAFETY: the kernel image defines this function, with this signature.
unsafe extern "Rust" {
    /// What the kernel wants to run first on `cpu`, null for nothing; comes back only after the
    /// kernel has been started.
    safe fn a9n_first(cpu: &Cpu) -> *const Context;
}

/// Starts all CPUs of `identifiers` but the executing one, as far as there is room for them and
/// they answer; `page`, seen at the direct map, is the trampoline's. From then on this CPU holds
/// the kernel lock, if there are others.
///
/// # Safety
/// The executing CPU is up, the kernel's page tables are loaded and map `page` at its physical
/// address, executable; it lies below 1 MiB, starts a page and is nobody else's.
pub unsafe fn start(features: &Features, identifiers: impl Iterator<Item = u32>, page: u32) {
    let seen = DIRECT_MAP | u64::from(page);
    // SAFETY: promised by the caller.
    if !unsafe { trampoline::write(page, seen, paging::kernel_root(), entry::processor_stub()) } {
        return;
    }
    lock::acquire();
    EXPECTED.store(ptr::from_ref(features).cast_mut(), Release);
    let own = apic::identifier();
    for identifier in identifiers.filter(|other| *other != own && apic::reaches(*other)) {
        let number = cpu::running().count();
        if number < CPUS.len() && start_one(number as u32, identifier, page) {
            skew::reset();
            ANSWER.store(NO_ANSWER, Release);
            skew::compare(Side::Boot);
            cpu::add_running();
        }
    }
    EXPECTED.store(ptr::null_mut(), Release);
    if !cpu::are_several() {
        lock::release();
    }
}

/// Starts one CPU as `number`; answers whether it is up.
fn start_one(number: u32, identifier: u32, page: u32) -> bool {
    ANSWER.store(NO_ANSWER, Relaxed);
    TICKET.store(number, Release);
    apic::reset(identifier);
    pause(AFTER_RESET);
    // A CPU that missed the first one takes the second; one that is under way ignores it.
    let taken = [FIRST_START, SECOND_START].into_iter().any(|patience| {
        apic::start_up(identifier, page);
        wait(patience, || TICKET.load(Acquire) == 0)
    });
    // If it takes the ticket at this very moment, it is under way after all.
    let came = taken || TICKET.swap(0, Acquire) == 0;
    let up = came && wait(BRINGING_UP, || ANSWER.load(Acquire) != NO_ANSWER);
    if up && ANSWER.load(Acquire) == READY {
        return true;
    }
    // It waits for another start, which never comes: its stacks are free again.
    apic::reset(identifier);
    pause(AFTER_RESET);
    false
}

/// Waits for so many hundredths of a second.
fn pause(hundredths: Ticks) {
    wait(hundredths, || false);
}

/// Waits for `condition`, at most for so many hundredths of a second; answers whether it came true.
#[inline(never)]
fn wait(hundredths: Ticks, condition: fn() -> bool) -> bool {
    let end = clock::now() + clock::ticks_per_second() / 100 * hundredths;
    while clock::now() < end {
        if condition() {
            return true;
        }
        spin_loop();
    }
    condition()
}

/// The first Rust function of a started CPU, which took the ticket with `number` and runs on the
/// kernel stack of its area.
pub(crate) extern "C" fn a9n_processor(number: u64) -> ! {
    if let Some(area) = CPUS.get(number as usize)
        // SAFETY: null, or the boot CPU's, which does not go on before it has the answer.
        && let Some(features) = unsafe { EXPECTED.load(Acquire).as_ref() }
        // SAFETY: the ticket was the only one with this number.
        && unsafe { bring_up(area, features) }
    {
        ANSWER.store(READY, Release);
        while ANSWER.load(Acquire) == READY {
            spin_loop();
        }
        skew::compare(Side::Started);
        let first = a9n_first(&area.cpu);
        // SAFETY: the CPU is up, and what is current comes from the kernel.
        unsafe { entry::enter(first) }
    }
    ANSWER.store(DIFFERENT, Release);
    loop {
        spin_loop();
    }
}

/// Brings the executing CPU up like the first one; `false` if it is another kind of CPU.
///
/// # Safety
/// `area` is the executing CPU's alone, and this is done once.
unsafe fn bring_up(area: &'static Area, features: &Features) -> bool {
    // SAFETY: the caller's promise; the table is prepared.
    unsafe {
        segments::load(area);
        interrupts::load();
    }
    if Features::detect().as_ref() != Ok(features) {
        return false;
    }
    // SAFETY: it has the features, runs on the kernel's page tables, and shares the mapping of
    // the local APIC's registers, if those are in memory.
    unsafe {
        features.enable();
        features.enable_global_pages();
        vector::start();
        apic::start(apic::registers());
    }
    area.cpu.local_apic.store(apic::identifier(), Relaxed);
    area.cpu.root.store(paging::kernel_root().0, Relaxed);
    clock::start_timer();
    // SAFETY: its segments are loaded, and it is not the only CPU.
    unsafe { boot::enable_system_calls(&area.cpu) };
    true
}

impl Processors for X86_64 {
    fn nudge(&self, cpu: CpuNumber) {
        if let Some(cpu) = cpu::running().nth(cpu.into()) {
            apic::send(cpu.local_apic.load(Relaxed), Vector::NUDGE);
        }
    }

    fn flush_pending(&self) -> bool {
        shootdown::is_pending()
    }
}
