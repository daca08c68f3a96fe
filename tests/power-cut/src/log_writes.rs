//! Records made by others, in the format of Linux's `dm-log-writes`, which QEMU's `blklogwrites`
//! writes too (kernel documentation, `admin-guide/device-mapper/log-writes`; numbers are
//! little-endian).
//!
//! The first sector holds magic number, version, number of entries and bytes of a sector. Each
//! entry takes a sector: start, length in sectors, flags, length of its own data; then come the
//! sectors that were written. Marks carry their data in the entry's sector.

use anyhow::{Context, Result, bail, ensure};
use koito_block::Durability;

use crate::record::{Event, SECTOR};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

fn number(raw: &[u8], at: usize) -> Result<u64> {
    let bytes = raw.get(at..at + 8).context("the log ends within an entry")?;
    Ok(u64::from_le_bytes(bytes.try_into()?))
}

/// Reads a whole log. Marks are numbered in their order.
pub fn read(raw: &[u8]) -> Result<Vec<Event>> {
    ensure!(number(raw, 0)? == MAGIC, "this is no log of writes");
    ensure!(number(raw, 8)? == VERSION, "the log has version {}, not 1", number(raw, 8)?);
    let entries = number(raw, 16)?;
    let sector = (number(raw, 24)? & 0xffff_ffff) as usize;
    ensure!(sector >= SECTOR && sector.is_power_of_two(), "sectors of {sector} bytes");
    let mut events = vec![];
    let mut marks = 0;
    let mut at = sector;
    for entry in 0..entries {
        let [start, length, flags, data] =
            [0, 8, 16, 24].map(|field| number(raw, at + field).unwrap_or(u64::MAX));
        let place = format!("entry {entry}");
        if length == u64::MAX || data == u64::MAX {
            bail!("{place}: the log ends before it");
        }
        at += sector;
        if flags & MARK != 0 {
            events.push(Event::Mark(marks));
            marks += 1;
            continue;
        }
        if flags & FLUSH != 0 {
            events.push(Event::Flush);
        }
        if flags & DISCARD != 0 || length == 0 {
            continue;
        }
        let bytes = usize::try_from(length)?.checked_mul(sector).context(place.clone())?;
        let end = at.checked_add(bytes).context(place.clone())?;
        let bytes = raw.get(at..end).with_context(|| format!("{place}: its data are missing"))?;
        events.push(Event::Write {
            start: start * (sector / SECTOR) as u64,
            bytes: bytes.to_vec(),
            durability: if flags & FUA != 0 { Durability::Lasting } else { Durability::Accepted },
        });
        at = end;
    }
    Ok(events)
}

/// Writes a log, with sectors of 512 bytes.
pub fn write(events: &[Event]) -> Vec<u8> {
    let mut raw = vec![0; SECTOR];
    for (at, value) in [(0, MAGIC), (8, VERSION), (16, events.len() as u64), (24, SECTOR as u64)] {
        raw[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    for event in events {
        let (start, flags, bytes) = match event {
            Event::Write { start, bytes, durability: Durability::Lasting } => {
                (*start, FUA, &bytes[..])
            }
            Event::Write { start, bytes, .. } => (*start, 0, &bytes[..]),
            Event::Flush => (0, FLUSH, &[][..]),
            Event::Mark(_) => (0, MARK, &[][..]),
        };
        let mut entry = [0; SECTOR];
        for (at, value) in [(0, start), (8, (bytes.len() / SECTOR) as u64), (16, flags)] {
            entry[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        raw.extend_from_slice(&entry);
        raw.extend_from_slice(bytes);
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        vec![
            Event::Write { start: 8, bytes: vec![1; 1024], durability: Durability::Accepted },
            Event::Flush,
            Event::Mark(0),
            Event::Write { start: 0, bytes: vec![2; 512], durability: Durability::Lasting },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&write(&events())).expect("a log"), events());
    }

    #[test]
    fn larger_sectors_flushing_writes_and_discards() {
        let mut raw = vec![0; 4096];
        for (at, value) in [(0, MAGIC), (8, VERSION), (16, 2), (24, 4096)] {
            raw[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
        for (start, flags, data) in [(3_u64, FLUSH | FUA, true), (9, DISCARD, false)] {
            let mut entry = vec![0; 4096];
            for (at, value) in [(0, start), (8, 1), (16, flags)] {
                entry[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
            }
            raw.extend(entry);
            raw.extend(vec![7; if data { 4096 } else { 0 }]);
        }
        let write =
            Event::Write { start: 24, bytes: vec![7; 4096], durability: Durability::Lasting };
        assert_eq!(read(&raw).expect("a log"), [Event::Flush, write]);
    }

    #[test]
    fn damaged_logs_are_refused() {
        let raw = write(&events());
        for end in [10, SECTOR, 2 * SECTOR, 3 * SECTOR, raw.len() - 1] {
            assert!(read(&raw[..end]).is_err(), "{end}");
        }
        let mut wrong = raw.clone();
        wrong[0] = 0;
        assert!(read(&wrong).is_err());
        let mut long = raw;
        long[SECTOR + 8..SECTOR + 16].fill(0xff);
        assert!(read(&long).is_err());
    }
}
