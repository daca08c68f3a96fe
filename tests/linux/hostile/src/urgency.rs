//! Processes that compute beside a nice one, whose calls wake them: what serves such a call must not have to wait for
//! them, as it serves everybody.

use a9n_linux_programs::system::{fork, pipe, read, write};
use linux_raw_sys::general as linux;

use crate::raw::call;

/// How nice the process is that is to be kept from the processor in the middle of a call.
const NICEST: usize = 19;

/// A process that is woken by a nice one, and from then on only computes.
pub fn attack(_: u64) -> ! {
    let [from, to] = pipe();
    if fork() == 0 {
        call(linux::__NR_setpriority, [linux::PRIO_PROCESS as usize, 0, NICEST, 0, 0, 0]);
        loop {
            write(to, b"go");
        }
    }
    read(from, &mut [0; 2]);
    loop {
        core::hint::spin_loop();
    }
}
