//! Whatever a file system image holds, using it gives results or errors: no panic, no hang, no
//! memory beyond what was allotted. The input names an image and bytes of it to be changed, only
//! such that hold structure.

#![no_main]

use koito_block::MemoryDevice;
use koito_fs::{
    Access, Changes, Cookie, FileSystem, Kind, Maker, New, Node, Options, ROOT, Rename, Time,
};
use koito_fs_images::{BARE, UNCLEAN, USUAL, expand};
use libfuzzer_sys::fuzz_target;

/// Nodes looked at, and bytes read of each.
const NODES: usize = 150;
const BYTES: usize = 100_000;
const NOW: Time = Time { seconds: 1_700_000_100, nanoseconds: 0 };
const MAKER: Maker = Maker { user: 1, group: 1, permissions: 0o644, now: NOW };

fuzz_target!(|input: &[u8]| {
    let Some((which, changes)) = input.split_first() else { return };
    let base = [BARE, UNCLEAN, USUAL][usize::from(which % 3)];
    let mut packed = base.to_vec();
    for change in changes.chunks_exact(4) {
        let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
        // Not the image's length, so that it stays small.
        let place = 4 + place % (packed.len() - 4);
        packed[place] = change[3];
    }
    let Some(image) = expand(&packed) else { return };
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let options = Options { access, cache_bytes: 1 << 20, now: NOW };
        match FileSystem::mount(MemoryDevice::new(image.clone()), options) {
            Ok(mut fs) => {
                look(&mut fs);
                if access == Access::ReadWrite {
                    change(&mut fs);
                }
                let _ = fs.unmount();
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});

/// Reads names, attributes and contents.
fn look(fs: &mut FileSystem<MemoryDevice>) {
    let mut nodes = vec![ROOT];
    let mut buffer = vec![0; BYTES];
    let mut next = 0;
    while next < nodes.len().min(NODES) {
        let node = nodes[next];
        next += 1;
        let Ok(attributes) = fs.attributes(node) else { continue };
        match attributes.kind {
            Kind::Directory => {
                let _ = fs.list(node, Cookie::default(), |entry| {
                    nodes.push(entry.node);
                    nodes.len() < NODES
                });
            }
            Kind::Link => {
                let _ = fs.read_link(node).map(|target| assert!(target.len() < 4096));
            }
            _ => {
                for offset in [0, attributes.size.saturating_sub(5000)] {
                    let length = fs.read(node, offset, &mut buffer).unwrap_or(0);
                    assert!(length as u64 <= attributes.size);
                }
            }
        }
    }
}

/// Changes what there is, and adds to it.
fn change(fs: &mut FileSystem<MemoryDevice>) {
    let mut names = vec![];
    let _ = fs.list(ROOT, Cookie::default(), |entry| {
        names.push((entry.name.to_vec(), entry.node));
        names.len() < 20
    });
    let data = [7; 5000];
    for number in 0..20_u64 {
        let name = format!("new {number}");
        if let Ok(node) = fs.create(ROOT, name.as_bytes(), New::File, MAKER) {
            let _ = fs.write(node, number * 3000, &data, NOW);
        }
    }
    if let Ok(crowd) = fs.lookup(ROOT, b"crowd") {
        for number in 0..30 {
            let name = format!("{number} more {}", "y".repeat(60));
            let _ = fs.create(crowd, name.as_bytes(), New::Directory, MAKER);
        }
    }
    let _ = fs.sync();
    for (number, (name, node)) in names.iter().enumerate() {
        let _ = fs.write(*node, 10_000, &data, NOW);
        let size = Changes { size: Some(number as u64 * 700), ..Changes::default() };
        let _ = fs.set_attributes(*node, &size, NOW);
        let _ = fs.rename(ROOT, name, ROOT, b"renamed", Rename::Replace, NOW);
        let _ = fs.link(Node(node.0), ROOT, name, NOW);
        let _ = fs.unlink(ROOT, b"renamed", NOW);
        let _ = fs.remove_directory(ROOT, name, NOW);
    }
    let _ = fs.sync();
}
