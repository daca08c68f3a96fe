//! What a file tells of others: each happening once, to who watches it, on both kinds of file systems.

mod world;

use koito_linux::Errno;
use koito_vfs::*;
use world::World;

/// A happening as it was told: watch, what, name.
type Told = (i32, Happening, String);

impl World {
    fn told(&mut self, file: FileId) -> Vec<Told> {
        let Ok(bytes) = self.read(file, 4096) else { return Vec::new() };
        let mut rest = &bytes[..];
        let mut told = Vec::new();
        while !rest.is_empty() {
            let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let (number, what, length) = (word(0) as i32, word(4), word(12) as usize);
            let name = String::from_utf8_lossy(&rest[16..16 + length]);
            let name = name.trim_end_matches('\0').to_owned();
            told.push((number, Happening::from_bits_retain(what), name));
            rest = &rest[16 + length..];
        }
        told
    }

    fn watch(&mut self, file: FileId, path: &str, wanted: Happening) -> Result<i32, Errno> {
        let name = self.find(path)?;
        self.run(|vfs, _| vfs.watch(file, name, wanted))
    }
}

#[test]
fn a_directory_tells_what_happens_in_it() {
    for directory in ["/tmp", "/disk"] {
        let mut world = World::new();
        let watcher = world.vfs.watcher(Flags::NONBLOCK);
        let wanted = Happening::CREATE | Happening::CLOSE_WRITE | Happening::DELETE;
        assert_eq!(world.watch(watcher, directory, wanted), Ok(1));
        assert!(!world.vfs.ready(watcher).contains(Ready::IN));
        let path = format!("{directory}/new");
        let file = world.open(&path, Flags::CREATE | Flags::WRITE).unwrap();
        assert!(world.vfs.ready(watcher).contains(Ready::IN));
        world.write(file, b"text").unwrap();
        world.vfs.close(file);
        world.unlink(&path).unwrap();
        world.mkdir(&path, 0o755).unwrap();
        let happened = [
            (1, Happening::CREATE, "new".into()),
            (1, Happening::CLOSE_WRITE, "new".into()),
            (1, Happening::DELETE, "new".into()),
            (1, Happening::CREATE | Happening::DIRECTORY, "new".into()),
        ];
        assert_eq!(world.told(watcher), happened, "in {directory}");
    }
}

#[test]
fn a_file_that_is_gone_is_watched_no_more() {
    let mut world = World::new();
    let file = world.open("/tmp/x", Flags::CREATE | Flags::WRITE).unwrap();
    let before = world.vfs.census();
    let watcher = world.vfs.watcher(Flags::NONBLOCK);
    let wanted = Happening::MODIFY | Happening::DELETE_SELF;
    assert_eq!(world.watch(watcher, "/tmp/x", wanted), Ok(1));
    let add = Happening::ATTRIBUTES | Happening::ADD;
    assert_eq!(world.watch(watcher, "/tmp/x", add), Ok(1), "the same watch");
    let new = Happening::MODIFY | Happening::NEW;
    assert_eq!(world.watch(watcher, "/tmp/x", new), Err(Errno::EEXIST));
    world.write(file, b"one").unwrap();
    world.write(file, b"two").unwrap();
    world.unlink("/tmp/x").unwrap();
    let happened =
        [Happening::MODIFY, Happening::ATTRIBUTES, Happening::DELETE_SELF, Happening::IGNORED];
    assert_eq!(world.told(watcher), happened.map(|what| (1, what, String::new())));
    assert_eq!(world.run(|vfs, _| vfs.unwatch(watcher, 1)), Err(Errno::EINVAL));
    world.vfs.close(watcher);
    assert!(world.vfs.census().2 <= before.2);
}

#[test]
fn the_halves_of_a_move_belong_together() {
    let mut world = World::new();
    world.mkdir("/tmp/from", 0o755).unwrap();
    world.mkdir("/tmp/to", 0o755).unwrap();
    let file = world.open("/tmp/from/x", Flags::CREATE | Flags::WRITE).unwrap();
    world.vfs.close(file);
    let watcher = world.vfs.watcher(Flags::NONBLOCK);
    world.watch(watcher, "/tmp/from", Happening::ALL).unwrap();
    world.watch(watcher, "/tmp/to", Happening::MOVED_TO | Happening::ONCE).unwrap();
    world.rename("/tmp/from/x", "/tmp/to/y", Rename::Replace).unwrap();
    let bytes = world.read(watcher, 4096).unwrap();
    let cookies = [8, 32 + 8].map(|at| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
    assert!(cookies[0] != 0 && cookies[0] == cookies[1]);
    assert_eq!(&bytes[16..17], b"x");
    assert_eq!(&bytes[48..49], b"y");
    let what = u32::from_le_bytes(bytes[64 + 4..64 + 8].try_into().unwrap());
    assert_eq!(what, Happening::IGNORED.bits(), "one happening was all that was asked for");
}

#[test]
fn a_file_without_a_name_is_gone_when_it_is_closed() {
    let mut world = World::new();
    let before = world.vfs.census();
    let flags = Flags::TEMPORARY | Flags::DIRECTORY | Flags::READ_WRITE;
    let file = world.open("/tmp", flags).unwrap();
    world.write(file, b"text").unwrap();
    assert_eq!(world.vfs.file_status(file).attributes.links, 0);
    world.vfs.close(file);
    assert_eq!(world.vfs.census(), before);
    assert_eq!(world.open("/disk", flags), Err(Errno::EOPNOTSUPP));
    assert_eq!(world.open("/tmp", flags - Flags::READ_WRITE), Err(Errno::EINVAL));
}
