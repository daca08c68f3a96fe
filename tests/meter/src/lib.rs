//! The meter: a plugin of the emulator that finds the longest stretch for which the kernel runs
//! with interrupts off, in instructions, load by load.
//!
//! It watches the image that ships: nothing in the kernel knows of it. `cargo xtask test --suite
//! stretch` builds it, loads it, and reads its report.

mod block;
mod emulator;
mod meter;
