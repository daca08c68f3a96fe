//! Mistakes made on purpose: a record as it would be if a flush were forgotten. Whoever looks at
//! its images must notice.

use koito_block::Durability;

use crate::record::Event;

/// First bytes of a journal's block, big-endian: magic number and type.
const COMMIT: [u8; 8] = [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 2];
const SUPERBLOCK: [u8; 8] = [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4];

/// What is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The flush before each commit block.
    FlushBeforeCommit,
    /// That commit blocks are written through.
    LastingCommit,
    /// The flush before the journal forgets transactions.
    FlushBeforeForgetting,
}

impl Loss {
    /// All of them, with the names that the command line knows.
    pub const ALL: [(&'static str, Self); 3] = [
        ("flush-before-commit", Self::FlushBeforeCommit),
        ("lasting-commit", Self::LastingCommit),
        ("flush-before-forgetting", Self::FlushBeforeForgetting),
    ];
}

fn starts_with(event: Option<&Event>, head: [u8; 8]) -> bool {
    matches!(event, Some(Event::Write { bytes, .. }) if bytes.starts_with(&head))
}

/// The record without what is forgotten. Events keep their numbers.
pub fn without(record: &[Event], loss: Loss) -> Vec<Event> {
    let next_write =
        |from: usize| record[from..].iter().find(|event| matches!(event, Event::Write { .. }));
    record
        .iter()
        .enumerate()
        .map(|(number, event)| match (event, loss) {
            (Event::Flush, Loss::FlushBeforeCommit) if starts_with(next_write(number), COMMIT) => {
                Event::Mark(0)
            }
            (Event::Flush, Loss::FlushBeforeForgetting)
                if starts_with(next_write(number), SUPERBLOCK) =>
            {
                Event::Mark(0)
            }
            (Event::Write { start, bytes, .. }, Loss::LastingCommit)
                if starts_with(Some(event), COMMIT) =>
            {
                let durability = Durability::Accepted;
                Event::Write { start: *start, bytes: bytes.clone(), durability }
            }
            _ => event.clone(),
        })
        .collect()
}
