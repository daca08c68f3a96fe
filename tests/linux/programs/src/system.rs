//! The calls of Linux that our programs make. An error is a negative number, as the kernel answers it.

use core::arch::{asm, naked_asm, x86_64::_rdtsc};
use core::ffi::{CStr, c_char};
use core::sync::atomic::AtomicU32;

use linux_raw_sys::general as linux;
use linux_raw_sys::general::{
    __NR_clock_gettime, __NR_clone, __NR_exit, __NR_exit_group, __NR_futex, __NR_gettid, __NR_kill,
    __NR_mmap, __NR_munmap, __NR_sched_yield, __NR_tgkill,
};
use linux_raw_sys::general::{__NR_close, __NR_dup2, __NR_execve, __NR_fstat, __NR_ftruncate};
use linux_raw_sys::general::{__NR_getpid, __NR_getppid, __NR_ioctl, __NR_lseek, __NR_open};
use linux_raw_sys::general::{__NR_pipe2, __NR_pread64, __NR_read, __NR_rt_sigaction};
use linux_raw_sys::general::{__NR_rt_sigreturn, __NR_setsid, __NR_stat, __NR_unlink};
use linux_raw_sys::general::{__NR_wait4, __NR_write};

/// A file descriptor.
pub type Descriptor = i32;
/// Room for what `stat` tells about a file.
pub type Status = [u64; size_of::<linux::stat>() / size_of::<u64>()];

/// Makes a call with up to six arguments.
///
/// # Safety
/// Every argument that the call takes for an address is one at which it may read or write as the call
/// does, and the call takes nothing away that Rust relies on.
pub unsafe fn call(number: u32, arguments: [usize; 6]) -> isize {
    let answer: isize;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the caller vouches for the arguments; Linux changes these registers and no others.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as usize as isize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    answer
}

/// A call that takes numbers only, and changes nothing that Rust relies on.
#[inline(always)]
fn plain(number: u32, a: usize, b: usize, c: usize) -> isize {
    // SAFETY: the callers in this module pass calls that read and write no memory.
    unsafe { call(number, [a, b, c, 0, 0, 0]) }
}

/// The time-stamp counter.
#[inline(always)]
pub fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has it, and Linux lets programs read it.
    unsafe { _rdtsc() }
}

/// Ends the process.
pub fn exit(status: i32) -> ! {
    plain(__NR_exit_group, status as usize, 0, 0);
    unreachable!()
}

/// The parent's identifier.
pub fn getppid() -> isize {
    plain(__NR_getppid, 0, 0, 0)
}

/// A clock's time.
pub fn clock_time(clock: i32, time: &mut [i64; 2]) -> isize {
    let place = (&raw mut *time) as usize;
    // SAFETY: the call writes two words.
    unsafe { call(__NR_clock_gettime, [clock as usize, place, 0, 0, 0, 0]) }
}

/// A call whose number no kernel knows.
pub fn unknown() -> isize {
    plain(600, 0, 0, 0)
}

/// Closes a descriptor.
pub fn close(descriptor: Descriptor) -> isize {
    plain(__NR_close, descriptor as usize, 0, 0)
}

/// Makes `new` mean what `old` means.
pub fn dup2(old: Descriptor, new: Descriptor) -> isize {
    plain(__NR_dup2, old as usize, new as usize, 0)
}

/// Begins a session without a terminal.
pub fn setsid() -> isize {
    plain(__NR_setsid, 0, 0, 0)
}

/// Moves a file's offset to its beginning.
pub fn rewind(descriptor: Descriptor) -> isize {
    plain(__NR_lseek, descriptor as usize, 0, linux::SEEK_SET as usize)
}

/// Sets a file's length.
pub fn ftruncate(descriptor: Descriptor, length: usize) -> isize {
    plain(__NR_ftruncate, descriptor as usize, length, 0)
}

/// Opens a file.
pub fn open(path: &CStr, flags: u32) -> Descriptor {
    // SAFETY: the path is a string of Rust's, which the call only reads.
    unsafe { call(__NR_open, [path.as_ptr() as usize, flags as usize, 0o644, 0, 0, 0]) as i32 }
}

/// Removes a file.
pub fn unlink(path: &CStr) -> isize {
    // SAFETY: the path is a string of Rust's, which the call only reads.
    unsafe { call(__NR_unlink, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) }
}

/// Reads into `buffer`.
#[inline(always)]
pub fn read(descriptor: Descriptor, buffer: &mut [u8]) -> isize {
    let (start, length) = (buffer.as_mut_ptr() as usize, buffer.len());
    // SAFETY: the call writes into the buffer, no further.
    unsafe { call(__NR_read, [descriptor as usize, start, length, 0, 0, 0]) }
}

