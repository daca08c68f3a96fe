//! A mounted image, and shorthands for what most tests do.

#![allow(dead_code, reason = "each test program uses a part")]

use koito_block::MemoryDevice;
use koito_fs::{Access, Cookie, Errno, FileSystem, Maker, New, Node, Options, ROOT, Result, Time};

/// A file system in memory.
pub type Mounted = FileSystem<MemoryDevice>;

/// The time of all tests.
pub const NOW: Time = Time { seconds: 1_700_000_000, nanoseconds: 123_456_789 };
/// Who makes nodes in tests.
pub const MAKER: Maker = Maker { user: 1000, group: 1001, permissions: 0o640, now: NOW };

/// How tests mount.
pub fn options(access: Access) -> Options {
    Options { access, cache_bytes: 2 << 20, now: NOW }
}

/// The packed image, mounted to be changed.
pub fn mounted(packed: &[u8]) -> Mounted {
    let image = koito_fs_images::expand(packed).expect("a packed image");
    FileSystem::mount(MemoryDevice::new(image), options(Access::ReadWrite)).expect("it mounts")
}

/// Unmounts and mounts again.
pub fn remounted(fs: Mounted) -> Mounted {
    let device = fs.unmount().expect("it unmounts");
    FileSystem::mount(device, options(Access::ReadWrite)).expect("it mounts again")
}

/// The error number of what must fail.
pub fn errno<T: std::fmt::Debug>(result: Result<T>) -> Errno {
    result.expect_err("it must fail").errno
}

/// A new file in the root directory with these contents.
pub fn file(fs: &mut Mounted, name: &str, contents: &[u8]) -> Node {
    let node = fs.create(ROOT, name.as_bytes(), New::File, MAKER).expect("a new file");
    assert_eq!(fs.write(node, 0, contents, NOW), Ok(contents.len()));
    node
}

/// All of a file.
pub fn contents(fs: &mut Mounted, node: Node) -> Vec<u8> {
    let size = fs.attributes(node).expect("attributes").size;
    let mut bytes = vec![0; size as usize + 1];
    let length = fs.read(node, 0, &mut bytes).expect("it can be read");
    bytes.truncate(length);
    bytes
}

/// The names in a directory, `.` and `..` left out, asked for `step` at a time.
pub fn names(fs: &mut Mounted, directory: Node, step: usize) -> Vec<String> {
    let mut names = vec![];
    let mut cookie = Cookie::default();
    loop {
        let mut taken = 0;
        let list = fs.list(directory, cookie, |entry| {
            if taken < step {
                cookie = entry.next;
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
            taken += 1;
            taken <= step
        });
        list.expect("it can be listed");
        if taken <= step {
            names.retain(|name| name != "." && name != "..");
            return names;
        }
    }
}
