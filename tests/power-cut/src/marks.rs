//! What the load of `tests/disk` promised, as its marks in a log of writes tell.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use disk::MARK_BYTES;
use disk::load::{FOLDER, Files, promised};

use crate::load::{Load, Promise};
use crate::record::{Event, SECTOR};
use crate::tree::hash;

/// The load whose log is `record`, on a disk of `bytes` bytes.
pub fn read(mut record: Vec<Event>, bytes: usize) -> Result<Load> {
    let place = (bytes as u64 - MARK_BYTES) / SECTOR as u64;
    let promised = promised();
    let mut promises = vec![];
    for (index, event) in record.iter_mut().enumerate() {
        let Event::Write { start, bytes, .. } = event else { continue };
        if *start != place {
            continue;
        }
        let number = bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first)) as usize;
        let held = number.checked_sub(1).and_then(|number| promised.get(number));
        let held = held.with_context(|| format!("mark {number} is none of the load's"))?;
        *event = Event::Mark(number);
        promises.push((index, Promise::Synced(contents(held))));
        // From here to the next sync some files change.
        let next = promised.get(number);
        for name in
            held.keys().filter(|name| next.is_some_and(|it| it.get(*name) != held.get(*name)))
        {
            promises.push((index, Promise::Changing { path: path(name), at_end: false }));
        }
    }
    ensure!(!promises.is_empty(), "the log has no marks");
    Ok(Load { record, promises })
}

fn contents(files: &Files) -> BTreeMap<String, crate::load::Contents> {
    let contents = |bytes: &Vec<u8>| Some((bytes.len() as u64, hash(bytes)));
    files.iter().map(|(name, bytes)| (path(name), contents(bytes))).collect()
}

fn path(name: &str) -> String {
    format!("/{FOLDER}/{name}")
}

#[cfg(test)]
mod tests {
    use koito_block::Durability;

    use super::*;
    use crate::load::expected;

    fn mark(number: u64) -> Event {
        let mut bytes = vec![0; MARK_BYTES as usize];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Event::Write { start: 8, bytes, durability: Durability::Accepted }
    }

    #[test]
    fn what_stays_until_the_next_mark_is_promised() {
        let load = read(vec![mark(1), Event::Flush, mark(2), mark(81)], 2 * MARK_BYTES as usize);
        let load = load.expect("a load");
        assert_eq!(load.record[0], Event::Mark(1));
        assert!(expected(&load.promises, 0).is_empty(), "nothing yet");
        let after = |events| expected(&load.promises, events).into_keys().collect::<Vec<_>>();
        assert_eq!(after(2), ["/load/file 0"]);
        // File 2 is cut to another length before the next sync.
        assert_eq!(after(3), ["/load/file 0", "/load/file 1", "/load/file 3"]);
        assert_eq!(after(4).len(), 25, "the last promise has no successor");
    }

    #[test]
    fn a_log_without_marks_is_refused() {
        assert!(read(vec![Event::Flush], 8192).is_err());
        assert!(read(vec![mark(82)], 8192).is_err());
    }
}