/// Reads from the beginning of a file.
pub fn pread(descriptor: Descriptor, buffer: &mut [u8]) -> isize {
    let (start, length) = (buffer.as_mut_ptr() as usize, buffer.len());
    // SAFETY: the call writes into the buffer, no further.
    unsafe { call(__NR_pread64, [descriptor as usize, start, length, 0, 0, 0]) }
}

/// Writes `bytes`.
#[inline(always)]
pub fn write(descriptor: Descriptor, bytes: &[u8]) -> isize {
    let (start, length) = (bytes.as_ptr() as usize, bytes.len());
    // SAFETY: the call only reads the bytes.
    unsafe { call(__NR_write, [descriptor as usize, start, length, 0, 0, 0]) }
}

/// What is known about an open file.
pub fn fstat(descriptor: Descriptor, status: &mut Status) -> isize {
    let place = (&raw mut *status) as usize;
    // SAFETY: the call fills the structure.
    unsafe { call(__NR_fstat, [descriptor as usize, place, 0, 0, 0, 0]) }
}

/// What is known about a file.
pub fn stat(path: &CStr, status: &mut Status) -> isize {
    let place = (&raw mut *status) as usize;
    // SAFETY: the call reads the path and fills the structure.
    unsafe { call(__NR_stat, [path.as_ptr() as usize, place, 0, 0, 0, 0]) }
}

