//! The loader's messages, on screen and serial port.
//!
//! Firmware whose console includes a serial port shows there what is written to the screen, so
//! the loader writes to the serial port itself only where the firmware does not, or once there
//! is no firmware any more.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use uefi::{
    cstr16,
    runtime::{self, VariableVendor},
    system,
};

use crate::x86_64::serial::Serial;

static SCREEN: AtomicBool = AtomicBool::new(true);
static SERIAL: AtomicBool = AtomicBool::new(true);

/// Writes a line, formatted as by `format!`.
macro_rules! say {
    ($($argument:tt)*) => { $crate::console::line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// Finds out where to write. To be called first.
pub fn start() {
    let mirrored = firmware_uses_serial();
    SERIAL.store(!mirrored, Ordering::Relaxed);
    if !mirrored {
        Serial::start();
    }
}

/// From here on only the serial port is used. To be called before boot services are exited.
pub fn leave_firmware() {
    SCREEN.store(false, Ordering::Relaxed);
    SERIAL.store(true, Ordering::Relaxed);
}

/// Writes a line; use [`say!`].
pub fn line(text: fmt::Arguments<'_>) {
    // A message that cannot be shown has nowhere to be reported either.
    if SCREEN.load(Ordering::Relaxed) {
        let _ = system::with_stdout(|screen| writeln!(screen, "{text}"));
    }
    if SERIAL.load(Ordering::Relaxed) {
        let _ = write!(Serial, "{text}\r\n");
    }
}

/// Whether the firmware's console has a serial port: the variable `ConOut` holds the device
/// paths of its outputs (UEFI specification 2.10, sections 3.3 and 10.3).
fn firmware_uses_serial() -> bool {
    let name = cstr16!("ConOut");
    let Ok((paths, _)) = runtime::get_variable_boxed(name, &VariableVendor::GLOBAL_VARIABLE) else {
        return false;
    };
    let mut rest = &*paths;
    while let [kind, subtype, low, high, ..] = *rest {
        const MESSAGING: u8 = 3;
        const UART: u8 = 14;
        if (kind, subtype) == (MESSAGING, UART) {
            return true;
        }
        let length = usize::from(u16::from_le_bytes([low, high]));
        rest = rest.get(length.max(4)..).unwrap_or(&[]);
    }
    false
}
