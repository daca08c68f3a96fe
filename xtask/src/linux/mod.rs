//! Linux programs under two kernels: KOITO's POSIX server, and Debian's own Linux as the oracle that says
//! what is right. Both boot the same root image in the same emulator, and do what is typed at them.

pub mod checks;
pub mod figures;
mod guest;
mod kernel;
mod systems;

pub use guest::Guest;
pub use systems::{Clock, Collection, Kernel, LARGE, Systems, USUAL};
