//! The place of the kernel on a machine that has none.
//!
//! A program for a target with an operating system, a test above all, has no A9N kernel to call and
//! none of its memory. Whoever [installs](install) a stand-in plays both: kernel calls of this
//! thread go there, and so does every access to [mapped](crate::mapped) memory. The portable
//! kernel on its simulated machine makes the best one, since it refuses what the real one refuses.

use std::boxed::Box;
use std::cell::RefCell;

use a9n_abi::{Descriptor, MESSAGE_REGISTERS, MessageInfo};

use crate::syscall::Answer;

/// A kernel call as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Operation word.
    pub operation: u64,
    /// On what.
    pub descriptor: Descriptor,
    /// Message info.
    pub info: MessageInfo,
    /// Message words or arguments.
    pub words: [u64; MESSAGE_REGISTERS],
}

/// Who plays kernel and memory.
pub trait StandIn {
    /// Answers a kernel call. One that would block is a mistake of the test, and panics.
    fn kernel_call(&mut self, call: Call) -> Answer;

    /// Reads `bytes` from `address` on, as the process would: what is not mapped panics.
    fn read(&mut self, address: u64, bytes: &mut [u8]);

    /// Writes `bytes` to `address` on, in the same way.
    fn write(&mut self, address: u64, bytes: &[u8]);
}

/// A kernel without memory.
impl<F: FnMut(Call) -> Answer> StandIn for F {
    fn kernel_call(&mut self, call: Call) -> Answer {
        self(call)
    }

    fn read(&mut self, address: u64, _bytes: &mut [u8]) {
        panic!("a read from {address:#x}, where this test has no memory");
    }

    fn write(&mut self, address: u64, _bytes: &[u8]) {
        panic!("a write to {address:#x}, where this test has no memory");
    }
}

std::thread_local! {
    static STAND_IN: RefCell<Option<Box<dyn StandIn>>> = const { RefCell::new(None) };
}

/// Lets `stand_in` play kernel and memory for this thread, in place of the last one.
pub fn install(stand_in: impl StandIn + 'static) {
    STAND_IN.set(Some(Box::new(stand_in)));
}

/// The answer *done* with these results.
pub fn done(results: [u64; MESSAGE_REGISTERS]) -> Answer {
    let [identifier, second, third, fourth, fifth, sixth] = results;
    let words = [second, third, fourth, fifth, sixth, 0];
    Answer { identifier, info: MessageInfo::success(0), words }
}

/// Hands a kernel call to the stand-in.
pub(crate) fn kernel_call(call: Call) -> Answer {
    with(|stand_in| stand_in.kernel_call(call))
}

/// Has the stand-in read.
pub(crate) fn read(address: u64, bytes: &mut [u8]) {
    with(|stand_in| stand_in.read(address, bytes));
}

/// Has the stand-in write.
pub(crate) fn write(address: u64, bytes: &[u8]) {
    with(|stand_in| stand_in.write(address, bytes));
}

fn with<T>(work: impl FnOnce(&mut dyn StandIn) -> T) -> T {
    STAND_IN.with_borrow_mut(|stand_in| {
        work(stand_in.as_mut().expect("the test installed a stand-in for the kernel").as_mut())
    })
}
