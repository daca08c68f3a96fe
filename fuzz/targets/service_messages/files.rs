//! The file server's methods, by path and by node.

use koito::services::*;
use nun::service::{Caller, Vec};

use super::Everything;

const NO: ErrorNumber = ErrorNumber { number: 5 };

/// What a dispatcher lets through as a path is one.
fn check(path: &Path) {
    assert!(path.len() <= PATH_BYTES && str::from_utf8(path.as_bytes()).is_ok());
}

impl Files for Everything {
    fn status(&self, _: Caller, path: Path) -> Result<FileStatus, FileError> {
        check(&path);
        Ok(FileStatus { kind: FileKind::File, size: 1, links: 1, modified: 0 })
    }
    fn list(&self, _: Caller, path: Path, from: u64) -> Result<Option<ListedEntry>, FileError> {
        check(&path);
        Ok((from > 0).then(|| ListedEntry { name: [7; ENTRY_BYTES].into(), next: from }))
    }
    fn read(&self, _: Caller, path: Path, _: u64) -> Result<Vec<u8, PIECE_BYTES>, FileError> {
        check(&path);
        Ok([7; PIECE_BYTES].into())
    }
    fn write(
        &self,
        _: Caller,
        path: Path,
        _: u64,
        bytes: Vec<u8, PIECE_BYTES>,
    ) -> Result<(), FileError> {
        check(&path);
        assert!(bytes.len() <= PIECE_BYTES);
        Ok(())
    }
    fn create(&self, _: Caller, path: Path) -> Result<(), FileError> {
        check(&path);
        Ok(())
    }
    fn make_directory(&self, _: Caller, path: Path) -> Result<(), FileError> {
        check(&path);
        Ok(())
    }
    fn remove(&self, _: Caller, path: Path) -> Result<(), FileError> {
        check(&path);
        Ok(())
    }
    fn sync(&self, _: Caller) -> Result<(), FileError> {
        Ok(())
    }
    fn space(&self, _: Caller) -> Result<FileSpace, FileError> {
        Ok(FileSpace { bytes: 2, free: 1 })
    }
    fn read_into(
        &self,
        _: Caller,
        path: Path,
        _: u64,
        into: NodeStretch,
    ) -> Result<u64, FileError> {
        check(&path);
        Ok(into.bytes)
    }
    fn leave(&self, _: Caller) -> Result<(), FileError> {
        Err(FileError::Disk)
    }
    fn begin(&self, _: Caller) -> Result<FoundNode, ErrorNumber> {
        Ok(found(2))
    }
    fn hold_again(&self, _: Caller, _: u32, _: u32) -> Result<(), ErrorNumber> {
        Ok(())
    }
    fn release(&self, _: Caller, _: u32, _: u32) -> Result<(), ErrorNumber> {
        Err(NO)
    }
    fn look_up(&self, _: Caller, name: NameIn) -> Result<FoundNode, ErrorNumber> {
        Ok(found(name.directory))
    }
    fn link_target(&self, _: Caller, _: u32, into: NodeStretch) -> Result<u64, ErrorNumber> {
        Ok(into.bytes)
    }
    fn entries(&self, _: Caller, _: u32, _: u64, into: NodeStretch) -> Result<u64, ErrorNumber> {
        Ok(into.bytes)
    }
    fn read_node(&self, _: Caller, _: u32, _: u64, into: NodeStretch) -> Result<u64, ErrorNumber> {
        Ok(into.bytes)
    }
    fn write_node(
        &self,
        _: Caller,
        _: u32,
        _: u64,
        from: NodeStretch,
        _: FileTime,
    ) -> Result<u64, ErrorNumber> {
        Ok(from.bytes)
    }
    fn change_node(
        &self,
        _: Caller,
        _: u32,
        _: NodeChanges,
        _: FileTime,
    ) -> Result<(), ErrorNumber> {
        Ok(())
    }
    fn make_node(
        &self,
        _: Caller,
        at: NameIn,
        _: NewNode,
        _: FileTime,
    ) -> Result<FoundNode, ErrorNumber> {
        Ok(found(at.directory))
    }
    fn link_node(&self, _: Caller, _: u32, _: NameIn, _: FileTime) -> Result<(), ErrorNumber> {
        Ok(())
    }
    fn remove_name(&self, _: Caller, _: NameIn, _: bool, _: FileTime) -> Result<(), ErrorNumber> {
        Err(NO)
    }
    fn move_name(
        &self,
        _: Caller,
        _: NameIn,
        _: NameIn,
        _: Moving,
        _: FileTime,
    ) -> Result<(), ErrorNumber> {
        Ok(())
    }
    fn node_space(&self, _: Caller) -> Result<NodeSpace, ErrorNumber> {
        Err(NO)
    }
    fn sync_since(&self, _: Caller, _: u16) -> Result<(), ErrorNumber> {
        Ok(())
    }
    fn extended(&self, _: Caller, _: u32, into: NodeStretch) -> Result<u64, ErrorNumber> {
        Ok(into.bytes)
    }
    fn set_extended(
        &self,
        _: Caller,
        _: NameIn,
        _: NewExtended,
        _: NodeStretch,
        _: FileTime,
    ) -> Result<(), ErrorNumber> {
        Err(NO)
    }
}

fn found(node: u32) -> FoundNode {
    let time = FileTime::default();
    let status = NodeStatus {
        mode: 0o100_644,
        links: 1,
        user: 0,
        group: 0,
        size: 0,
        sectors: 0,
        device: (0, 0),
        accessed: time,
        modified: time,
        changed: time,
        is_extended: false,
    };
    FoundNode { node, status }
}
