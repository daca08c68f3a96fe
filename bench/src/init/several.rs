//! What takes several CPUs: telling the others that a page is mapped no more.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicUsize, Ordering};

use a9n_bench::measure::measure;
use nun::entry::Stack;
use nun::{Error, Frame, Pcb, Resources};

use crate::memory::{map_page, page};
use crate::report::Report;

/// The largest number of other CPUs that it is measured with.
const OTHERS: usize = 3;
/// Priority of those who keep the other CPUs busy.
const PRIORITY: u64 = 100;

/// How many others are busy.
static BUSY: AtomicUsize = AtomicUsize::new(0);
static STACKS: [Stack<4096>; OTHERS] = [const { Stack::new() }; OTHERS];

/// Measures it with one other CPU in the address space and, of four, with all of them.
pub fn measure_all(resources: &mut Resources, report: &mut Report, cpus: u32) -> Result<(), Error> {
    keep_busy(resources, 1)?;
    shoot_down(resources, report, "shootdown.1")?;
    if cpus as usize > OTHERS {
        keep_busy(resources, 2)?;
        keep_busy(resources, 3)?;
        shoot_down(resources, report, "shootdown.3")?;
    }
    Ok(())
}

/// Starts a process in this address space that runs on CPU `number` for ever, the `number`th, and
/// waits until it does.
fn keep_busy(resources: &mut Resources, number: usize) -> Result<(), Error> {
    let pcb: Pcb = resources.make(0)?;
    let buffer: Frame = resources.make(12)?;
    pcb.configure_spaces(resources.address_space(), resources.node(), buffer)?;
    pcb.configure_entry(spin as *const () as u64, STACKS[number - 1].top(), 0, 0)?;
    pcb.configure_schedule(PRIORITY, number as u64, 0)?;
    pcb.resume()?;
    while BUSY.load(Ordering::Relaxed) < number {
        spin_loop();
    }
    Ok(())
}

extern "C" fn spin() -> ! {
    BUSY.fetch_add(1, Ordering::Relaxed);
    loop {
        spin_loop();
    }
}

/// Unmaps a page, of which the others must hear.
fn shoot_down(resources: &mut Resources, report: &mut Report, name: &str) -> Result<(), Error> {
    let (window, address) = page(resources)?;
    map_page(window, address)?;
    report.show(&measure(
        name,
        || window.unmap(address, 1),
        |unmapped| {
            assert_eq!(unmapped, Ok(1));
            assert_eq!(map_page(window, address), Ok(1));
        },
    ));
    resources.node().remove(window.descriptor().index())
}
