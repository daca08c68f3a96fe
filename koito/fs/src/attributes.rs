//! What a node is and what is known of it, as a POSIX server asks for it.

use alloc::vec::Vec;

/// Number of a node (an inode). The root directory is [`ROOT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

/// The root directory.
pub const ROOT: Node = Node(2);

/// A point in time, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds; -2^31 to 2^34 - 2^31 can be stored.
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
    /// All of them, with their bits of the mode (`S_IFMT`) and their types in directories.
    const ALL: [(Self, u16, u8); 7] = [
        (Self::Fifo, 0x1000, 5),
        (Self::CharacterDevice, 0x2000, 3),
        (Self::Directory, 0x4000, 2),
        (Self::BlockDevice, 0x6000, 4),
        (Self::File, 0x8000, 1),
        (Self::Link, 0xa000, 7),
        (Self::Socket, 0xc000, 6),
    ];

    fn row(self) -> (Self, u16, u8) {
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[4])
    }

    /// The bits of the mode.
    pub fn mode(self) -> u16 {
        self.row().1
    }

    /// What the mode says.
    pub fn from_mode(mode: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.1 == mode & 0xf000).map(|row| row.0)
    }

    pub(crate) fn entry_type(self) -> u8 {
        self.row().2
    }

    pub(crate) fn from_entry_type(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.2 == number).map(|row| row.0)
    }
}

/// What is known of a node (`stat`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// What it is.
    pub kind: Kind,
    /// Permissions, set-identity and sticky bits. The file system stores them; checking them is
    /// the caller's.
    pub permissions: u16,
    /// Number of names.
    pub links: u16,
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
    /// Tells it from nodes that had the same number before.
    pub generation: u32,
    /// When it was last read, as far as somebody said so.
    pub accessed: Time,
    /// When its contents changed.
    pub modified: Time,
    /// When its attributes changed.
    pub changed: Time,
    /// When it was made.
    pub created: Time,
    /// Whether it has extended attributes.
    pub is_extended: bool,
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// Its name, which begins with that of its namespace.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Attributes to be set; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// A node to be made.
#[derive(Clone, Copy, Debug)]
pub enum New<'a> {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link with this target.
    Link(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device with major and minor number.
    CharacterDevice(u32, u32),
    /// A block device with major and minor number.
    BlockDevice(u32, u32),
}

impl New<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::File => Kind::File,
            Self::Directory => Kind::Directory,
            Self::Link(_) => Kind::Link,
            Self::Fifo => Kind::Fifo,
            Self::Socket => Kind::Socket,
            Self::CharacterDevice(..) => Kind::CharacterDevice,
            Self::BlockDevice(..) => Kind::BlockDevice,
        }
    }
}

/// Who makes a node, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maker {
    /// Owner of what is made.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Permissions of what is made.
    pub permissions: u16,
    /// The time.
    pub now: Time,
}

/// What a rename does with an entry of the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rename {
    /// Replaces it.
    Replace,
    /// Fails with `EEXIST` (`RENAME_NOREPLACE`).
    Keep,
    /// Swaps the two (`RENAME_EXCHANGE`).
    Exchange,
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The node that it names.
    pub node: Node,
    /// What that is, if the entry says so.
    pub kind: Option<Kind>,
    /// Where to go on after it.
    pub next: Cookie,
}

/// A place in a directory, for a listing to go on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie(pub u64);

/// Space in the file system (`statfs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes of a block.
    pub block_bytes: usize,
    /// Blocks that files can have, in use or not.
    pub blocks: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// Inodes in use or not.
    pub inodes: u32,
    /// Free inodes.
    pub free_inodes: u32,
}
