//! Contents of files: holes, sizes, full devices, open files without names, and times.

mod common;

use common::{MAKER, NOW, contents, errno, file, mounted, remounted};
use koito_fs::{Changes, Errno, New, ROOT, Time};
use koito_fs_images::{BARE, USUAL};

fn resize(size: u64) -> Changes {
    Changes { size: Some(size), ..Changes::default() }
}

#[test]
fn holes_read_as_zeros_and_take_no_space() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "sparse", b"start");
    let far = 1 << 40;
    assert_eq!(fs.write(node, far, b"end", NOW), Ok(3));
    let mut fs = remounted(fs);
    let attributes = fs.attributes(node).expect("attributes");
    assert_eq!((attributes.size, attributes.sectors), (far + 3, 16));
    let mut bytes = [9; 10];
    assert_eq!(fs.read(node, far - 5, &mut bytes), Ok(8));
    assert_eq!(bytes, *b"\0\0\0\0\0end\x09\x09");
    assert_eq!(fs.read(node, far + 3, &mut bytes), Ok(0));
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    let mut fs = mounted(BARE);
    let node = file(&mut fs, "file", &[7; 5000]);
    fs.set_attributes(node, &resize(1500), NOW).expect("shorter");
    fs.set_attributes(node, &resize(5000), NOW).expect("longer");
    let seen = contents(&mut fs, node);
    assert!(seen[..1500].iter().all(|byte| *byte == 7));
    assert!(seen[1500..].iter().all(|byte| *byte == 0));
}

#[test]
fn impossible_sizes_are_refused() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "file", b"x");
    assert_eq!(errno(fs.write(node, u64::MAX, b"xx", NOW)), Errno::FileTooLarge);
    assert_eq!(errno(fs.write(node, 1 << 44, b"x", NOW)), Errno::FileTooLarge);
    assert_eq!(errno(fs.set_attributes(node, &resize(1 << 45), NOW)), Errno::FileTooLarge);
    assert_eq!(errno(fs.write(ROOT, 0, b"x", NOW)), Errno::IsDirectory);
    assert_eq!(errno(fs.set_attributes(ROOT, &resize(0), NOW)), Errno::IsDirectory);
}

#[test]
fn a_full_device_takes_what_fits_and_gives_all_back() {
    let mut fs = mounted(USUAL);
    fs.sync().expect("synced");
    let before = fs.space().free_blocks;
    let kept = file(&mut fs, "kept", b"kept");
    let node = fs.create(ROOT, b"large", New::File, MAKER).expect("a file");
    let mut size = 0;
    loop {
        match fs.write(node, size, &[5; 100_000], NOW) {
            Ok(length) => size += length as u64,
            Err(error) => {
                assert_eq!(error.errno, Errno::NoSpace);
                break;
            }
        }
    }
    assert_eq!(fs.attributes(node).expect("attributes").size, size);
    assert!(size > (before - 20) * 4096, "{size}");
    assert!(contents(&mut fs, node).iter().all(|byte| *byte == 5));
    let mut made = 0;
    while fs
        .create(ROOT, format!("empty {made}").as_bytes(), New::Link(&[b'x'; 100]), MAKER)
        .is_ok()
    {
        made += 1;
    }
    fs.sync().expect("a full device can be synced");
    fs.unlink(ROOT, b"large", NOW).expect("a file can be removed");
    for number in 0..made {
        fs.unlink(ROOT, format!("empty {number}").as_bytes(), NOW).expect("removed");
    }
    fs.unlink(ROOT, b"kept", NOW).expect("removed");
    assert_eq!(errno(fs.attributes(kept)), Errno::NoEntry);
    fs.sync().expect("synced");
    assert_eq!(fs.space().free_blocks, before);
}

#[test]
fn a_node_without_names_lives_until_it_is_released() {
    let mut fs = mounted(BARE);
    let free = fs.space().free_inodes;
    let node = file(&mut fs, "file", &[3; 9000]);
    fs.hold(node).expect("it can be held");
    fs.hold(node).expect("twice");
    fs.unlink(ROOT, b"file", NOW).expect("it can be unlinked");
    fs.sync().expect("synced");
    assert_eq!(contents(&mut fs, node), [3; 9000]);
    assert_eq!(fs.write(node, 0, b"still", NOW), Ok(5));
    assert_eq!(errno(fs.link(node, ROOT, b"back", NOW)), Errno::NoEntry);
    fs.release(node).expect("once");
    assert_eq!(fs.attributes(node).expect("still there").links, 0);
    fs.release(node).expect("twice");
    assert_eq!(errno(fs.attributes(node)), Errno::NoEntry);
    assert_eq!(errno(fs.release(node)), Errno::Invalid);
    assert_eq!(fs.space().free_inodes, free);
}

#[test]
fn attributes_are_set_one_by_one() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "file", b"x");
    let before = fs.attributes(node).expect("attributes");
    let (modified, later) =
        (Time { seconds: -5, nanoseconds: 7 }, Time { seconds: 1 << 33, nanoseconds: 1 });
    let changes = Changes {
        permissions: Some(0o4755),
        user: Some(1 << 20),
        modified: Some(modified),
        ..Changes::default()
    };
    fs.set_attributes(node, &changes, later).expect("they can be set");
    let mut fs = remounted(fs);
    let after = fs.attributes(node).expect("attributes");
    assert_eq!((after.permissions, after.user, after.group), (0o4755, 1 << 20, before.group));
    assert_eq!((after.modified, after.changed), (modified, later));
    assert_eq!((after.accessed, after.created), (before.accessed, before.created));
}
