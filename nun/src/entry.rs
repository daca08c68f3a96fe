//! How a program begins and ends.

use core::cell::UnsafeCell;
use core::fmt::Display;
use core::sync::atomic::{AtomicBool, Ordering};

use a9n_abi::ABI_HASH;
use a9n_abi::init::{INIT_INFO_ADDRESS, INIT_VERSION, InitInfo};

use crate::{IpcPort, Message, Pcb, aci, arch, debug_exit};

/// Bytes of stack for a program that asks for no other amount.
pub const DEFAULT_STACK_BYTES: usize = 128 * 1024;

/// Whether this process is init. Written once, before `main`.
static IS_INIT: AtomicBool = AtomicBool::new(false);

/// Makes a function the program: `nun::entry!(main);`, or `nun::entry!(main, stack = BYTES);`
/// with a multiple of 4096.
///
/// The function takes nothing, a `&'static InitInfo` (init only) or a `u64` (what
/// [`Start::argument`](crate::Start) says), and returns nothing or a `Result`. When it returns, the
/// program [exits](crate::entry::exit) with code 0, or 1 after an error.
///
/// The stack lies at the lowest address of the program, where nothing is mapped below it: a
/// program that uses more than it has faults.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::entry!($main, stack = $crate::entry::DEFAULT_STACK_BYTES);
    };
    ($main:path, stack = $bytes:expr) => {
        $crate::abi::abi_note!();

        #[unsafe(link_section = ".bss.a9n_stack")]
        static A9N_STACK: $crate::entry::Stack<{ $bytes }> = $crate::entry::Stack::new();

        extern "C" fn a9n_main(argument: u64) -> ! {
            $crate::entry::run($main, argument)
        }

        $crate::arch::start!(A9N_STACK, $bytes, a9n_main);
    };
}

/// Room for a stack.
#[repr(C, align(4096))]
pub struct Stack<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: Rust code never looks into it; the stack pointer of one process does.
unsafe impl<const BYTES: usize> Sync for Stack<BYTES> {}

impl<const BYTES: usize> Stack<BYTES> {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "made in statics only")]
    pub const fn new() -> Self {
        const { assert!(BYTES > 0 && BYTES.is_multiple_of(4096), "a stack has whole pages") }
        Self(UnsafeCell::new([0; BYTES]))
    }

    /// The stack pointer with which a function may be entered that nobody called, as the first of
    /// a [thread](crate::Process::add_thread). At most one thread at a time uses a stack.
    pub fn top(&'static self) -> u64 {
        self.0.get().addr() as u64 + BYTES as u64 - arch::RETURN_ADDRESS_BYTES
    }
}

/// What `entry!` accepts; `Kind` tells the implementations apart.
pub trait Main<Kind> {
    /// Runs the program; answers whether it went well.
    fn run(self, argument: u64) -> bool;
}

impl<F: FnOnce() -> T, T: Outcome> Main<fn() -> T> for F {
    fn run(self, _argument: u64) -> bool {
        self().report()
    }
}

impl<F: FnOnce(u64) -> T, T: Outcome> Main<fn(u64) -> T> for F {
    fn run(self, argument: u64) -> bool {
        self(argument).report()
    }
}

impl<F: FnOnce(&'static InitInfo) -> T, T: Outcome> Main<fn(&'static InitInfo) -> T> for F {
    fn run(self, argument: u64) -> bool {
        self(init_info(argument)).report()
    }
}

/// What a program may return.
pub trait Outcome {
    /// Says what went wrong, if anything did; answers whether all is well.
    fn report(self) -> bool;
}

impl Outcome for () {
    fn report(self) -> bool {
        true
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn report(self) -> bool {
        match self {
            Ok(()) => true,
            Err(error) => {
                crate::println!("error: {error}");
                false
            }
        }
    }
}

/// The first Rust function of every program.
pub fn run<Kind>(main: impl Main<Kind>, argument: u64) -> ! {
    IS_INIT.store(argument == INIT_INFO_ADDRESS, Ordering::Relaxed);
    exit(u64::from(!main.run(argument)))
}

/// What the kernel told init; panics elsewhere, and under a kernel with another interface.
fn init_info(argument: u64) -> &'static InitInfo {
    assert!(argument == INIT_INFO_ADDRESS, "only init has an InitInfo");
    // SAFETY: the kernel mapped it there, read-only and for good, before it started init, and
    // that address is the first argument of no other process unless its maker lies to it.
    let info = unsafe { &*(argument as *const InitInfo) };
    assert!(info.version == INIT_VERSION && info.abi_hash == ABI_HASH, "another kernel's InitInfo");
    info
}

/// Ends the program, and tells its supervisor `code`: 0 means that all went well. Init ends the
/// emulator run, with success if `code` is 0. With another code and no supervisor it ends with a
/// fault, so that its resolver learns of it. It stops the program's first thread, which should be the
/// one that calls it; whoever started the program ends the others with it.
pub fn exit(code: u64) -> ! {
    let told = if IS_INIT.load(Ordering::Relaxed) {
        // Elsewhere than in an emulator this does nothing.
        let _ = debug_exit(u64::from(code == 0));
        true
    } else {
        let message = Message::new(aci::label::EXITED, [code]);
        IpcPort::slot(aci::slot::SUPERVISOR).send(&message).is_ok()
    };
    if told || code == 0 {
        // Never comes back, unless somebody who may do so resumes it.
        let _ = Pcb::slot(aci::slot::PROCESS).suspend();
    }
    arch::abort()
}

/// Gives up: init ends the emulator run with failure, another process faults, so that its
/// resolver learns where.
pub fn fail() -> ! {
    if IS_INIT.load(Ordering::Relaxed) {
        exit(1)
    }
    arch::abort()
}
