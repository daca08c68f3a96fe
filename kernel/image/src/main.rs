//! The kernel image: portable kernel and machine put together, and started.
//!
//! The loader enters at `_start` (in `hal-x86_64`), which calls [`a9n_start`]. For tests there
//! are two more ways in, see `direct`. From then on everything is an event: `events`.

#![no_std]
#![no_main]

#[cfg(feature = "direct")]
mod direct;
mod events;
#[cfg(any(debug_assertions, feature = "allow-panic", feature = "direct"))]
mod format;
mod layout;
mod log;
mod panic;

use a9n_core::Boot;
use a9n_fast::KERNEL;
use a9n_hal_x86_64::boot::{Machine, boot};
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::dump::stop;
use a9n_hal_x86_64::{entry, lock};

a9n_abi::abi_note!();

/// Starts machine and kernel, and runs the first process. `info` is the physical address of the
/// boot information.
///
/// # Safety
/// Called once, by `_start` or `direct`, as [`a9n_abi::boot`] describes.
#[unsafe(no_mangle)]
unsafe extern "C" fn a9n_start(info: u64) -> ! {
    // SAFETY: the caller's promise, and the layout is the linker's.
    let machine = match unsafe { boot(info, &layout::layout()) } {
        Ok(machine) => machine,
        Err(error) => stop(|text| error.say(text)),
    };
    log::greet(&machine);
    start_kernel(&machine);
    let first = events::a9n_first(Cpu::boot());
    // SAFETY: the machine is up, and what is current comes from the kernel.
    unsafe { entry::enter(first) }
}

/// Gives the kernel what it starts from.
fn start_kernel(machine: &Machine) {
    let hand_over = &machine.hand_over;
    let boot = Boot {
        memory: hand_over.memory,
        segments: hand_over.segments,
        entry: hand_over.info.init.entry,
        modules: hand_over.modules,
        command_line: hand_over.command_line,
        acpi_root: hand_over.info.acpi_root,
        framebuffer: hand_over.info.framebuffer,
        entry_ticks: machine.entered,
        cpus: machine.running as u32,
    };
    // SAFETY: no event comes before the first process runs, and this CPU keeps others out.
    if let Err(error) = unsafe { KERNEL.before_events() }.boot(&boot) {
        stop(|text| error.say(text));
    }
    lock::admit_all();
}
