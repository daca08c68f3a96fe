//! The same operations on files in memory and on those of the file server have the same results: each is the
//! other's model. Errors are those of Linux; the cases at the end say which.

mod world;

use koito_linux::Errno;
use koito_vfs::*;
use proptest::prelude::*;
use world::World;

/// Names that are used, so few that they meet.
const NAMES: [&str; 6] = ["a", "b", "c", "a/x", "b/x", "c/y"];

#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize, u8),
    Append(usize, usize, u8),
    WriteAt(usize, u64, usize, u8),
    Get(usize),
    Truncate(usize, u64),
    Mkdir(usize),
    Unlink(usize),
    Rmdir(usize),
    Rename(usize, usize),
    Exchange(usize, usize),
    Link(usize, usize),
    Symlink(usize, usize),
    ReadLink(usize),
    Status(usize),
    Mode(usize, u16),
    List(usize),
    Open(usize),
    ReadOpen,
    WriteOpen(usize, u8),
    CloseOpen,
    Settle,
}

fn any_step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let length = || prop_oneof![0..20usize, 4000..4200usize, 0..40_000usize];
    prop_oneof![
        4 => (name(), length(), any::<u8>()).prop_map(|(n, l, b)| Step::Put(n, l, b)),
        2 => (name(), length(), any::<u8>()).prop_map(|(n, l, b)| Step::Append(n, l, b)),
        3 => (name(), 0..50_000u64, length(), any::<u8>())
            .prop_map(|(n, o, l, b)| Step::WriteAt(n, o, l, b)),
        3 => name().prop_map(Step::Get),
        3 => (name(), 0..50_000u64).prop_map(|(n, l)| Step::Truncate(n, l)),
        4 => name().prop_map(Step::Mkdir),
        2 => name().prop_map(Step::Unlink),
        2 => name().prop_map(Step::Rmdir),
        3 => (name(), name()).prop_map(|(a, b)| Step::Rename(a, b)),
        1 => (name(), name()).prop_map(|(a, b)| Step::Exchange(a, b)),
        2 => (name(), name()).prop_map(|(a, b)| Step::Link(a, b)),
        1 => (name(), name()).prop_map(|(a, b)| Step::Symlink(a, b)),
        1 => name().prop_map(Step::ReadLink),
        3 => name().prop_map(Step::Status),
        1 => (name(), 0..0o1000u16).prop_map(|(n, m)| Step::Mode(n, m)),
        2 => name().prop_map(Step::List),
        1 => name().prop_map(Step::Open),
        1 => Just(Step::ReadOpen),
        1 => (length(), any::<u8>()).prop_map(|(l, b)| Step::WriteOpen(l, b)),
        1 => Just(Step::CloseOpen),
        1 => Just(Step::Settle),
    ]
}

