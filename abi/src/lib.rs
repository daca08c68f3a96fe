//! The A9N kernel interface, defined **once**.
//!
//! Kernel, loader, Nun, the manual and the fuzzers all take it from here: object types,
//! operations, rights, errors, message layout, what init receives and what the loader hands
//! over. Numbers are only ever appended; reserved bits must be zero.
//!
//! The heart is the table in [`interface!`]; the modules around it define the words that it
//! speaks of.

#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
mod buffer;
mod descriptor;
mod error;
pub mod guest;
mod hash;
pub mod init;
mod interface;
mod memory;
mod message;
mod rights;
mod table;
mod word;

pub use buffer::{IpcBuffer, MAPPING_RUNS, MappingRun, VECTOR_IMAGE_BYTES, VECTOR_IMAGE_OFFSET};
pub use descriptor::{DESCRIPTOR_LEVELS, Descriptor};
pub use error::{Culprit, Error, Reason};
pub use guest::StateGroups;
pub use hash::{AbiNote, FNV_OFFSET, NOTE_ABI_HASH, NOTE_NAME, fnv1a};
pub use memory::{Access, FaultReason, MemoryType, Verdict};
pub use message::{MESSAGE_CAPABILITIES, MESSAGE_REGISTERS, MESSAGE_WORDS, MessageInfo, Source};
pub use rights::Rights;
pub use table::{
    ABI_HASH, Form, Invocation, OBJECTS, OPERATION_MASK, ObjectSpec, ObjectType, OperationSpec,
    REPLY_SLOT_SHIFT, WordSpec, address_space, frame, generic, interrupt_port, interrupt_region,
    io_port, ipc_port, kernel, node, notification, operation_word, page_table, pcb, reply, timer,
    vector_state, window,
};
pub use word::Word;
