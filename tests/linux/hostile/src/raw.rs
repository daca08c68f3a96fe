//! What the attackers need that Rust does not allow: calls with any argument, threads, jumps anywhere. Each runs in a
//! process that is thrown away, so whatever becomes of its memory is its own affair.

use core::arch::asm;
use core::slice;
use core::sync::atomic::AtomicU64;

use a9n_linux_programs::system;
use linux_raw_sys::general as linux;

/// Bytes of a thread's stack.
const STACK_BYTES: usize = 16 << 10;

/// Makes a call, whatever it does to this process.
pub fn call(number: u32, arguments: [usize; 6]) -> isize {
    // SAFETY: nobody relies on this process's memory: attackers are thrown away, and others pass arguments that are as
    // the call wants them.
    unsafe { system::call(number, arguments) }
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

/// A page of numbers that this process shares with all that it forks, at an address far from all others.
pub fn shared(address: usize) -> &'static [AtomicU64; 512] {
    let protection = (linux::PROT_READ | linux::PROT_WRITE) as usize;
    let flags = (linux::MAP_SHARED | linux::MAP_ANONYMOUS | linux::MAP_FIXED) as usize;
    let start = call(linux::__NR_mmap, [address, 4096, protection, flags, usize::MAX, 0]);
    assert!(start > 0, "no memory to share");
    // SAFETY: the page is fresh, aligned, zero, and stays for good; atomics allow sharing.
    unsafe { &*(start as *const [AtomicU64; 512]) }
}

/// Takes the page away in which a shared number lies: nobody in this process looks at it again.
pub fn unmap(number: &'static AtomicU64) {
    let page = core::ptr::from_ref(number) as usize & !4095;
    call2(linux::__NR_munmap, page, 4096);
}

/// Writes a byte, wherever that is.
pub fn poke(address: usize, value: u8) {
    // SAFETY: as for `call`; where nothing is mapped, the process ends.
    unsafe { (address as *mut u8).write_volatile(value) }
}

/// Writes a word, wherever that is.
pub fn poke_word(address: usize, value: usize) {
    for (index, byte) in value.to_le_bytes().into_iter().enumerate() {
        poke(address + index, byte);
    }
}

/// Returns from a handler that was never entered, with what lies at `stack` for its frame.
pub fn forge(stack: usize) -> ! {
    // SAFETY: as for `call`: whatever this does, it does to a process that is thrown away.
    unsafe {
        asm!(
            "mov rsp, {stack}", "syscall", "ud2",
            stack = in(reg) stack, in("eax") linux::__NR_rt_sigreturn, options(noreturn),
        )
    }
}

/// Borrows the parent's memory, and leaves that in one of several ways that no decent program would; comes back in the
/// parent, if there is one.
pub fn borrow(way: usize) {
    // SAFETY: as for `call`: what the child does to this process's memory is meant.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 3f",
            // The child: it kills its parent, unmaps all, returns into nothing, waits, forks, or ends.
            "cmp {way}, 1", "jb 4f", "je 5f",
            "cmp {way}, 3", "jb 6f", "je 7f",
            "cmp {way}, 5", "jb 8f",
            "mov eax, 60", "syscall",
            "4:", "mov eax, 110", "syscall", "mov edi, eax", "mov esi, 9", "mov eax, 62", "syscall", "jmp 6f",
            "5:", "xor edi, edi", "mov rsi, 0x7ffffffff000", "mov eax, 11", "syscall", "ud2",
            "6:", "xor esp, esp", "ret",
            "7:", "mov eax, 34", "syscall", "jmp 7b",
            "8:", "mov eax, 57", "syscall", "mov eax, 58", "syscall", "mov eax, 60", "syscall",
            "3:",
            way = in(reg) way,
            inlateout("rax") linux::__NR_vfork as usize => _,
            out("rdi") _, out("rsi") _, lateout("rcx") _, lateout("r11") _,
        );
    }
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
    // SAFETY: it was just mapped, for this alone.
    let stack = unsafe { slice::from_raw_parts_mut(stack as *mut u8, STACK_BYTES) };
    system::thread_on(stack, entry, argument)
}
