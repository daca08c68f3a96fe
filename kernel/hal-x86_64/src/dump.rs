//! The end of the kernel: says why on the console, and halts.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use a9n_hal::Text;
use x86_64::registers::control::{Cr2, Cr3};

use crate::{apic, console, cpu, exceptions};

/// Registers as `entry` pushed them, last pushed first.
#[repr(transparent)]
pub(crate) struct Registers([u64; NAMES.len()]);

/// Their names.
const NAMES: [[u8; 3]; 22] = [
    *b"r15", *b"r14", *b"r13", *b"r12", *b"r11", *b"r10", *b"r9 ", *b"r8 ", *b"rdi", *b"rsi",
    *b"rbp", *b"rbx", *b"rdx", *b"rcx", *b"rax", *b"vec", *b"err", *b"rip", *b"cs ", *b"rfl",
    *b"rsp", *b"ss ",
];

/// Where an exception that nothing can be done about ends.
pub(crate) extern "C" fn fatal_exception(registers: &Registers) -> ! {
    stop(|text| registers.say(text))
}

impl Registers {
    fn say(&self, text: &mut Text<'_>) {
        let [.., vector, error, _, segment, _, _, _] = self.0;
        text.text(exceptions::name(vector as u8)).text(", error ").hexadecimal(error);
        text.text(if segment & 3 == 0 { ", in kernel mode" } else { ", in user mode" });
        let control =
            [(b"cr2", Cr2::read_raw()), (b"cr3", Cr3::read_raw().0.start_address().as_u64())];
        let named = NAMES.iter().zip(self.0).chain(control);
        for (place, (name, value)) in named.enumerate() {
            text.text(if place % 3 == 0 { "\n  " } else { "  " });
            text.bytes(name).text(" ").digits(value, 16);
        }
    }
}

/// Whether a CPU has stopped for good. It stops the others by an interrupt that they come here by.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Says why on the console and stops all CPUs for good; an emulator that listens is told of the
/// failure.
pub fn stop(why: impl FnOnce(&mut Text<'_>)) -> ! {
    if STOPPED.swap(true, Relaxed) {
        halt();
    }
    if cpu::are_several() {
        apic::stop_others();
    }
    console::say(|text| {
        why(text.text("\nA9N stopped: "));
        text.text("\n");
    });
    exit_emulator(false);
    halt()
}

/// Stops this CPU for good.
fn halt() -> ! {
    loop {
        // SAFETY: nothing runs on this CPU any more.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}

/// Ends an emulator run: QEMU by its device isa-debug-exit at port 0xf4, with status 33 for
/// success and 35 for failure; Bochs by its port 0x8900, with status 1. Does nothing elsewhere.
#[cfg(feature = "debug-exit")]
pub fn exit_emulator(success: bool) {
    use x86_64::instructions::port::Port;
    let code: u8 = if success { 0x10 } else { 0x11 };
    crate::console::drain();
    // SAFETY: no PC has anything at these ports.
    unsafe {
        Port::new(0xf4).write(code);
        b"Shutdown".iter().for_each(|byte| Port::new(0x8900).write(*byte));
    }
}

/// Nothing: built without `debug-exit`.
#[cfg(not(feature = "debug-exit"))]
pub fn exit_emulator(_success: bool) {}
