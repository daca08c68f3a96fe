//! Requests that are on their way to the file server while others go on.

mod world;

use koito_fs::Node;
use koito_linux::Errno;
use koito_vfs::*;
use world::World;

const PAGES: usize = 4;

#[test]
fn what_is_on_its_way_is_not_forgotten() {
    let mut world = World::with_pages(2 * PAGES);
    let long = world.open("/disk/long", Flags::CREATE | Flags::READ_WRITE).unwrap();
    for _ in 0..4 * PAGES {
        world.write(long, &[1; PAGE_BYTES]).unwrap();
    }
    world.settle();
    let file = world.open("/disk/new", Flags::CREATE | Flags::WRITE).unwrap();
    world.write(file, &[7; PAGES * PAGE_BYTES]).unwrap();
    let request = world.vfs.write_back().unwrap();
    assert!(matches!(request.ask, Ask::Write { first: 0, .. }), "{request:?}");
    // More than there is room for.
    world.vfs.seek(long, 0, Whence::Start).unwrap();
    for _ in 0..4 * PAGES {
        assert_eq!(world.read(long, PAGE_BYTES).unwrap(), [1; PAGE_BYTES]);
    }
    world.ask(&request).unwrap();
    let mut bytes = [0; PAGES * PAGE_BYTES];
    world.server.fs.read(Node(request.node), 0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 7), "the file server got what was written");
}

#[test]
fn a_change_that_is_taken_back_leaves_nothing() {
    let mut world = World::new();
    world.find("/disk").unwrap();
    let before = world.vfs.census();
    let start = world.place.directory;
    let mut taken_back = false;
    let came =
        world.run(|vfs, context| match vfs.make_directory(context, start, b"/disk/made", 0o755) {
            Err(Stop::Commit(request)) => {
                vfs.withdraw(&request);
                taken_back = true;
                Err(Stop::Error(Errno::EAGAIN))
            }
            other => other,
        });
    assert_eq!((came, taken_back), (Err(Errno::EAGAIN), true));
    assert_eq!(world.find("/disk/made"), Err(Errno::ENOENT));
    let after = world.vfs.census();
    // The name that is not there is remembered.
    assert_eq!((after.0, after.1, after.2), (before.0, before.1 + 1, before.2));
}

#[test]
fn what_was_written_is_not_lost_when_others_fill_the_disk() {
    let mut world = World::with_pages(8 * PAGES);
    let flags = Flags::CREATE | Flags::READ_WRITE;
    let filler = world.open("/disk/filler", flags).unwrap();
    let own = world.open("/disk/own", flags).unwrap();
    let mut written = vec![];
    let refused = (0u8..250).find_map(|round| {
        // Written back now and then only, so that much is on its way when the disk is full.
        let filled = (0..8).find_map(|_| world.write(filler, &[0xff; PAGES * PAGE_BYTES]).err());
        match world.write(own, &[round; PAGE_BYTES]) {
            Ok(PAGE_BYTES) => written.push(round),
            other => return Some(other),
        }
        filled.map(Err)
    });
    assert_eq!(refused, Some(Err(Errno::ENOSPC)));
    world.settle();
    // Everything was forgotten here.
    world.vfs.forget(usize::MAX, 100 * PAGES);
    world.vfs.seek(own, 0, Whence::Start).unwrap();
    for round in &written {
        assert_eq!(world.read(own, PAGE_BYTES).unwrap(), [*round; PAGE_BYTES], "of {written:?}");
    }
    assert!(world.run(|vfs, _| vfs.sync_file(own)).is_ok(), "nothing went wrong later");
    // What has its place can be written again, and what is given back is there for others.
    world.vfs.seek(own, 0, Whence::Start).unwrap();
    assert_eq!(world.write(own, &[1; PAGE_BYTES]), Ok(PAGE_BYTES));
    world.run(|vfs, context| vfs.truncate_file(context, filler, 0)).unwrap();
    world.settle();
    world.vfs.seek(own, 0, Whence::End).unwrap();
    assert_eq!(world.write(own, &[2; PAGES * PAGE_BYTES]), Ok(PAGES * PAGE_BYTES));
}

#[test]
fn a_directory_goes_with_the_names_that_are_not_in_it() {
    let mut world = World::new();
    let before = world.server.fs.space().free_inodes;
    world.mkdir("/disk/empty", 0o755).unwrap();
    assert_eq!(world.find("/disk/empty/nothing"), Err(Errno::ENOENT));
    world.rmdir("/disk/empty").unwrap();
    world.settle();
    assert_eq!(world.server.fs.space().free_inodes, before);
}