/// A pipe: what comes out of the first comes from the second.
pub fn pipe() -> [Descriptor; 2] {
    let mut ends = [0; 2];
    // SAFETY: the call writes two descriptors.
    unsafe { call(__NR_pipe2, [ends.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) };
    ends
}

/// Doubles the process: the child is told 0.
pub fn fork() -> isize {
    // SAFETY: without flags the child has a copy of everything and shares nothing.
    unsafe { call(__NR_clone, [linux::SIGCHLD as usize, 0, 0, 0, 0, 0]) }
}

/// Bytes of a thread's stack.
const STACK_BYTES: usize = 64 << 10;

/// Begins a thread that runs `entry`; answers its number. Its stack stays when it has ended.
pub fn thread(entry: extern "C" fn(usize) -> !, argument: usize) -> isize {
    thread_on(map(STACK_BYTES), entry, argument)
}

/// The same on a `stack` of the caller's, of at least sixteen bytes; or an error.
pub fn thread_on(
    stack: &'static mut [u8],
    entry: extern "C" fn(usize) -> !,
    argument: usize,
) -> isize {
    let first = stack.len() - 2 * size_of::<usize>();
    stack[first..first + 8].copy_from_slice(&argument.to_ne_bytes());
    stack[first + 8..].copy_from_slice(&(entry as *const () as usize).to_ne_bytes());
    let flags = linux::CLONE_VM
        | linux::CLONE_FS
        | linux::CLONE_FILES
        | linux::CLONE_SIGHAND
        | linux::CLONE_THREAD
        | linux::CLONE_SYSVSEM;
    let answer: isize;
    // SAFETY: the thread begins on a stack of its own, of which it takes what was just put there; `entry` never
    // returns. The caller goes on behind the label, with its own stack and registers.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "pop rdi",
            "pop rax",
            "call rax",
            "2:",
            inlateout("rax") __NR_clone as usize as isize => answer,
            in("rdi") flags as usize, in("rsi") stack.as_mut_ptr().add(first),
            in("rdx") 0, in("r10") 0, in("r8") 0,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    answer
}

/// Ends this thread.
pub fn exit_thread() -> ! {
    plain(__NR_exit, 0, 0, 0);
    unreachable!()
}

/// This thread's identifier.
pub fn gettid() -> isize {
    plain(__NR_gettid, 0, 0, 0)
}

/// Lets others run.
pub fn sched_yield() -> isize {
    plain(__NR_sched_yield, 0, 0, 0)
}

/// Sends a signal to a thread.
pub fn tgkill(process: isize, thread: isize, signal: u32) -> isize {
    plain(__NR_tgkill, process as usize, thread as usize, signal as usize)
}

/// Waits until `word` is woken, if it is `value`.
pub fn futex_wait(word: &AtomicU32, value: u32) -> isize {
    let wait = (linux::FUTEX_WAIT | linux::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: the call reads the word, and no time limit.
    unsafe { call(__NR_futex, [word.as_ptr() as usize, wait, value as usize, 0, 0, 0]) }
}

/// Wakes up to `count` of those who wait at `word`.
pub fn futex_wake(word: &AtomicU32, count: u32) -> isize {
    let wake = (linux::FUTEX_WAKE | linux::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: the call uses the address only.
    unsafe { call(__NR_futex, [word.as_ptr() as usize, wake, count as usize, 0, 0, 0]) }
}

/// Waits for a child's end, and answers how it ended.
pub fn wait(child: isize) -> i32 {
    let mut status = 0_i32;
    // SAFETY: the call writes a number.
    unsafe { call(__NR_wait4, [child as usize, (&raw mut status) as usize, 0, 0, 0, 0]) };
    status
}

/// Becomes another program; comes back only if that fails.
///
/// # Safety
/// Both arrays hold pointers to strings and end with a null pointer.
pub unsafe fn execve(
    path: &CStr,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> isize {
    let place = path.as_ptr() as usize;
    // SAFETY: the call reads the path, and what the caller vouches for.
    unsafe { call(__NR_execve, [place, arguments as usize, environment as usize, 0, 0, 0]) }
}

/// Asks a device, or tells it something.
pub fn ioctl(descriptor: Descriptor, request: u32, value: &mut [i32; 2]) -> isize {
    let place = (&raw mut *value) as usize;
    // SAFETY: our programs use requests that read or write eight bytes at most.
    unsafe { call(__NR_ioctl, [descriptor as usize, request as usize, place, 0, 0, 0]) }
}

/// Asks a device for something, by a number or an address.
///
/// # Safety
/// Where the request takes an address, it is one at which the device may read or write as the request does.
pub unsafe fn ioctl_at(descriptor: Descriptor, request: u32, argument: usize) -> isize {
    // SAFETY: the caller vouches for the argument.
    unsafe { call(__NR_ioctl, [descriptor as usize, request as usize, argument, 0, 0, 0]) }
}

/// Maps the first `bytes` bytes of a device, which it shares, for good.
pub fn map_device(descriptor: Descriptor, bytes: usize) -> Option<*mut u8> {
    let protection = (linux::PROT_READ | linux::PROT_WRITE) as usize;
    let flags = linux::MAP_SHARED as usize;
    // SAFETY: Linux chooses a place that is free.
    let start = unsafe { call(__NR_mmap, [0, bytes, protection, flags, descriptor as usize, 0]) };
    (start > 0).then_some(start as *mut u8)
}

/// Fresh memory that nobody else has, until [`unmap`].
pub fn map(bytes: usize) -> &'static mut [u8] {
    let protection = (linux::PROT_READ | linux::PROT_WRITE) as usize;
    let flags = (linux::MAP_PRIVATE | linux::MAP_ANONYMOUS) as usize;
    // SAFETY: Linux chooses a place that is free, and fills it with zeros; nobody else has it.
    unsafe {
        let start = call(__NR_mmap, [0, bytes, protection, flags, usize::MAX, 0]);
        assert!(start > 0, "no memory");
        core::slice::from_raw_parts_mut(start as *mut u8, bytes)
    }
}

/// Gives memory back that [`map`] gave.
pub fn unmap(memory: &'static mut [u8]) {
    // SAFETY: the only reference to the memory ends here.
    unsafe { call(__NR_munmap, [memory.as_mut_ptr() as usize, memory.len(), 0, 0, 0, 0]) };
}

/// Sends a signal.
#[inline(always)]
pub fn kill(process: isize, signal: u32) -> isize {
    plain(__NR_kill, process as usize, signal as usize, 0)
}

/// This process's identifier.
pub fn getpid() -> isize {
    plain(__NR_getpid, 0, 0, 0)
}

/// Linux's own form of what `sigaction` sets.
#[repr(C)]
struct Action {
    handler: extern "C" fn(i32),
    flags: u64,
    restorer: unsafe extern "C" fn(),
    mask: u64,
}

/// Has `handler` called when `signal` comes.
pub fn handle(signal: u32, handler: extern "C" fn(i32)) -> isize {
    let flags = u64::from(linux::SA_RESTORER);
    let action = Action { handler, flags, restorer: give_back, mask: 0 };
    let place = (&raw const action) as usize;
    // SAFETY: the call reads the structure; the handler is a function that may run at any moment.
    unsafe { call(__NR_rt_sigaction, [signal as usize, place, 0, size_of::<u64>(), 0, 0]) }
}

/// Where a handler returns to.
///
/// # Safety
/// The stack pointer is where the kernel put the handler's frame, without its return address.
#[unsafe(naked)]
unsafe extern "C" fn give_back() {
    naked_asm!("mov eax, {number}", "syscall", number = const __NR_rt_sigreturn)
}
