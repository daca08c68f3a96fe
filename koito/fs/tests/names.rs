//! Names: making, finding, linking, renaming, removing; and the errors that POSIX wants.

mod common;

use common::{MAKER, NOW, contents, errno, file, mounted, names, remounted};
use koito_fs::{Errno, Kind, New, Node, ROOT, Rename};
use koito_fs_images::{BARE, USUAL};

#[test]
fn every_kind_of_node_comes_back() {
    let mut fs = mounted(USUAL);
    let long = vec![b't'; 300];
    let kinds = [
        (New::File, Kind::File),
        (New::Directory, Kind::Directory),
        (New::Link(b"short"), Kind::Link),
        (New::Link(&long), Kind::Link),
        (New::Fifo, Kind::Fifo),
        (New::Socket, Kind::Socket),
        (New::CharacterDevice(4, 70_000), Kind::CharacterDevice),
        (New::BlockDevice(259, 3), Kind::BlockDevice),
    ];
    for (number, (new, _)) in kinds.iter().enumerate() {
        fs.create(ROOT, format!("n{number}").as_bytes(), *new, MAKER).expect("a node");
    }
    let mut fs = remounted(fs);
    for (number, (new, kind)) in kinds.iter().enumerate() {
        let node = fs.lookup(ROOT, format!("n{number}").as_bytes()).expect("it is there");
        let attributes = fs.attributes(node).expect("attributes");
        assert_eq!(attributes.kind, *kind);
        assert_eq!((attributes.user, attributes.group), (1000, 1001));
        assert_eq!((attributes.permissions, attributes.created), (0o640, NOW));
        match new {
            New::Link(target) => assert_eq!(fs.read_link(node).as_deref(), Ok(*target)),
            New::CharacterDevice(major, minor) | New::BlockDevice(major, minor) => {
                assert_eq!(attributes.device, (*major, *minor));
            }
            _ => {}
        }
    }
}

#[test]
fn names_that_cannot_be() {
    let mut fs = mounted(USUAL);
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
        assert_eq!(errno(fs.create(ROOT, name, New::File, MAKER)), Errno::Invalid);
        assert_eq!(errno(fs.unlink(ROOT, name, NOW)), Errno::Invalid);
    }
    assert_eq!(errno(fs.create(ROOT, &[b'x'; 256], New::File, MAKER)), Errno::NameTooLong);
    fs.create(ROOT, &[b'x'; 255], New::File, MAKER).expect("255 bytes fit");
    assert_eq!(errno(fs.lookup(ROOT, b"missing")), Errno::NoEntry);
    assert_eq!(fs.lookup(ROOT, b".."), Ok(ROOT));
}

#[test]
fn what_is_no_directory_has_no_names() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "file", b"");
    assert_eq!(errno(fs.lookup(node, b"x")), Errno::NotDirectory);
    assert_eq!(errno(fs.create(node, b"x", New::File, MAKER)), Errno::NotDirectory);
    assert_eq!(errno(fs.remove_directory(ROOT, b"file", NOW)), Errno::NotDirectory);
    assert_eq!(errno(fs.unlink(ROOT, b"lost+found", NOW)), Errno::IsDirectory);
    assert_eq!(errno(fs.read_link(node)), Errno::Invalid);
    assert_eq!(errno(fs.attributes(Node(7))), Errno::NoEntry);
    assert_eq!(errno(fs.attributes(Node(u32::MAX))), Errno::NoEntry);
}

#[test]
fn hard_links_share_a_node_until_the_last_goes() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "one", b"shared");
    fs.link(node, ROOT, b"two", NOW).expect("a second name");
    assert_eq!(errno(fs.link(node, ROOT, b"two", NOW)), Errno::Exists);
    assert_eq!(errno(fs.link(ROOT, ROOT, b"three", NOW)), Errno::IsDirectory);
    assert_eq!(fs.attributes(node).expect("attributes").links, 2);
    fs.unlink(ROOT, b"one", NOW).expect("the first goes");
    assert_eq!(contents(&mut fs, node), b"shared");
    fs.unlink(ROOT, b"two", NOW).expect("the last goes");
    assert_eq!(errno(fs.attributes(node)), Errno::NoEntry);
}

#[test]
fn directories_count_their_subdirectories() {
    let mut fs = mounted(BARE);
    let outer = fs.create(ROOT, b"outer", New::Directory, MAKER).expect("a directory");
    let inner = fs.create(outer, b"inner", New::Directory, MAKER).expect("a directory");
    let links = |fs: &mut common::Mounted, node| fs.attributes(node).expect("attributes").links;
    let before = links(&mut fs, ROOT);
    assert_eq!((links(&mut fs, outer), links(&mut fs, inner)), (3, 2));
    assert_eq!(errno(fs.remove_directory(ROOT, b"outer", NOW)), Errno::NotEmpty);
    fs.rename(outer, b"inner", ROOT, b"moved", Rename::Replace, NOW).expect("it moves");
    assert_eq!((links(&mut fs, outer), links(&mut fs, ROOT)), (2, before + 1));
    assert_eq!(fs.lookup(inner, b".."), Ok(ROOT));
    fs.remove_directory(ROOT, b"outer", NOW).expect("it is empty now");
    assert_eq!(links(&mut fs, ROOT), before);
}

