//! The boot archive: files are found under their names, damage is refused.

mod common;

use a9n_loader_core::archive::{Archive, ArchiveError, Defect};
use common::{archive, seal};
use proptest::prelude::*;

#[test]
fn files_are_found() {
    let long = format!("{}/file", "folder/".repeat(18).trim_end_matches('/'));
    let bytes = archive(&[
        ("a9n/", b""),
        ("./a9n/boot.cfg", b"text"),
        ("a9n/empty", b""),
        (&long, &[7; 513]),
        ("last", &[1; 512]),
    ]);
    let archive = Archive::new(&bytes);
    assert_eq!(archive.find("a9n/boot.cfg"), Ok(Some(&b"text"[..])));
    assert_eq!(archive.find("a9n/empty"), Ok(Some(&b""[..])));
    assert_eq!(archive.find(&long), Ok(Some(&[7; 513][..])));
    assert_eq!(archive.find("last"), Ok(Some(&[1; 512][..])));
    assert_eq!(archive.find("a9n"), Ok(None));
    assert_eq!(archive.find("boot.cfg"), Ok(None));
    assert_eq!(archive.entries().count(), 4);
}

#[test]
fn damage_is_refused() {
    let good = archive(&[("first", &[1; 600]), ("second", b"2")]);
    let find = |bytes: &[u8]| Archive::new(bytes).find("second").map(|found| found.is_some());
    assert_eq!(find(&good), Ok(true));

    let second = 512 + 1024;
    let at_second = |defect| Err(ArchiveError { offset: second, defect });
    let mut bad = good.clone();
    bad[second] ^= 1;
    assert_eq!(find(&bad), at_second(Defect::BadHeader));

    let mut link = good.clone();
    link[second + 156] = b'2';
    seal(&mut link[second..second + 512]);
    assert_eq!(find(&link), at_second(Defect::UnknownEntry));

    let cut = &good[..700];
    assert_eq!(find(cut), Err(ArchiveError { offset: 0, defect: Defect::Truncated }));
}

proptest! {
    #[test]
    fn any_damage_is_survived(
        damage in prop::collection::vec((0usize..2048, any::<u8>()), 0..5),
        length in 0usize..2600,
    ) {
        let mut bytes = archive(&[("first", &[1; 600]), ("second", b"2")]);
        for (place, value) in damage {
            bytes[place] = value;
        }
        bytes.truncate(length);
        prop_assert!(Archive::new(&bytes).entries().count() <= 3);
    }
}
