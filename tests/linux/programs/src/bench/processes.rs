//! Processes that begin and end.

use core::ffi::CStr;
use core::ptr;

use a9n_linux_programs::Arguments;
use a9n_linux_programs::system::{execve, exit, fork, map, unmap, wait};

use crate::{PAGE, measure};

/// The argument with which this very program ends at once.
pub const CHILD: &CStr = c"child";
/// Pages that a larger process has written to.
const DIRTY: usize = 1000;
/// A program that everybody has.
const BUSYBOX: &CStr = c"/usr/bin/busybox";

/// Measures them all.
pub fn all(arguments: Arguments) {
    let doubled = || {
        let child = fork();
        if child == 0 {
            exit(0);
        }
        assert!(wait(child) == 0);
    };
    measure("fork.small", 20, doubled);
    let memory = map(DIRTY * PAGE);
    for page in memory.chunks_mut(PAGE) {
        page[0] = 1;
    }
    measure("fork.1000.pages", 10, doubled);
    unmap(memory);
    if let Some(this) = arguments.get(0) {
        measure("exec.static", 10, || run(arguments, this, &[this, CHILD]));
    }
    measure("exec.busybox", 10, || run(arguments, BUSYBOX, &[c"true"]));
}

/// Runs a program to its end.
fn run(arguments: Arguments, path: &CStr, words: &[&CStr]) {
    let mut pointers = [ptr::null(); 3];
    for (pointer, word) in pointers.iter_mut().zip(words) {
        *pointer = word.as_ptr();
    }
    let child = fork();
    if child == 0 {
        // SAFETY: the words are strings, fewer than there is room for, so a null pointer follows.
        unsafe { execve(path, pointers.as_ptr(), arguments.environment()) };
        exit(127);
    }
    assert!(wait(child) == 0);
}
