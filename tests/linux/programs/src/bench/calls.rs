//! Calls that one process makes for itself.

use core::ffi::CStr;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use a9n_linux_programs::system::{
    self, Status, close, fstat, ftruncate, getpid, handle, kill, open, pread, read, rewind, stat,
    unlink, write,
};
use a9n_linux_programs::{Arguments, vdso};
use linux_raw_sys::general as linux;

use crate::{PAGE, measure};

/// A file in memory, one on the disk, and one that is always there.
const IN_MEMORY: &CStr = c"/dev/shm/a9n-bench";
const ON_DISK: &CStr = c"/var/tmp/a9n-bench";
const PRESENT: &CStr = c"/etc/passwd";
/// Pages of a file that is written and read from end to end.
const PAGES: u64 = 64;

/// Signals that came.
static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// Measures all of them.
pub fn all(arguments: Arguments) {
    measure("null.getppid", 1000, || {
        black_box(system::getppid());
    });
    measure("null.unknown", 1000, || {
        black_box(system::unknown());
    });
    clock(arguments);
    devices();
    status();
    signals();
    files();
}

/// The clock as C libraries read it: by the kernel's own library, or by a call if there is none.
fn clock(arguments: Arguments) {
    let mut time = [0; 2];
    let monotonic = linux::CLOCK_MONOTONIC as i32;
    match vdso::clock_time(arguments) {
        Some(read) => measure("clock.gettime", 500, || assert!(read(monotonic, &mut time) == 0)),
        None => {
            let read = system::clock_time;
            measure("clock.gettime", 500, || assert!(read(monotonic, &mut time) == 0))
        }
    };
}

fn devices() {
    let mut byte = [0];
    let zero = open(c"/dev/zero", linux::O_RDONLY);
    measure("read.zero", 500, || assert!(read(zero, &mut byte) == 1));
    let null = open(c"/dev/null", linux::O_WRONLY);
    measure("write.null", 500, || assert!(write(null, &byte) == 1));
    close(zero);
    close(null);
}

fn status() {
    let mut status = Status::default();
    let file = open(PRESENT, linux::O_RDONLY);
    measure("fstat", 200, || assert!(fstat(file, &mut status) == 0));
    close(file);
    measure("stat", 200, || assert!(stat(PRESENT, &mut status) == 0));
    measure("open.close", 200, || assert!(close(open(PRESENT, linux::O_RDONLY)) == 0));
}

fn signals() {
    measure("sigaction", 500, || assert!(handle(linux::SIGUSR1, caught) == 0));
    let this = getpid();
    let before = CAUGHT.load(Ordering::Relaxed);
    measure("signal.catch", 200, || assert!(kill(this, linux::SIGUSR1) == 0));
    assert!(CAUGHT.load(Ordering::Relaxed) >= before + 200);
}

extern "C" fn caught(_signal: i32) {
    CAUGHT.fetch_add(1, Ordering::Relaxed);
}

fn files() {
    let mut page = [7; PAGE];
    let flags = linux::O_RDWR | linux::O_CREAT | linux::O_TRUNC;
    let file = open(IN_MEMORY, flags);
    assert!(write(file, &page) == PAGE as isize);
    measure("pread.page", 200, || assert!(pread(file, &mut page) == PAGE as isize));
    close(file);
    unlink(IN_MEMORY);

    let file = open(ON_DISK, flags);
    measure("file.write.page", PAGES, || assert!(write(file, &page) == PAGE as isize));
    measure("file.rewrite.page", PAGES, || {
        rewind(file);
        assert!(write(file, &page) == PAGE as isize);
    });
    measure("file.read.page", PAGES, || {
        rewind(file);
        assert!(read(file, &mut page) == PAGE as isize);
    });
    assert!(ftruncate(file, 0) == 0);
    close(file);
    unlink(ON_DISK);
}
