//! Extended attributes: in inodes, in blocks, and back.

mod common;

use common::{MAKER, NOW, errno, file, mounted, remounted};
use koito_fs::{Errno, New, Node, ROOT, Time};

/// Names and values of a node's.
fn all(fs: &mut common::Mounted, node: Node) -> Vec<(String, Vec<u8>)> {
    let found = fs.extended(node).expect("attributes");
    let mut all: Vec<_> = found
        .into_iter()
        .map(|it| (String::from_utf8(it.name).expect("a name of letters"), it.value))
        .collect();
    all.sort();
    all
}

#[test]
fn they_come_back_and_go() {
    let mut fs = mounted(koito_fs_images::USUAL);
    let node = file(&mut fs, "a", b"text");
    assert!(!fs.attributes(node).unwrap().is_extended);
    let later = Time { seconds: NOW.seconds + 9, ..NOW };
    fs.set_extended(node, b"user.colour", Some(b"red"), later).unwrap();
    fs.set_extended(node, b"trusted.x", Some(b""), later).unwrap();
    fs.set_extended(node, b"user.colour", Some(b"green"), later).unwrap();
    assert_eq!(fs.attributes(node).unwrap().changed, later);
    let mut fs = remounted(fs);
    let node = fs.lookup(ROOT, b"a").unwrap();
    assert!(fs.attributes(node).unwrap().is_extended);
    let expected = [("trusted.x".into(), vec![]), ("user.colour".into(), b"green".to_vec())];
    assert_eq!(all(&mut fs, node), expected);
    fs.set_extended(node, b"user.colour", None, later).unwrap();
    fs.set_extended(node, b"trusted.x", None, later).unwrap();
    assert_eq!(all(&mut fs, node), []);
    assert!(!fs.attributes(node).unwrap().is_extended);
}

#[test]
fn what_does_not_fit_into_the_inode_takes_a_block_that_is_given_back() {
    let mut fs = mounted(koito_fs_images::USUAL);
    let node = fs.create(ROOT, b"d", New::Directory, MAKER).unwrap();
    let (free, sectors) = (fs.space().free_blocks, fs.attributes(node).unwrap().sectors);
    let block = fs.space().block_bytes;
    let value: Vec<u8> = (0..block / 2).map(|at| at as u8).collect();
    fs.set_extended(node, b"user.small", Some(b"1"), NOW).unwrap();
    assert_eq!(fs.space().free_blocks, free, "it lies in the inode");
    fs.set_extended(node, b"user.large", Some(&value), NOW).unwrap();
    assert_eq!(fs.space().free_blocks, free - 1);
    assert_eq!(fs.attributes(node).unwrap().sectors, sectors + block as u64 / 512);
    let refused = fs.set_extended(node, b"user.larger", Some(&value), NOW);
    assert_eq!(errno(refused), Errno::NoSpace);
    let mut fs = remounted(fs);
    let expected = [("user.large".into(), value), ("user.small".into(), b"1".to_vec())];
    assert_eq!(all(&mut fs, node), expected);
    fs.set_extended(node, b"user.large", None, NOW).unwrap();
    fs.sync().unwrap();
    assert_eq!(fs.space().free_blocks, free);
    assert_eq!(all(&mut fs, node), [("user.small".into(), b"1".to_vec())]);
}

#[test]
fn names_without_a_namespace_are_refused() {
    let mut fs = mounted(koito_fs_images::USUAL);
    let node = file(&mut fs, "a", b"");
    for name in ["colour", "user.", "other.x"] {
        let refused = fs.set_extended(node, name.as_bytes(), Some(b"1"), NOW);
        assert_eq!(errno(refused), Errno::Unsupported, "{name}");
    }
}
