//! The chapter on Linux's system calls, `manual/src/linux-calls.md`: made from the table by which the
//! POSIX server dispatches.

use std::fmt::Write;

use koito_posix_core::{SYSTEM_CALLS, State, SystemCall};

/// Where the chapter stands.
pub const FILE: &str = "manual/src/linux-calls.md";

const HEAD: &str = "\
# Linux system calls

<!-- Written by `cargo xtask doc` from `koito/posix-core/src/calls.rs`. Change that, not this file. -->

What the POSIX server does of Linux's system calls. The table is the one by which it dispatches
(*How a system call travels*); `cargo xtask check` fails when this chapter says anything else.

- **full**: programs cannot tell it from Linux, but for what *Known limits* says.
- **partial**: what programs use of it most; what is not there is an error, never ignored.
- **missing**: *function not implemented* (`ENOSYS`), like every call that is not in the table. The
  shell's command `calls` shows which of them programs asked for, and how often.

";

/// The whole chapter.
pub fn render() -> String {
    let mut text = String::from(HEAD);
    let count = |state| SYSTEM_CALLS.iter().filter(|call| call.state == state).count();
    let (full, partial) = (count(State::Full), count(State::Partial));
    // Writing to a string never fails.
    let _ = writeln!(text, "{full} calls are full, {partial} partial.\n");
    let _ = writeln!(text, "| number | call | state |\n|---|---|---|");
    for SystemCall { number, name, state } in SYSTEM_CALLS {
        let state = match state {
            State::Full => "full",
            State::Partial => "partial",
            State::Missing => "missing",
        };
        let _ = writeln!(text, "| {number} | `{name}` | {state} |");
    }
    text
}
