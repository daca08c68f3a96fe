//! What a file system contains, in a form that can be compared.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::Result;
use koito_block::BlockDevice;
use koito_fs::{Cookie, FileSystem, Kind, Node, ROOT};

/// What is known of a path: a hash of its attributes, and of its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Length in bytes.
    pub size: u64,
    /// Hash of the contents, or of a link's target.
    pub contents: u64,
    /// Hash of kind, permissions, owner, number of names and times.
    pub attributes: u64,
}

/// All paths of a file system.
pub type Tree = BTreeMap<String, Leaf>;

/// Hash of some bytes.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The contents of a file.
pub fn contents<D: BlockDevice>(fs: &mut FileSystem<D>, node: Node) -> Result<Vec<u8>> {
    let attributes = fs.attributes(node)?;
    Ok(match attributes.kind {
        Kind::File => {
            let mut bytes = vec![0; attributes.size as usize];
            let length = fs.read(node, 0, &mut bytes)?;
            bytes.truncate(length);
            bytes
        }
        Kind::Link => fs.read_link(node)?,
        _ => vec![],
    })
}

/// Reads everything.
pub fn read<D: BlockDevice>(fs: &mut FileSystem<D>) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut waiting = vec![(String::new(), ROOT)];
    while let Some((path, node)) = waiting.pop() {
        let attributes = fs.attributes(node)?;
        let contents = contents(fs, node)?;
        if attributes.kind == Kind::Directory {
            fs.list(node, Cookie::default(), |entry| {
                if entry.name != b"." && entry.name != b".." {
                    let name = String::from_utf8_lossy(entry.name);
                    waiting.push((format!("{path}/{name}"), entry.node));
                }
                true
            })?;
        }
        let mut hasher = DefaultHasher::new();
        let times = [attributes.modified, attributes.changed, attributes.created];
        (attributes.kind.mode(), attributes.permissions, attributes.user, attributes.group)
            .hash(&mut hasher);
        (attributes.links, times.map(|time| (time.seconds, time.nanoseconds))).hash(&mut hasher);
        let leaf =
            Leaf { size: attributes.size, contents: hash(&contents), attributes: hasher.finish() };
        tree.insert(path, leaf);
    }
    Ok(tree)
}
