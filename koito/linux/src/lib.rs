//! What Linux programs and whoever serves them agree upon, as data: numbers and layouts of the x86-64
//! system call interface.

#![no_std]
#![forbid(unsafe_code)]

mod errno;

pub use errno::Errno;
