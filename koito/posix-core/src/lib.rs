//! What a POSIX server decides, without the machine that it decides for.
//!
//! No kernel call is made here, so all of it is tested on a host. The server (`koito-posix`) glues it to
//! the kernel. Everything is plain data, held in arenas and named by index: no part points to another.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod areas;
mod arena;
mod calls;
mod frame;
mod limits;
mod numbers;
mod pages;
mod pending;
mod pool;
mod program;
mod signals;
mod stack;
pub mod trampoline;
pub mod vdso;
mod wait;
mod words;

pub use areas::{Area, Areas, Backing, MOST_AREAS, Protection, Sharing};
pub use arena::{Arena, Key};
pub use calls::{SYSTEM_CALLS, State, SystemCall, system_call_name};
pub use frame::{AlternateStack, Frame, Interrupted, register};
pub use limits::{Limits, MOST_FILES};
pub use numbers::{Kin, Numbers};
pub use pages::{Entry, PageMap};
pub use pending::Pending;
pub use pool::{Page, Pool};
pub use program::{Program, Segment};
pub use signals::{Action, Detail, Effect, Info, Signal, SignalSet, is_fatal};
pub use stack::{Image, Stack};
pub use wait::{Life, Which};
pub use words::words;

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4096;

/// The first address past what a program can use: the kernel keeps the last page empty.
pub const USER_END: u64 = 0x7fff_ffff_f000;

/// The page that `address` lies in, as an address.
pub const fn page_of(address: u64) -> u64 {
    address & !(PAGE_BYTES - 1)
}

/// `bytes` rounded up to whole pages; `None` past the end of everything.
pub const fn whole_pages(bytes: u64) -> Option<u64> {
    match bytes.checked_add(PAGE_BYTES - 1) {
        Some(sum) => Some(page_of(sum)),
        None => None,
    }
}
