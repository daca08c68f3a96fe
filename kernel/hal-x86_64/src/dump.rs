//! The end of the kernel: says why on the console, and halts.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use a9n_hal::Text;
use x86_64::registers::control::{Cr2, Cr3};

use crate::{apic, console, cpu, exceptions};

/// Registers as `entry` pushed them, last pushed first.
#[repr(C)]
pub(crate) struct Registers {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rdi: u64,
    rsi: u64,
    rbp: u64,
    rbx: u64,
    rdx: u64,
    rcx: u64,
    rax: u64,
    vector: u64,
    error: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// Where an exception that nothing can be done about ends.
pub(crate) extern "C" fn fatal_exception(registers: &Registers) -> ! {
    stop(|text| registers.say(text))
}

impl Registers {
    fn say(&self, text: &mut Text<'_>) {
        let vector = self.vector as u8;
        text.text(exceptions::name(vector)).text(" (").number(vector.into());
        text.text("), error ").hexadecimal(self.error);
        text.text(if self.cs & 3 == 0 { ", in kernel mode" } else { ", in user mode" });
        let cr3 = Cr3::read().0.start_address().as_u64();
        for row in [
            [("rip", self.rip), ("rsp", self.rsp), ("rfl", self.rflags)],
            [("cs ", self.cs), ("ss ", self.ss), ("cr2", Cr2::read_raw())],
            [("cr3", cr3), ("rax", self.rax), ("rbx", self.rbx)],
            [("rcx", self.rcx), ("rdx", self.rdx), ("rsi", self.rsi)],
            [("rdi", self.rdi), ("rbp", self.rbp), ("r8 ", self.r8)],
            [("r9 ", self.r9), ("r10", self.r10), ("r11", self.r11)],
            [("r12", self.r12), ("r13", self.r13), ("r14", self.r14)],
            [("r15", self.r15), ("", 0), ("", 0)],
        ] {
            text.text("\n");
            for (name, value) in row.iter().filter(|(name, _)| !name.is_empty()) {
                text.text("  ").text(name).text(" ").digits(*value, 16);
            }
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
