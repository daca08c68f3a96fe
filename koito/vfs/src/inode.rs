//! What a name leads to: its attributes, and what it consists of.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::arena::Id;
use crate::content::Content;
use crate::dentry::DentryId;
use crate::locks::Locks;
use crate::pipe::PipeId;
use crate::proc::ProcNode;
use crate::queue::QueueId;
use crate::socket::SocketId;

/// A point in time, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A named pipe.
    Fifo,
    /// A device that moves characters.
    CharacterDevice,
    /// A directory.
    Directory,
    /// A device that moves blocks.
    BlockDevice,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket.
    Socket,
}

impl Kind {
    /// Its bits of a mode (`S_IFMT`).
    pub const fn mode(self) -> u32 {
        match self {
            Self::Fifo => 0x1000,
            Self::CharacterDevice => 0x2000,
            Self::Directory => 0x4000,
            Self::BlockDevice => 0x6000,
            Self::File => 0x8000,
            Self::Link => 0xa000,
            Self::Socket => 0xc000,
        }
    }

    /// What a mode says; a mode that says nothing means a file.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0xf000 {
            0x1000 => Self::Fifo,
            0x2000 => Self::CharacterDevice,
            0x4000 => Self::Directory,
            0x6000 => Self::BlockDevice,
            0 | 0x8000 => Self::File,
            0xa000 => Self::Link,
            0xc000 => Self::Socket,
            _ => return None,
        })
    }

    /// Its number in listings (`d_type`).
    pub const fn entry_type(self) -> u8 {
        (self.mode() >> 12) as u8
    }
}

/// An extended attribute: its name and its value.
pub type Extended = (Box<[u8]>, Box<[u8]>);

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// What it is.
    pub kind: Kind,
    /// Permissions, set-identity and sticky bits.
    pub permissions: u16,
    /// Number of names.
    pub links: u32,
    /// Owner.
    pub user: u32,
    /// Owning group.
    pub group: u32,
    /// Size in bytes.
    pub size: u64,
    /// Space that it takes, in units of 512 bytes.
    pub sectors: u64,
    /// Major and minor number, of a device.
    pub device: (u32, u32),
    /// When it was last read.
    pub accessed: Time,
    /// When its contents changed.
    pub modified: Time,
    /// When its attributes changed.
    pub changed: Time,
    /// Whether it has extended attributes.
    pub is_extended: bool,
}

impl Attributes {
    /// A new node's.
    pub const fn new(kind: Kind, permissions: u16, (user, group): (u32, u32), now: Time) -> Self {
        Self {
            kind,
            permissions,
            links: 1,
            user,
            group,
            size: 0,
            sectors: 0,
            device: (0, 0),
            accessed: now,
            modified: now,
            changed: now,
            is_extended: false,
        }
    }

    /// Notes a change of contents.
    pub const fn touch(&mut self, now: Time) {
        self.modified = now;
        self.changed = now;
    }
}

/// Attributes to be set; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Permissions, set-identity and sticky bits.
    pub permissions: Option<u16>,
    /// Owner.
    pub user: Option<u32>,
    /// Owning group.
    pub group: Option<u32>,
    /// Size; what is cut off is lost, what is added reads as zeros.
    pub size: Option<u64>,
    /// Time of the last access.
    pub accessed: Option<Time>,
    /// Time of the last change of contents.
    pub modified: Option<Time>,
}

impl Changes {
    /// Nothing is to be set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a node consists of.
#[derive(Clone, Debug)]
pub enum Body {
    /// A directory in memory: its entries in the order in which they were made, and the next number.
    Directory(BTreeMap<u64, DentryId>, u64),
    /// A file.
    File(Content),
    /// A link, with its target as soon as that is known.
    Link(Option<Vec<u8>>),
    /// A named pipe, while somebody uses it.
    Fifo(Option<PipeId>),
    /// A socket's name, while there is one.
    Socket(Option<SocketId>),
    /// Something that `/proc` shows.
    Proc(ProcNode),
    /// What is told by the attributes: devices, and directories that the file server keeps.
    Plain,
}

/// What the file server has to do with a node.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The server's number for it.
    pub node: u32,
    /// How often the server was told that it is in use.
    pub holds: u32,
    /// Requests on their way that change it.
    pub under_way: u32,
    /// What it has to be told, without the size.
    pub changes: Changes,
    /// To what size it has to be cut before pages are written.
    pub cut: Option<u64>,
    /// Pages of which each has its place on the disk, as far as that is known.
    pub dense: u32,
    /// The size that the server knows.
    pub size: u64,
    /// What went wrong after somebody was told that all is well.
    pub error: Option<Errno>,
    /// It stands in the list of what has to be written back.
    pub listed: bool,
    /// Its extended attributes, as soon as somebody asked.
    pub extended: Option<Vec<Extended>>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Inode {
    /// The file system that it lies in.
    pub filesystem: usize,
    /// Its number there.
    pub number: u64,
    /// What is known of it.
    pub attributes: Attributes,
    /// Names in memory, and requests under way, that need it.
    pub uses: u32,
    /// What it consists of.
    pub body: Body,
    /// The file server's part, if it lies there.
    pub remote: Option<Remote>,
    /// Locks on it, and on parts of it.
    pub locks: Locks,
    /// Who waits for a lock, or for what is under way.
    pub queue: Option<QueueId>,
    /// Whether it may get a name though it has none: it was made so.
    pub may_be_named: bool,
}

/// Number of a node.
pub type InodeId = Id<Inode>;
