//! Timers, which only init has.

use a9n_bench::measure::measure;
use a9n_bench::parts::measure_parts;
use a9n_bench::spin::last_gap;
use nun::abi::init::slot;
use nun::{Error, NotificationPort, Resources, Rights, Timer, ticks};

use crate::report::Report;

/// Ticks until an alarm rings: more than it takes to set it.
const SOON: u32 = 50_000;

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

    let mut soon = SOON;
    let [measured] = measure_parts(["timer.interrupt"], || {
        loop {
            assert_eq!(timer.arm(ticks() + u64::from(soon), bell), Ok(()));
            let gap = last_gap(2 * soon);
            if signal.poll() == Ok(1) && gap > 0 {
                break [gap];
            }
            // An emulator may be late.
            soon *= 2;
        }
    });
    report.show(&measured);
    Ok(())
}
