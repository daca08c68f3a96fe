//! What Linux programs and whoever serves them agree upon, as data: numbers and layouts of the x86-64
//! system call interface.
//!
//! [`raw`] has all of them as the headers of Linux say them; what stands beside it is what needs more
//! than a number.

#![no_std]
#![forbid(unsafe_code)]

pub mod auxiliary;
mod errno;

pub use errno::Errno;
pub use linux_raw_sys::general as raw;
