//! Where a program begins: the kernel leaves its arguments on the stack.

use core::arch::global_asm;
use core::ffi::{CStr, c_char};
use core::panic::PanicInfo;

use crate::system;

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {begin}",
    begin = sym begin,
);

unsafe extern "Rust" {
    /// What the program itself does; [`entry!`](crate::entry!) defines it.
    safe fn a9n_linux_main(arguments: Arguments) -> i32;
}

/// The words that a program was started with.
#[derive(Clone, Copy)]
pub struct Arguments {
    first: *const *const c_char,
    count: usize,
}

impl Arguments {
    /// One of them; number 0 is the program's name.
    pub fn get(self, number: usize) -> Option<&'static CStr> {
        (number < self.count).then(|| {
            // SAFETY: the kernel put `count` pointers to strings there, which stay for good.
            unsafe { CStr::from_ptr(*self.first.add(number)) }
        })
    }

    /// The pointers from one of them on, which a null pointer ends, as `execve` wants them.
    pub fn pointers_from(self, number: usize) -> *const *const c_char {
        // SAFETY: at `count` is the null pointer, which belongs to what the kernel put there.
        unsafe { self.first.add(number.min(self.count)) }
    }

    /// The value under a key of the auxiliary vector.
    pub fn auxiliary(self, key: usize) -> Option<usize> {
        let mut place = self.environment();
        // SAFETY: a null pointer ends the environment; behind it are pairs of words, the last with key 0.
        unsafe {
            while !(*place).is_null() {
                place = place.add(1);
            }
            let mut pair = place.add(1).cast::<[usize; 2]>();
            while (*pair)[0] != key {
                if (*pair)[0] == 0 {
                    return None;
                }
                pair = pair.add(1);
            }
            Some((*pair)[1])
        }
    }

    /// The pointers to the environment's strings, which a null pointer ends.
    pub fn environment(self) -> *const *const c_char {
        // SAFETY: the environment follows the null pointer behind the arguments.
        unsafe { self.first.add(self.count + 1) }
    }
}

/// Defines the program: a function of its arguments that answers its exit status.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        fn a9n_linux_main(arguments: $crate::Arguments) -> i32 {
            $main(arguments)
        }
    };
}

/// # Safety
/// `stack` is the stack pointer that the program began with.
unsafe extern "C" fn begin(stack: *const usize) -> ! {
    // SAFETY: the first word is the number of arguments, whose pointers follow.
    let arguments = unsafe { Arguments { count: *stack, first: stack.add(1).cast() } };
    system::exit(a9n_linux_main(arguments))
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    crate::println!("{info}");
    system::exit(101)
}
