//! Timers, which only init has.

use a9n_bench::measure::measure;
use a9n_bench::parts::measure_parts;
use a9n_bench::spin::last_gap;
use nun::abi::init::slot;
use nun::{Error, NotificationPort, Resources, Rights, Timer, ticks};

use crate::report::Report;

/// Ticks until an alarm rings: more than it takes to set it.
const SOON: u32 = 50_000;
/// The same, where an emulator is late.
const LATEST: u32 = 1 << 28;
/// More than instructions in the loop that it interrupts.
const PHASES: u64 = 16;

/// Measures all that concerns them.
pub fn measure_all(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    let signal: NotificationPort = resources.make(0)?;
    let bell = resources.take_slot()?;
    resources.node().mint(bell, signal, Rights::WRITE, 1)?;
    let bell = NotificationPort::slot(bell);
    let timer = Timer::slot(slot::TIMERS);

    let far = ticks() + (1 << 40);
    let done = |answer| assert_eq!(answer, Ok(()));
    report.show(&measure("timer.arm", || timer.arm(far, bell), done));
    timer.cancel()?;

    let (mut soon, mut round) = (SOON, 0);
    let [measured] = measure_parts(["timer.interrupt"], || {
        loop {
            // The alarm falls now into this part of the loop, now into that.
            round += 1;
            let deadline = ticks() + u64::from(soon) + round % PHASES;
            assert_eq!(timer.arm(deadline, bell), Ok(()));
            let gap = last_gap(2 * soon);
            if signal.poll() == Ok(1) && gap > 0 {
                break [gap];
            }
            // An emulator may be late.
            soon = (2 * soon).min(LATEST);
        }
    });
    report.show(&measured.at_best());
    Ok(())
}
