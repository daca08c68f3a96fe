//! What the attackers need that Rust does not allow: calls with any argument, threads, jumps anywhere. Each runs in a
//! process that is thrown away, so whatever becomes of its memory is its own affair.

use core::arch::asm;
use core::sync::atomic::AtomicU64;

use linux_raw_sys::general as linux;

/// Bytes of a thread's stack.
const STACK_BYTES: usize = 16 << 10;

/// Makes a call, whatever it does to this process.
pub fn call(number: u32, arguments: [usize; 6]) -> isize {
    let answer: isize;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: nobody relies on this process's memory: attackers are thrown away, and others pass arguments that are as
    // the call wants them. Linux changes these registers and no others.
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

/// The same with two arguments.
pub fn call2(number: u32, a: usize, b: usize) -> isize {
    call(number, [a, b, 0, 0, 0, 0])
}

/// Maps fresh memory, and answers where it is, or an error.
pub fn map(bytes: usize, protection: u32, flags: u32) -> isize {
    let flags = (flags | linux::MAP_ANONYMOUS) as usize;
    call(linux::__NR_mmap, [0, bytes, protection as usize, flags, usize::MAX, 0])
}

/// A page of numbers that this process shares with all that it forks.
pub fn shared() -> &'static [AtomicU64; 512] {
    let start = map(4096, linux::PROT_READ | linux::PROT_WRITE, linux::MAP_SHARED);
    assert!(start > 0, "no memory to share");
    // SAFETY: the page is fresh, aligned, zero, and stays for good; atomics allow sharing.
    unsafe { &*(start as *const [AtomicU64; 512]) }
}

/// Writes a byte, wherever that is.
pub fn poke(address: usize, value: u8) {
    // SAFETY: as for `call`; where nothing is mapped, the process ends.
    unsafe { (address as *mut u8).write_volatile(value) }
}

/// Goes on anywhere, with whatever is there.
pub fn jump(address: usize, stack: usize) -> ! {
    // SAFETY: as for `call`: whatever this does, it does to a process that is thrown away.
    unsafe {
        asm!("mov rsp, {stack}", "jmp {to}", stack = in(reg) stack, to = in(reg) address, options(noreturn))
    }
}

/// Begins a thread with a stack of its own; answers its number, or an error.
pub fn thread(entry: extern "C" fn(usize) -> !, argument: usize) -> isize {
    let stack = map(STACK_BYTES, linux::PROT_READ | linux::PROT_WRITE, linux::MAP_PRIVATE);
    if stack < 0 {
        return stack;
    }
    let top = stack as usize + STACK_BYTES;
    let flags = linux::CLONE_VM
        | linux::CLONE_FS
        | linux::CLONE_FILES
        | linux::CLONE_SIGHAND
        | linux::CLONE_THREAD
        | linux::CLONE_SYSVSEM;
    let answer: isize;
    // SAFETY: the stack is the thread's own, and `entry` never returns from it. The parent comes out behind the label
    // with its own registers.
    unsafe {
        (top as *mut usize).sub(1).write(entry as usize);
        (top as *mut usize).sub(2).write(argument);
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "pop rdi",
            "pop rax",
            "call rax",
            "2:",
            inlateout("rax") linux::__NR_clone as usize as isize => answer,
            in("rdi") flags as usize, in("rsi") top - 16,
            in("rdx") 0, in("r10") 0, in("r8") 0,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    answer
}
