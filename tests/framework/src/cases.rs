//! The cases, by subject.

pub mod memory;
pub mod processes;
pub mod threads;
