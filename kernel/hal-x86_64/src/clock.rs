//! The clock: the time-stamp counter, whose rate the CPU or the hypervisor tells, or which is
//! measured; and the CPU's timer in its terms.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use a9n_hal::{Text, Ticks};
use raw_cpuid::CpuId;

use crate::apic;
use crate::cpu::Cpu;
use crate::features::Features;
use crate::reference::{Reference, rate};

/// How the rate of the clock is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The CPU says it (CPUID 15h).
    FromCpu,
    /// The CPU says its base frequency, which is the counter's (CPUID 16h).
    FromBaseFrequency,
    /// The hypervisor says it (CPUID 4000_0010h).
    FromHypervisor,
    /// It was measured against this counter.
    Measured(&'static str),
}

impl Known {
    /// Says it.
    pub fn say(self, text: &mut Text<'_>) {
        match self {
            Self::FromCpu => _ = text.text("told by the CPU"),
            Self::FromBaseFrequency => _ = text.text("the CPU's base frequency"),
            Self::FromHypervisor => _ = text.text("told by the hypervisor"),
            Self::Measured(counter) => _ = text.text("measured against the ").text(counter),
        }
    }
}

/// Ticks of the time-stamp counter in one second; never 0 once [`start`] has run.
static TICKS_PER_SECOND: AtomicU64 = AtomicU64::new(0);

/// Counts of the CPU's timer in one tick, times 2³²; 0 if it takes deadlines.
static COUNTS_PER_TICK: AtomicU64 = AtomicU64::new(0);

/// The time-stamp counter.
#[inline(always)]
pub fn now() -> Ticks {
    // SAFETY: every x86_64 CPU has it, and nothing forbids the kernel to read it.
    unsafe { _rdtsc() }
}

/// Ticks in one second.
#[inline(always)]
pub fn ticks_per_second() -> Ticks {
    TICKS_PER_SECOND.load(Relaxed)
}

/// The rate as the CPU or the hypervisor tells it.
fn told() -> Option<(Ticks, Known)> {
    let id = CpuId::new();
    if let Some(rate) = id.get_tsc_info().and_then(|info| info.tsc_frequency()) {
        return Some((rate, Known::FromCpu));
    }
    let hypervisor = id.get_hypervisor_info();
    if let Some(kilohertz) = hypervisor.and_then(|info| info.tsc_frequency())
        && kilohertz != 0
    {
        return Some((u64::from(kilohertz) * 1000, Known::FromHypervisor));
    }
    let megahertz = id.get_processor_frequency_info()?.processor_base_frequency();
    (megahertz != 0).then_some((u64::from(megahertz) * 1_000_000, Known::FromBaseFrequency))
}

/// Finds out the rates of clock and timer, and readies this CPU's timer. `None` if they cannot be
/// found out: the counters stand still.
pub fn start(features: &Features, reference: &Reference) -> Option<Known> {
    let told = told();
    apic::count_down();
    apic::set_count(u32::MAX);
    let measured = reference.measure(now, || u64::from(u32::MAX - apic::count()));
    apic::set_count(0);
    let [clock, timer] = measured.map(|ticks| rate(ticks, reference.hertz()));
    let (clock, known) = told.unwrap_or((clock, Known::Measured(reference.name())));
    TICKS_PER_SECOND.store(clock, Relaxed);
    if !features.tsc_deadline {
        COUNTS_PER_TICK.store(per_tick(timer, clock)?, Relaxed);
    }
    start_timer();
    (clock != 0).then_some(known)
}

/// Readies the timer of this CPU; the rates are known.
pub fn start_timer() {
    if COUNTS_PER_TICK.load(Relaxed) == 0 {
        apic::use_deadlines();
    } else {
        apic::count_down();
        apic::deliver_timer();
    }
}

/// Counts of the timer in one tick, times 2³², from both rates; at least 1.
fn per_tick(timer: u64, clock: Ticks) -> Option<u64> {
    (timer << 32).checked_div(clock).map(|ratio| ratio.max(1))
}

/// Counts that take `ticks`; at least 1, and at most what the timer can count.
fn counts(ticks: Ticks, counts_per_tick: u64) -> u32 {
    let counts = (u128::from(ticks) * u128::from(counts_per_tick)) >> 32;
    u32::try_from(counts).unwrap_or(u32::MAX).max(1)
}

/// Asks for one timer interrupt on this CPU at `deadline`, instead of what was asked before.
pub fn set_timer(cpu: &Cpu, deadline: Option<Ticks>) {
    cpu.deadline.store(deadline.unwrap_or(u64::MAX), Relaxed);
    match (COUNTS_PER_TICK.load(Relaxed), deadline) {
        // A deadline of 0 would mean none.
        (0, deadline) => apic::set_deadline(deadline.map_or(0, |deadline| deadline.max(1))),
        (_, None) => apic::set_count(0),
        (ratio, Some(deadline)) => {
            apic::set_count(counts(deadline.saturating_sub(now()), ratio));
        }
    }
}

/// [`set_timer`] for the assembly, on the executing CPU.
pub(crate) extern "C" fn set_timer_here(deadline: Ticks) {
    set_timer(Cpu::here(), Some(deadline));
}

/// Whether a timer interrupt that just arrived on this CPU is the one asked for. The timer may
/// be early, since it counts no further than 32 bits: then it is set again.
pub fn is_due(cpu: &Cpu) -> bool {
    let deadline = cpu.deadline.load(Relaxed);
    let due = deadline <= now();
    if !due && deadline != u64::MAX {
        set_timer(cpu, Some(deadline));
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_ratio() {
        let ratio = per_tick(62_500_000, 3_000_000_000).unwrap();
        assert_eq!(counts(3_000_000_000, ratio), 62_499_999);
        assert_eq!(counts(48, ratio), 1);
        assert_eq!(counts(0, ratio), 1);
        assert_eq!(counts(u64::MAX, ratio), u32::MAX);
    }

    #[test]
    fn a_clock_that_stands_still_has_no_ratio() {
        assert_eq!(per_tick(1, 0), None);
        assert_eq!(per_tick(0, 1), Some(1));
    }
}
