//! Files by node, for clients that keep files themselves: names and contents lie in shared memory.

use nun::service::Wire;

/// Bytes of the memory that client and server share by a channel, behind its rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct NodeStretch {
    /// Where they begin.
    pub place: u64,
    /// How many.
    pub bytes: u64,
}

/// An error, as Linux numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct ErrorNumber {
    /// The number.
    pub number: u16,
}

/// A point in time, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Wire)]
pub struct FileTime {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct NodeStatus {
    /// Kind and permissions.
    pub mode: u32,
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
    /// When it was last read.
    pub accessed: FileTime,
    /// When its contents changed.
    pub modified: FileTime,
    /// When its attributes changed.
    pub changed: FileTime,
    /// Whether it has extended attributes.
    pub is_extended: bool,
}

/// A node that was found or made. It is held for the client, until that releases it as often as it was given it,
/// or begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct FoundNode {
    /// Its number.
    pub node: u32,
    /// What is known of it.
    pub status: NodeStatus,
}

/// What is to be set; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Wire)]
pub struct NodeChanges {
    /// Permissions, set-identity and sticky bits.
    pub permissions: Option<u16>,
    /// Owner.
    pub user: Option<u32>,
    /// Owning group.
    pub group: Option<u32>,
    /// Size.
    pub size: Option<u64>,
    /// Time of the last access.
    pub accessed: Option<FileTime>,
    /// Time of the last change of contents.
    pub modified: Option<FileTime>,
}

/// A node to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct NewNode {
    /// Kind and permissions.
    pub mode: u32,
    /// Its owner.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Major and minor number, of a device.
    pub device: (u32, u32),
    /// The target of a symbolic link.
    pub target: NodeStretch,
}

/// What an extended attribute is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum NewExtended {
    /// It is taken away.
    Nothing = 1,
    /// Its value lies in the stretch.
    Value = 2,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct NameIn {
    /// The directory.
    pub directory: u32,
    /// Where the name lies.
    pub name: NodeStretch,
}

/// What a rename does with something that has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum Moving {
    /// Replaces it.
    Replace = 1,
    /// Fails.
    Keep = 2,
    /// Swaps the two.
    Exchange = 3,
}

/// Space in the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct NodeSpace {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Those that are free.
    pub free_blocks: u64,
    /// Nodes that can be, and those that can still be made.
    pub nodes: (u32, u32),
}

/// An entry of a listing, as it lies in shared memory: number and kind (as bits of a mode) in the first word,
/// where to go on in the second, the length of the name in the third, then the name, up to a whole word.
pub const ENTRY_WORDS: usize = 3;
/// An extended attribute, as it lies there: lengths of name and value in a word each, then both, up to a whole word.
pub const EXTENDED_WORDS: usize = 2;
