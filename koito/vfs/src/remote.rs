//! What the file server is asked, and what its answers change here. Nothing in this crate waits: requests are
//! handed to the caller, who hands back the answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::FileId;
use crate::inode::{Attributes, Changes, Extended, InodeId, Kind, Remote, Time};
use crate::list::Listed;
use crate::stop::Result;

/// A request to the file server. Each one that was handed out has to be given back to [`Vfs::answer`], which
/// is what it holds things for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The node that it is about.
    pub inode: InodeId,
    /// The server's number for that.
    pub node: u32,
    /// What is asked.
    pub ask: Ask,
}

/// A node to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum New {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link with this target.
    Link(Box<[u8]>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device with its numbers.
    Device(Kind, u32, u32),
}

impl New {
    /// What it will be.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::File => Kind::File,
            Self::Directory => Kind::Directory,
            Self::Link(_) => Kind::Link,
            Self::Fifo => Kind::Fifo,
            Self::Socket => Kind::Socket,
            Self::Device(kind, ..) => *kind,
        }
    }
}

/// Who makes a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Owner of what is made.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Its permissions.
    pub permissions: u16,
    /// When.
    pub now: Time,
}

/// What a rename does with something that has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rename {
    /// Replaces it.
    Replace,
    /// Fails.
    Keep,
    /// Swaps the two.
    Exchange,
}

/// What the file server is asked. It holds every node that it names in an answer, until it is told to forget it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What a name is in this directory: [`Reply::Node`].
    Lookup {
        /// The directory.
        parent: DentryId,
        /// The name.
        name: Box<[u8]>,
    },
    /// The target of this link: [`Reply::Bytes`].
    ReadLink,
    /// Entries of this directory: [`Reply::Entries`].
    List {
        /// Who lists it.
        file: FileId,
        /// From where on.
        cookie: u64,
    },
    /// Pages of this file: [`Reply::Bytes`], fewer at its end.
    Read {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Writes pages of this file; [`Vfs::gather`] has them.
    Write {
        /// The first.
        first: u32,
        /// Bytes in all.
        bytes: usize,
        /// When.
        now: Time,
    },
    /// Sets attributes.
    Change {
        /// Which.
        changes: Changes,
        /// When.
        now: Time,
    },
    /// Makes a node in this directory: [`Reply::Node`].
    Create {
        /// The directory.
        parent: DentryId,
        /// The new name.
        name: Box<[u8]>,
        /// What it will be.
        new: New,
        /// For whom.
        maker: Maker,
        /// A name that is there is an error.
        exclusive: bool,
    },
    /// Gives a node a further name in this directory.
    Link {
        /// The directory.
        parent: DentryId,
        /// The new name.
        name: Box<[u8]>,
        /// The node.
        target: InodeId,
        /// Its number there.
        node: u32,
        /// When.
        now: Time,
    },
    /// Removes a name from this directory.
    Remove {
        /// Which.
        dentry: DentryId,
        /// The name itself.
        name: Box<[u8]>,
        /// It is a directory's.
        directory: bool,
        /// When.
        now: Time,
    },
    /// Gives a name of this directory another one.
    Rename {
        /// Which.
        dentry: DentryId,
        /// The name itself.
        name: Box<[u8]>,
        /// Where it goes.
        to: DentryId,
        /// That directory's number there.
        to_node: u32,
        /// The new name.
        new_name: Box<[u8]>,
        /// What has the new name now.
        replaced: Option<DentryId>,
        /// What becomes of that.
        how: Rename,
        /// When.
        now: Time,
    },
    /// The extended attributes of this node: [`Reply::Extended`].
    Extended,
    /// Sets one of them.
    SetExtended {
        /// Its name.
        name: Box<[u8]>,
        /// Its value; none takes it away.
        value: Option<Box<[u8]>>,
        /// When.
        now: Time,
    },
    /// Makes everything that was answered before durable.
    Sync,
    /// How much space there is: [`Reply::Space`].
    Space,
    /// The node is not in use any more. There is no answer.
    Forget {
        /// So many holds are given back.
        holds: u32,
    },
}

/// Space on the file server's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks, and how many are free.
    pub blocks: (u64, u64),
    /// Nodes, and how many can still be made.
    pub nodes: (u64, u64),
}

/// What the server answered, if it did not fail.
#[derive(Clone, Debug)]
pub enum Reply<'a> {
    /// It was done.
    Done,
    /// A node.
    Node(u32, Attributes),
    /// Contents.
    Bytes(&'a [u8]),
    /// Entries of a directory; none behind its end.
    Entries(Vec<Listed>),
    /// Extended attributes.
    Extended(Vec<Extended>),
    /// Space.
    Space(Reported),
}

/// What the answer to a request means for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The operation is to be repeated.
    Again,
    /// The operation that ended in [`Stop::Commit`](crate::Stop::Commit) is done.
    Done,
    /// So is the one that made this, which is held for the caller: [`Vfs::open_made`], or
    /// [`Vfs::unpin`].
    Made(DentryId),
}

impl Remote {
    /// A node of so many bytes, which takes so many units of 512 bytes.
    pub(crate) fn new(node: u32, holds: u32, (size, sectors): (u64, u64)) -> Self {
        let is_dense = sectors.saturating_mul(512) >= size;
        let dense = if is_dense { pages_of(size).unwrap_or(0) } else { 0 };
        let changes = Changes {
            permissions: None,
            user: None,
            group: None,
            size: None,
            accessed: None,
            modified: None,
        };
        Self {
            node,
            holds,
            under_way: 0,
            changes,
            cut: None,
            dense,
            size,
            error: None,
            listed: false,
            extended: None,
        }
    }
}

/// Refuses to go on where an answer of another kind is needed.
pub(crate) fn pages_of(bytes: u64) -> Result<u32> {
    u32::try_from(bytes.div_ceil(crate::page::PAGE_BYTES as u64)).map_err(|_| Errno::EFBIG.into())
}