#[test]
fn renames_keep_replace_and_exchange() {
    let mut fs = mounted(USUAL);
    let (one, two) = (file(&mut fs, "one", b"1"), file(&mut fs, "two", b"2"));
    let rename = |fs: &mut common::Mounted, from: &str, to: &str, mode| {
        fs.rename(ROOT, from.as_bytes(), ROOT, to.as_bytes(), mode, NOW)
    };
    assert_eq!(errno(rename(&mut fs, "one", "two", Rename::Keep)), Errno::Exists);
    assert_eq!(errno(rename(&mut fs, "one", "three", Rename::Exchange)), Errno::NoEntry);
    assert_eq!(errno(rename(&mut fs, "none", "two", Rename::Replace)), Errno::NoEntry);
    rename(&mut fs, "one", "two", Rename::Exchange).expect("they swap");
    assert_eq!((fs.lookup(ROOT, b"one"), fs.lookup(ROOT, b"two")), (Ok(two), Ok(one)));
    rename(&mut fs, "one", "two", Rename::Replace).expect("it replaces");
    assert_eq!(errno(fs.lookup(ROOT, b"one")), Errno::NoEntry);
    assert_eq!(contents(&mut fs, two), b"2");
    assert_eq!(errno(fs.attributes(one)), Errno::NoEntry);
    rename(&mut fs, "two", "two", Rename::Replace).expect("onto itself nothing happens");
    assert_eq!(fs.lookup(ROOT, b"two"), Ok(two));
}

#[test]
fn directories_cannot_move_into_themselves_or_over_files() {
    let mut fs = mounted(USUAL);
    let outer = fs.create(ROOT, b"outer", New::Directory, MAKER).expect("a directory");
    let inner = fs.create(outer, b"inner", New::Directory, MAKER).expect("a directory");
    file(&mut fs, "file", b"");
    let replace = Rename::Replace;
    assert_eq!(errno(fs.rename(ROOT, b"outer", inner, b"x", replace, NOW)), Errno::Invalid);
    assert_eq!(errno(fs.rename(ROOT, b"outer", outer, b"inner", replace, NOW)), Errno::Invalid);
    assert_eq!(errno(fs.rename(ROOT, b"outer", ROOT, b"file", replace, NOW)), Errno::NotDirectory);
    assert_eq!(errno(fs.rename(ROOT, b"file", ROOT, b"outer", replace, NOW)), Errno::IsDirectory);
    assert_eq!(
        errno(fs.rename(ROOT, b"outer", outer, b"inner", Rename::Exchange, NOW)),
        Errno::Invalid
    );
    // What is above is in the way, whatever is moved.
    fs.create(outer, b"leaf", New::File, MAKER).expect("a file");
    for below in [&b"leaf"[..], b"inner"] {
        assert_eq!(errno(fs.rename(outer, below, ROOT, b"outer", replace, NOW)), Errno::NotEmpty);
        let exchanged = fs.rename(outer, below, ROOT, b"outer", Rename::Exchange, NOW);
        assert_eq!(errno(exchanged), Errno::Invalid);
    }
}

#[test]
fn thousands_of_names_are_found_and_listed_once_while_others_come() {
    let mut fs = mounted(BARE);
    let crowd = fs.create(ROOT, b"many", New::Directory, MAKER).expect("a directory");
    let name = |number: usize| format!("a name with the number {number:05}");
    // Enough for an index of two levels; names of one node, since inodes are fewer.
    let count = 3000;
    let node = file(&mut fs, "node", b"");
    for number in 0..count {
        fs.link(node, crowd, name(number).as_bytes(), NOW).expect("a name");
    }
    let mut fs = remounted(fs);
    let mut listed = names(&mut fs, crowd, 7);
    listed.sort();
    assert!(listed.iter().eq((0..count).map(name).collect::<Vec<_>>().iter()));

    let (mut seen, mut cookie) = (vec![], koito_fs::Cookie::default());
    let mut extra = count;
    loop {
        let before = seen.len();
        fs.list(crowd, cookie, |entry| {
            cookie = entry.next;
            seen.push(String::from_utf8_lossy(entry.name).into_owned());
            seen.len() < before + 20
        })
        .expect("it can be listed");
        if seen.len() == before {
            break;
        }
        // New names come: leaves split while the listing goes on.
        for _ in 0..5 {
            fs.link(node, crowd, name(extra).as_bytes(), NOW).expect("a name");
            extra += 1;
        }
    }
    seen.sort();
    let known = |listed: &String| *listed < name(count) && listed.starts_with("a name");
    seen.retain(known);
    assert!(seen.iter().eq((0..count).map(name).collect::<Vec<_>>().iter()));
    for number in 0..extra {
        fs.unlink(crowd, name(number).as_bytes(), NOW).expect("it can be removed");
    }
    fs.remove_directory(ROOT, b"many", NOW).expect("it is empty");
}
