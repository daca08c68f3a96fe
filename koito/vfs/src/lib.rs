//! Files as Linux programs know them, without a kernel below: names, open files, pipes, terminals, sockets,
//! devices, `/proc`, readiness, locks, and a cache of what a file server keeps.
//!
//! [`Vfs`] holds everything, in arenas, by number; one lock makes it many-threaded. Its operations are what
//! system calls come down to, with the errors of Linux. None of them waits: an operation that cannot go on
//! ends in a [`Stop`], which says what it waits for, as data. The caller puts a [`Token`] into a queue, or
//! sends a request to the file server, and calls again later, with the same arguments. What has changed
//! anything is not called again: it gives its result, or ends in [`Stop::Commit`], whose answer is the
//! result.
//!
//! Memory for contents is the caller's ([`Pages`]), since programs map it; so are programs' buffers
//! ([`Target`], [`Source`]) and what `/proc` says ([`System`]).
//!
//! Read in this order: `stop`, `vfs`, `dentry`, `walk`, `names`, `open`, `file`, `content`, `remote`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answers;
mod arena;
mod attributes;
mod buffer;
mod cache;
mod content;
mod dentry;
mod descriptors;
mod device;
mod epoll;
mod event;
mod extended;
mod file;
mod inode;
mod kept;
mod list;
mod locks;
mod names;
mod open;
mod packets;
mod page;
mod permission;
mod pipe;
mod pipe_copies;
mod poll;
mod proc;
mod proc_files;
mod queue;
mod remote;
mod rename;
mod resolve;
mod ring;
mod room;
mod seek;
mod socket;
mod socket_garbage;
mod socket_names;
mod socket_senders;
mod socket_transfer;
mod stop;
mod terminal_transfer;
mod terminals;
mod timer;
mod vfs;
mod walk;
mod watch;
mod witness;
mod write_back;

pub use arena::Id;
pub use attributes::{NewTime, SpaceStatus, Status};
pub use buffer::{Source, Target};
pub use cache::FilePages;
pub use content::MOST_AT_ONCE;
pub use dentry::DentryId;
pub use descriptors::{Descriptor, Descriptors, OnExec};
pub use device::Device;
pub use epoll::{Interest, Triggering};
pub use event::Counting;
pub use extended::{IfThere, Namespace};
pub use file::{FileId, Flags, Object};
pub use inode::{Attributes, Changes, Extended, InodeId, Kind, Time};
pub use list::Listed;
pub use locks::{Exclusion, Owner, Patience, Record};
pub use page::{HeapPages, PAGE_BYTES, Page, Pages};
pub use permission::{Credentials, Wish};
pub use poll::Ready;
pub use proc::{Known, ProcessLink, ProcessText, System, SystemText};
pub use queue::{QueueId, Queues, Token};
pub use remote::{Ask, Finished, Maker, New, Rename, Reply, Reported, Request};
pub use resolve::Resolve;
pub use seek::Whence;
pub use socket::{Received, Receiving, Rights, Sending, Shape, Shut, SocketId};
pub use socket_names::Address;
pub use socket_senders::{Passed, Sender};
pub use stop::{Intent, Result, Stop};
pub use terminals::{TerminalEnd, TerminalEvent, TerminalId, Terminals};
pub use timer::Timer;
pub use vfs::{Context, Place, Vfs};
pub use walk::{Found, Last, NAME_BYTES, PATH_BYTES};
pub use watch::Happening;
