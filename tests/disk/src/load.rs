//! The load: files are written, extended, renamed and removed, and synced; all of it comes out of a
//! counter, so each run writes the same.

use alloc::format;
use alloc::vec;

use koito_block::BlockDevice;
use koito_fs::{Changes, FileSystem, Maker, New, ROOT, Rename, Result, Time};

/// Rounds that are played.
pub const ROUNDS: u64 = 120;
/// Files that live at a time.
const LIVING: u64 = 25;

/// Plays all rounds, and answers how often it synced.
pub fn play<D: BlockDevice>(fs: &mut FileSystem<D>) -> Result<u64> {
    let mut syncs = 0;
    let folder = fs.create(ROOT, b"load", New::Directory, maker(0))?;
    for round in 0..ROUNDS {
        let maker = maker(round);
        let now = maker.now;
        let name = format!("file {round}");
        let file = fs.create(folder, b"new", New::File, maker)?;
        let contents = vec![round as u8 | 1; (1 + round * 977 % 30_000) as usize];
        fs.write(file, 0, &contents, now)?;
        fs.rename(folder, b"new", folder, name.as_bytes(), Rename::Replace, now)?;
        if let Some(old) = round.checked_sub(LIVING) {
            fs.unlink(folder, format!("file {old}").as_bytes(), now)?;
        }
        if round % 5 == 4 {
            let other = fs.lookup(folder, format!("file {}", round - 2).as_bytes())?;
            let size = Changes { size: Some(round * 131), ..Changes::default() };
            fs.set_attributes(other, &size, now)?;
        }
        if round % 3 == 0 {
            fs.sync_node(file)?;
            syncs += 1;
        }
    }
    Ok(syncs)
}

/// Root, at a time that passes with the rounds.
fn maker(round: u64) -> Maker {
    let now = Time { seconds: 1_700_000_100 + round as i64, nanoseconds: 0 };
    Maker { user: 0, group: 0, permissions: 0o644, now }
}
