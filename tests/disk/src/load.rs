//! The load: files are written, extended, renamed and removed, and synced. All of it comes out of a
//! counter, so each run does the same, and whoever knows how far it came knows what was promised.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use koito_block::BlockDevice;
use koito_fs::{Changes, FileSystem, Maker, New, ROOT, Rename, Result, Time};

/// Rounds that are played. The last one syncs.
pub const ROUNDS: u64 = 241;
const _: () = assert!((ROUNDS - 1).is_multiple_of(3));
/// Files that live at a time.
const LIVING: u64 = 25;
/// The folder in which all of it happens.
pub const FOLDER: &str = "load";

/// Something that is done in the folder, at the time of its round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new file gets these contents, and then this name.
    Write(String, Vec<u8>),
    /// A file goes.
    Remove(String),
    /// A file gets another length.
    Resize(String, u64),
    /// All that was done has to last.
    Sync,
}

/// What is done in `round`.
pub fn steps(round: u64) -> Vec<Step> {
    let name = |number: u64| format!("file {number}");
    let contents = vec![round as u8 | 1; (1 + round * 977 % 30_000) as usize];
    let mut steps = vec![Step::Write(name(round), contents)];
    if let Some(old) = round.checked_sub(LIVING) {
        steps.push(Step::Remove(name(old)));
    }
    if round % 5 == 4 {
        steps.push(Step::Resize(name(round - 2), round * 131));
    }
    if round.is_multiple_of(3) {
        steps.push(Step::Sync);
    }
    steps
}

/// Plays all rounds; `synced` is told after each sync how many there were.
pub fn play<D: BlockDevice>(
    fs: &mut FileSystem<D>,
    mut synced: impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let folder = fs.create(ROOT, FOLDER.as_bytes(), New::Directory, maker(0))?;
    let mut syncs = 0;
    for round in 0..ROUNDS {
        let maker = maker(round);
        let now = maker.now;
        for step in steps(round) {
            match step {
                Step::Write(name, contents) => {
                    let file = fs.create(folder, b"new", New::File, maker)?;
                    fs.write(file, 0, &contents, now)?;
                    fs.rename(folder, b"new", folder, name.as_bytes(), Rename::Replace, now)?;
                }
                Step::Remove(name) => fs.unlink(folder, name.as_bytes(), now)?,
                Step::Resize(name, size) => {
                    let file = fs.lookup(folder, name.as_bytes())?;
                    let size = Changes { size: Some(size), ..Changes::default() };
                    fs.set_attributes(file, &size, now)?;
                }
                Step::Sync => {
                    fs.sync()?;
                    syncs += 1;
                    synced(syncs)?;
                }
            }
        }
    }
    Ok(())
}

/// Files by name, with what they hold.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What the folder holds at each sync, in their order.
pub fn promised() -> Vec<Files> {
    let mut files = Files::new();
    let mut promised = Vec::new();
    for step in (0..ROUNDS).flat_map(steps) {
        match step {
            Step::Write(name, contents) => {
                files.insert(name, contents);
            }
            Step::Remove(name) => {
                files.remove(&name);
            }
            Step::Resize(name, size) => {
                if let Some(contents) = files.get_mut(&name) {
                    contents.resize(size as usize, 0);
                }
            }
            Step::Sync => promised.push(files.clone()),
        }
    }
    promised
}

/// Root, at a time that passes with the rounds.
fn maker(round: u64) -> Maker {
    let now = Time { seconds: 1_700_000_100 + round as i64, nanoseconds: 0 };
    Maker { user: 0, group: 0, permissions: 0o644, now }
}