/// Does a step below `root`; tells all that a program could see of it.
fn play(world: &mut World, root: &str, open: &mut Option<FileId>, step: &Step) -> String {
    let path = |name: &usize| format!("/{root}/{}", NAMES[*name]);
    match step {
        Step::Put(name, length, byte) => {
            format!("{:?}", world.put(&path(name), &vec![*byte; *length]))
        }
        Step::Append(name, length, byte) => {
            match world.open(&path(name), Flags::WRITE | Flags::APPEND) {
                Ok(file) => {
                    let done = world.write(file, &vec![*byte; *length]);
                    world.vfs.close(file);
                    format!("{done:?}")
                }
                Err(errno) => format!("{errno:?}"),
            }
        }
        Step::WriteAt(name, offset, length, byte) => {
            match world.open(&path(name), Flags::READ_WRITE) {
                Ok(file) => {
                    let done = world.write_at(file, *offset, &vec![*byte; *length]);
                    world.vfs.close(file);
                    format!("{done:?}")
                }
                Err(errno) => format!("{errno:?}"),
            }
        }
        Step::Get(name) => format!("{:?}", world.get(&path(name))),
        Step::Truncate(name, size) => match world.find(&path(name)) {
            Ok(dentry) => {
                format!("{:?}", world.run(|vfs, context| vfs.truncate(context, dentry, *size)))
            }
            Err(errno) => format!("{errno:?}"),
        },
        Step::Mkdir(name) => format!("{:?}", world.mkdir(&path(name), 0o777)),
        Step::Unlink(name) => format!("{:?}", world.unlink(&path(name))),
        Step::Rmdir(name) => format!("{:?}", world.rmdir(&path(name))),
        Step::Rename(a, b) => {
            format!("{:?}", world.rename(&path(a), &path(b), Rename::Replace))
        }
        Step::Exchange(a, b) => {
            format!("{:?}", world.rename(&path(a), &path(b), Rename::Exchange))
        }
        Step::Link(a, b) => format!("{:?}", world.link(&path(a), &path(b))),
        Step::Symlink(a, b) => format!("{:?}", world.symlink(NAMES[*a], &path(b))),
        Step::ReadLink(name) => format!("{:?}", world.read_link(&path(name))),
        Step::Status(name) => {
            let seen = world.status(&path(name)).map(|it| {
                let it = it.attributes;
                let size = if it.kind == Kind::Directory { 0 } else { it.size };
                (it.kind, it.permissions, it.links, size)
            });
            format!("{seen:?}")
        }
        Step::Mode(name, mode) => match world.find(&path(name)) {
            Ok(dentry) => {
                format!("{:?}", world.run(|vfs, context| vfs.change_mode(context, dentry, *mode)))
            }
            Err(errno) => format!("{errno:?}"),
        },
        Step::List(name) => {
            let mut names = world.list(&path(name));
            if let Ok(names) = &mut names {
                names.retain(|name| name != "lost+found");
            }
            format!("{names:?}")
        }
        Step::Open(name) => {
            let file = world.open(&path(name), Flags::READ_WRITE);
            let seen = format!("{:?}", file.map(|_| ()));
            if let Some(old) = file.ok().and_then(|file| open.replace(file)) {
                world.vfs.close(old);
            }
            seen
        }
        Step::ReadOpen => format!("{:?}", open.map(|file| world.read(file, 3000))),
        Step::WriteOpen(length, byte) => {
            format!("{:?}", open.map(|file| world.write(file, &vec![*byte; *length])))
        }
        Step::CloseOpen => {
            open.take().into_iter().for_each(|file| world.vfs.close(file));
            String::new()
        }
        Step::Settle => {
            world.settle();
            String::new()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_server_agree(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut world = World::with_pages(64);
        let before = world.vfs.census();
        let (mut in_memory, mut on_disk) = (None, None);
        for step in &steps {
            let expected = play(&mut world, "tmp", &mut in_memory, step);
            let seen = play(&mut world, "disk", &mut on_disk, step);
            prop_assert_eq!(seen, expected, "{:?}", step);
        }
        // What another client of the server sees is what programs see here, and the disk is sound.
        in_memory.into_iter().chain(on_disk).for_each(|file| world.vfs.close(file));
        world.settle();
        for name in NAMES {
            let file = world.server.fs.lookup(koito_fs::ROOT, name.as_bytes());
            let seen = world.get(&format!("/disk/{name}"));
            if let (Ok(node), Ok(bytes)) = (file, seen)
                && world.status(&format!("/disk/{name}")).unwrap().attributes.kind == Kind::File
            {
                let mut stored = vec![0; bytes.len()];
                world.server.fs.read(node, 0, &mut stored).unwrap();
                prop_assert_eq!(stored, bytes);
            }
        }
        prop_assert_eq!(world.vfs.census().2, before.2, "open files");
    }
}

/// Kinds of a tree's names in [`every_shape_of_rename_ends_the_same`].
#[derive(Clone, Copy, Debug)]
enum Shape {
    Nothing,
    File,
    Directory,
    Link,
}

/// Names of that tree, each after the directory that it stands in.
const SHAPED: [&str; 6] = ["a", "b", "a/x", "b/x", "a/x/y", "b/x/y"];

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        1 => Just(Shape::Nothing),
        1 => Just(Shape::File),
        3 => Just(Shape::Directory),
        1 => Just(Shape::Link),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Renames of every name to every other in a small tree, one after the other.
    #[test]
    fn every_shape_of_rename_ends_the_same(
        shapes in prop::array::uniform6(shape()),
        leads_to in 0..SHAPED.len(),
        renames in prop::collection::vec((0..SHAPED.len(), 0..SHAPED.len(), 0..3u8), 1..24),
    ) {
        let mut world = World::with_pages(64);
        for root in BOTH {
            for (name, shape) in SHAPED.into_iter().zip(shapes) {
                let path = format!("{root}/{name}");
                // Where something is missing or in the way there is nothing.
                let _ = match shape {
                    Shape::Nothing => Ok(()),
                    Shape::File => world.put(&path, b"x"),
                    Shape::Directory => world.mkdir(&path, 0o777),
                    Shape::Link => world.symlink(&format!("{root}/{}", SHAPED[leads_to]), &path),
                };
            }
        }
        for (from, to, how) in renames {
            let how = [Rename::Replace, Rename::Keep, Rename::Exchange][usize::from(how)];
            let ends = BOTH.map(|root| {
                let path = |name: usize| format!("{root}/{}", SHAPED[name]);
                world.rename(&path(from), &path(to), how)
            });
            prop_assert_eq!(ends[0], ends[1], "{} to {}, {:?}", SHAPED[from], SHAPED[to], how);
        }
    }
}

/// Both places where files can be.
const BOTH: [&str; 2] = ["/tmp", "/disk"];

#[test]
fn paths_end_as_linux_has_it() {
    let mut world = World::new();
    for root in BOTH {
        let at = |name: &str| format!("{root}/{name}");
        world.put(&at("file"), b"x").unwrap();
        world.mkdir(&at("directory"), 0o755).unwrap();
        world.symlink("file", &at("link")).unwrap();
        world.symlink("nowhere", &at("dangling")).unwrap();
        world.symlink("loop", &at("loop")).unwrap();
        world.symlink("directory", &at("to-directory")).unwrap();
        assert_eq!(world.find(&at("file/")), Err(Errno::ENOTDIR));
        assert_eq!(world.find(&at("file/x")), Err(Errno::ENOTDIR));
        assert_eq!(world.find(&at("file/..")), Err(Errno::ENOTDIR));
        assert_eq!(world.find(&at("loop")), Err(Errno::ELOOP));
        assert_eq!(world.find(&at("dangling")), Err(Errno::ENOENT));
        assert_eq!(world.find(&at("no/where")), Err(Errno::ENOENT));
        assert_eq!(world.find(&at(&"x".repeat(256))), Err(Errno::ENAMETOOLONG));
        assert_eq!(world.find(&"/x".repeat(2048)), Err(Errno::ENAMETOOLONG));
        assert_eq!(world.find(""), Err(Errno::ENOENT));
        assert_eq!(world.rmdir(&at("directory/.")), Err(Errno::EINVAL));
        assert_eq!(world.rmdir(&at("directory/..")), Err(Errno::ENOTEMPTY));
        assert_eq!(world.rmdir(&at("to-directory")), Err(Errno::ENOTDIR));
        assert_eq!(world.unlink(&at("directory")), Err(Errno::EISDIR));
        assert_eq!(world.mkdir(&at("file"), 0o755), Err(Errno::EEXIST));
        assert_eq!(world.mkdir(&at("."), 0o755), Err(Errno::EEXIST));
        assert_eq!(world.mkdir(&at("new/"), 0o755), Ok(()));
        assert_eq!(world.open(&at("y/"), Flags::CREATE | Flags::WRITE), Err(Errno::EISDIR));
        let exclusive = Flags::CREATE | Flags::EXCLUSIVE | Flags::WRITE;
        assert_eq!(world.open(&at("dangling"), exclusive), Err(Errno::EEXIST));
        assert_eq!(world.open(&at("link"), Flags::NO_FOLLOW), Err(Errno::ELOOP));
        assert_eq!(world.open(&at("directory"), Flags::WRITE), Err(Errno::EISDIR));
        assert_eq!(world.open(&at("file"), Flags::DIRECTORY), Err(Errno::ENOTDIR));
        let made = world.open(&at("dangling"), Flags::CREATE | Flags::WRITE).unwrap();
        world.vfs.close(made);
        assert_eq!(world.status(&at("nowhere")).unwrap().attributes.kind, Kind::File);
        assert_eq!(
            world.rename(&at("directory"), &at("directory/x"), Rename::Replace),
            Err(Errno::EINVAL)
        );
        assert_eq!(world.rename(&at("file"), &at("new"), Rename::Replace), Err(Errno::EISDIR));
        assert_eq!(world.rename(&at("new"), &at("file"), Rename::Replace), Err(Errno::ENOTDIR));
        assert_eq!(world.rename(&at("file"), &at("link"), Rename::Keep), Err(Errno::EEXIST));
        assert_eq!(world.link(&at("directory"), &at("z")), Err(Errno::EPERM));
    }
    assert_eq!(world.rename("/tmp/file", "/disk/moved", Rename::Replace), Err(Errno::EXDEV));
    assert_eq!(world.rmdir("/tmp"), Err(Errno::EBUSY));
}

#[test]
fn a_file_without_a_name_lives_as_long_as_it_is_open() {
    let mut world = World::new();
    let free = world.server.fs.space().free_blocks;
    for root in BOTH {
        let path = format!("{root}/file");
        world.put(&path, &vec![7; 100_000]).unwrap();
        let file = world.open(&path, Flags::READ_WRITE).unwrap();
        world.settle();
        world.unlink(&path).unwrap();
        assert_eq!(world.read_at(file, 99_990, 100).unwrap(), [7; 10]);
        assert_eq!(world.vfs.file_status(file).attributes.links, 0);
        world.vfs.close(file);
    }
    world.settle();
    world.server.fs.sync().unwrap();
    assert_eq!(world.server.fs.space().free_blocks, free, "and no longer");
}

#[test]
fn permissions_are_checked_on_the_way_and_at_the_end() {
    let mut world = World::new();
    for root in BOTH {
        let at = |name: &str| format!("{root}/{name}");
        world.mkdir(&at("closed"), 0o700).unwrap();
        world.put(&at("closed/file"), b"x").unwrap();
        world.put(&at("mine"), b"x").unwrap();
        world.mkdir(&at("sticky"), 0o777).unwrap();
        let sticky = world.find(&at("sticky")).unwrap();
        world.run(|vfs, context| vfs.change_mode(context, sticky, 0o1777)).unwrap();
        world.put(&at("sticky/root"), b"x").unwrap();
        world.credentials.user = 1000;
        world.credentials.group = 1000;
        assert_eq!(world.find(&at("closed/file")), Err(Errno::EACCES));
        assert_eq!(world.find(&at("closed/no")), Err(Errno::EACCES));
        assert_eq!(world.open(&at("mine"), Flags::WRITE), Err(Errno::EACCES));
        assert_eq!(world.unlink(&at("sticky/root")), Err(Errno::EPERM));
        let fresh = Flags::CREATE | Flags::READ_WRITE | Flags::EXCLUSIVE;
        let file = world.open_mode(&at("sticky/own"), fresh, 0).unwrap();
        assert_eq!(world.write(file, b"own"), Ok(3), "whatever its mode");
        world.vfs.close(file);
        assert_eq!(world.open(&at("sticky/own"), Flags::empty()), Err(Errno::EACCES));
        assert_eq!(world.unlink(&at("sticky/own")), Ok(()));
        world.credentials.user = 0;
        world.credentials.group = 0;
    }
}

#[test]
fn what_is_synced_is_on_the_disk() {
    let mut world = World::new();
    let file = world.open("/disk/kept", Flags::CREATE | Flags::READ_WRITE).unwrap();
    let bytes: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(world.write(file, &bytes), Ok(bytes.len()));
    world.run(|vfs, _| vfs.sync_file(file)).unwrap();
    let device = world.server.fs.device().clone();
    let options = koito_fs::Options {
        access: koito_fs::Access::ReadWrite,
        cache_bytes: 2 << 20,
        now: koito_fs::Time::default(),
    };
    let mut again = koito_fs::FileSystem::mount(device, options).unwrap();
    let node = again.lookup(koito_fs::ROOT, b"kept").unwrap();
    let mut stored = vec![0; bytes.len()];
    assert_eq!(again.read(node, 0, &mut stored).unwrap(), bytes.len());
    assert_eq!(stored, bytes);
}

#[test]
fn what_is_known_is_not_asked_again() {
    let mut world = World::new();
    world.put("/disk/file", &[1; 50_000]).unwrap();
    let asked = world.asked;
    for _ in 0..10 {
        assert_eq!(world.get("/disk/file").unwrap().len(), 50_000);
        assert_eq!(world.find("/disk/none"), Err(Errno::ENOENT));
    }
    assert_eq!(world.asked, asked + 1, "only for the name that is not there, once");
}

#[test]
fn a_small_cache_holds_large_files() {
    let mut world = World::with_pages(32);
    let bytes: Vec<u8> = (0..1_000_000u32).map(|at| (at / 4096) as u8).collect();
    for name in ["/disk/one", "/disk/two"] {
        let file = world.open(name, Flags::CREATE | Flags::READ_WRITE).unwrap();
        let mut done = 0;
        while done < bytes.len() {
            let end = (done + 50_000).min(bytes.len());
            done += world.write(file, &bytes[done..end]).unwrap();
        }
        world.vfs.close(file);
    }
    for name in ["/disk/one", "/disk/two"] {
        let file = world.open(name, Flags::empty()).unwrap();
        let mut seen = Vec::new();
        loop {
            let piece = world.read(file, 40_000).unwrap();
            if piece.is_empty() {
                break;
            }
            seen.extend(piece);
        }
        world.vfs.close(file);
        assert!(seen == bytes);
    }
    assert!(world.vfs.pages.used() <= 32);
}
