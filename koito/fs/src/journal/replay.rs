//! Replay: after a crash, the copies of all committed transactions go home.
//!
//! Three walks over the log, as JBD2 defines them: find its end, collect revocations, copy what is
//! not revoked. A transaction counts if its commit block is there and intact.

use hashbrown::HashMap;
use koito_block::{BlockDevice, Cache, Use};

use super::format::{BlockType, Tag};
use super::log::Log;
use crate::error::{Errno, Error, Result, corrupt};

/// More revocations than this take too much memory.
const MOST_REVOCATIONS: usize = 1 << 18;
/// Blocks of the log that are read ahead.
const AHEAD: usize = 64;

/// A piece of the log.
enum Record {
    /// Copies of blocks, which follow the descriptor.
    Copies(alloc::vec::Vec<Tag>),
    Revocations(alloc::vec::Vec<u64>),
    Commit,
}

/// Replays `log` into the cache, writes all of it home, and leaves the log's sequence number behind
/// the last transaction. Answers how many transactions it were.
pub fn replay<D: BlockDevice>(log: &mut Log, cache: &mut Cache<D>) -> Result<u32> {
    let start = log.sequence;
    let mut transactions = 0;
    walk(log, cache, u32::MAX, |_, _, sequence, record, _| {
        if let Record::Commit = record {
            transactions = sequence.wrapping_sub(start) + 1;
        }
        Ok(())
    })?;

    let mut revoked: HashMap<u64, u32> = HashMap::new();
    walk(log, cache, transactions, |_, _, sequence, record, _| {
        if let Record::Revocations(targets) = record {
            for target in targets {
                revoked.insert(target, sequence.wrapping_sub(start));
            }
        }
        if revoked.len() > MOST_REVOCATIONS {
            return Err(Error::new(Errno::Unsupported, "journal: too many revocations"));
        }
        Ok(())
    })?;

    walk(log, cache, transactions, |log, cache, sequence, record, mut at| {
        let Record::Copies(tags) = record else { return Ok(()) };
        for tag in tags {
            at = log.after(at);
            let age = sequence.wrapping_sub(start);
            if revoked.get(&tag.target).is_some_and(|revocation| *revocation >= age) {
                continue;
            }
            let mut copy = cache.read(log.place(at)?.0)?.to_vec();
            if !log.format.is_intact(&tag, &copy, sequence) {
                return Err(corrupt("journal: a block of a committed transaction is damaged"));
            }
            if tag.escaped {
                copy[..4].copy_from_slice(&super::format::MAGIC_BYTES);
            }
            cache.store(tag.target, &copy, Use::Data)?;
        }
        Ok(())
    })?;
    cache.write_all()?;
    cache.flush()?;
    log.sequence = start.wrapping_add(transactions).wrapping_add(1);
    cache.forget(0, cache.blocks());
    Ok(transactions)
}

/// Visits all records of at most `transactions` transactions from the tail on: each with its
/// sequence number and the block of the log that it starts at.
fn walk<D: BlockDevice>(
    log: &Log,
    cache: &mut Cache<D>,
    transactions: u32,
    mut visit: impl FnMut(&Log, &mut Cache<D>, u32, Record, u32) -> Result<()>,
) -> Result<()> {
    let (mut at, mut sequence) = (log.tail, log.sequence);
    let mut rest = log.length();
    let mut done = 0;
    while done < transactions && rest > 0 {
        let (place, run) = log.place(at)?;
        if cache.peek(place).is_none() {
            cache.prefetch(place, AHEAD.min(run as usize))?;
        }
        let block = cache.read(place)?;
        let record = match log.format.identify(block, sequence) {
            Some(BlockType::Descriptor) => Record::Copies(log.format.tags(block)),
            Some(BlockType::Revocation) => Record::Revocations(log.format.revocations(block)),
            Some(BlockType::Commit) => Record::Commit,
            None => return Ok(()),
        };
        let next_sequence = match record {
            Record::Commit => sequence.wrapping_add(1),
            _ => sequence,
        };
        done += next_sequence.wrapping_sub(sequence);
        let blocks = match &record {
            Record::Copies(tags) => 1 + tags.len() as u32,
            _ => 1,
        };
        if blocks > rest {
            return Ok(());
        }
        visit(log, cache, sequence, record, at)?;
        rest -= blocks;
        for _ in 0..blocks {
            at = log.after(at);
        }
        sequence = next_sequence;
    }
    Ok(())
}
