//! Kernel calls: what goes in, what comes out.
//!
//! Everything in Nun that talks to the kernel does so through [`kernel_call`]. Where there is no
//! kernel, on a host, a stand-in takes its place (`hosted`).
//!
//! # What a kernel call may do to the caller's memory
//! Nothing, but for two things that Nun keeps apart from Rust's memory. The IPC buffer is reached
//! only through [`mapped`](crate::mapped). And a process that holds a Window or a Frame can change
//! its own address space; that is like taking the machine's memory out while it runs, and no
//! more the business of Rust's memory model than that. Addresses for mapping come from
//! [`Resources`](crate::Resources), whose area no Rust object lies in.

use a9n_abi::{Culprit, Descriptor, Error, MESSAGE_REGISTERS, MessageInfo, Reason, Word};

/// Answer to a kernel call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Identifier of the capability through which a message came; signal bits for a
    /// notification; the first result of a request.
    pub identifier: u64,
    /// What came, and from where.
    pub info: MessageInfo,
    /// Message words, or further results.
    pub words: [u64; MESSAGE_REGISTERS],
}

/// Makes kernel call `operation` on the capability at `descriptor`. Blocks if the operation does.
#[inline(always)]
pub fn kernel_call(
    operation: u64,
    descriptor: Descriptor,
    info: MessageInfo,
    words: [u64; MESSAGE_REGISTERS],
) -> Answer {
    #[cfg(not(target_os = "none"))]
    return crate::hosted::kernel_call(crate::hosted::Call { operation, descriptor, info, words });
    #[cfg(target_os = "none")]
    crate::arch::kernel_call(operation, descriptor, info, words)
}

/// Asks the kernel for something and takes its answer apart. Arguments that are not given are
/// sent as zero.
#[inline(always)]
pub(crate) fn request<const N: usize>(
    operation: u64,
    descriptor: Descriptor,
    arguments: [u64; N],
) -> Result<[u64; MESSAGE_REGISTERS], Error> {
    const { assert!(N <= MESSAGE_REGISTERS) }
    let mut words = [0; MESSAGE_REGISTERS];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = argument;
    }
    let answer = kernel_call(operation, descriptor, MessageInfo::default(), words);
    if answer.info.label() != 0 {
        return Err(refusal(answer.info));
    }
    let [second, third, fourth, fifth, sixth, _] = answer.words;
    Ok([answer.identifier, second, third, fourth, fifth, sixth])
}

/// The error in the kernel's answer, or in what should have been one. Out of the way of what goes well.
#[cold]
#[inline(never)]
pub(crate) fn refusal(info: MessageInfo) -> Error {
    Error::from_label(info.label()).unwrap_or(Error::new(Reason::IllegalOperation, Culprit::OTHER))
}

/// A result word. The kernel sends none that is not of its type; one from a newer kernel is an
/// error.
#[inline(always)]
pub(crate) fn result<T: Word>(word: u64) -> Result<T, Error> {
    T::from_word(word).ok_or(Error::new(Reason::InvalidArgument, Culprit::OTHER))
}
