//! Silencing the legacy interrupt controllers (two 8259A), which every PC still has.

use x86_64::instructions::port::Port;

use crate::vectors::Vector;

const FIRST_COMMAND: u16 = 0x20;
const FIRST_DATA: u16 = 0x21;
const SECOND_COMMAND: u16 = 0xa0;
const SECOND_DATA: u16 = 0xa1;
/// A port that nothing listens to; writing takes long enough for the controllers.
const DELAY: u16 = 0x80;

/// Initialise, four words follow.
const INITIALISE: u8 = 0x11;
/// The second controller hangs on input 2 of the first.
const CASCADE_INPUT: u8 = 2;
const MODE_8086: u8 = 0x01;
const MASK_ALL: u8 = 0xff;

/// Masks all their interrupts, and moves them off the exceptions' vectors, since a spurious one
/// may arrive even so.
pub fn silence() {
    let first = Vector::LEGACY.0;
    for (port, value) in [
        (FIRST_COMMAND, INITIALISE),
        (SECOND_COMMAND, INITIALISE),
        (FIRST_DATA, first),
        (SECOND_DATA, first + 8),
        (FIRST_DATA, 1 << CASCADE_INPUT),
        (SECOND_DATA, CASCADE_INPUT),
        (FIRST_DATA, MODE_8086),
        (SECOND_DATA, MODE_8086),
        (FIRST_DATA, MASK_ALL),
        (SECOND_DATA, MASK_ALL),
    ] {
        // SAFETY: the controllers are the kernel's alone, and do not touch memory.
        unsafe {
            Port::new(port).write(value);
            Port::new(DELAY).write(0u8);
        }
    }
}
