//! The place of the kernel on a machine that has none.
//!
//! A program for a target with an operating system, a test above all, has no A9N kernel to call and
//! none of its memory. Whoever [installs](install) a stand-in plays both: kernel calls of this
//! thread go there, and so does every access to [mapped](crate::mapped) memory. The portable
//! kernel on its simulated machine makes the best one, since it refuses what the real one refuses.

use std::boxed::Box;
use std::cell::RefCell;
use std::ops::Range;

use a9n_abi::boot::PAGE_BYTES;
use a9n_abi::{Descriptor, MESSAGE_REGISTERS, MessageInfo};

use crate::Message;
use crate::aci;
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

/// A kernel whose only memory is the IPC buffer.
impl<F: FnMut(Call) -> Answer> StandIn for F {
    fn kernel_call(&mut self, call: Call) -> Answer {
        self(call)
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        read_buffer(address, bytes);
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        write_buffer(address, bytes);
    }
}

/// Reads from what is always there, an IPC buffer.
fn read_buffer(address: u64, bytes: &mut [u8]) {
    let place = in_buffer(address, bytes.len());
    BUFFER.with_borrow(|buffer| bytes.copy_from_slice(&buffer[place]));
}

/// Writes to it.
fn write_buffer(address: u64, bytes: &[u8]) {
    let place = in_buffer(address, bytes.len());
    BUFFER.with_borrow_mut(|buffer| buffer[place].copy_from_slice(bytes));
}

/// Where in the IPC buffer `length` bytes from `address` on are.
fn in_buffer(address: u64, length: usize) -> Range<usize> {
    let start = address.wrapping_sub(aci::BUFFER_ADDRESS) as usize;
    let within = start < BUFFER_BYTES && length <= BUFFER_BYTES - start;
    assert!(within, "an access to {address:#x}, where this test has no memory");
    start..start + length
}

const BUFFER_BYTES: usize = PAGE_BYTES as usize;

std::thread_local! {
    static STAND_IN: RefCell<Option<Box<dyn StandIn>>> = const { RefCell::new(None) };
    /// The IPC buffer of a stand-in without memory.
    static BUFFER: RefCell<[u8; BUFFER_BYTES]> = const { RefCell::new([0; BUFFER_BYTES]) };
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

/// The answer to a call: a partner's reply, whose further words lie in the IPC buffer.
pub const fn answered(reply: &Message) -> Answer {
    Answer { identifier: 0, info: reply.info, words: reply.words }
}

/// Hands a kernel call to the stand-in.
pub(crate) fn kernel_call(call: Call) -> Answer {
    STAND_IN.with_borrow_mut(|stand_in| {
        let stand_in = stand_in.as_mut().expect("the test installed a stand-in for the kernel");
        stand_in.kernel_call(call)
    })
}

/// Has the stand-in read. Without one, and in the midst of its work, there is the IPC buffer.
pub(crate) fn read(address: u64, bytes: &mut [u8]) {
    STAND_IN.with(|stand_in| match stand_in.try_borrow_mut().as_deref_mut() {
        Ok(Some(stand_in)) => stand_in.read(address, bytes),
        _ => read_buffer(address, bytes),
    });
}

/// Has the stand-in write, in the same way.
pub(crate) fn write(address: u64, bytes: &[u8]) {
    STAND_IN.with(|stand_in| match stand_in.try_borrow_mut().as_deref_mut() {
        Ok(Some(stand_in)) => stand_in.write(address, bytes),
        _ => write_buffer(address, bytes),
    });
}
