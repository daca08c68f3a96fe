//! A flush that is forgotten is noticed.

use a9n_power_cut::cut::{self, Cut};
use a9n_power_cut::lose::{Loss, without};
use a9n_power_cut::record::Event;
use a9n_power_cut::scratch::Scratch;
use a9n_power_cut::{check, load, make};
use koito_block::Durability;

/// Looks at images of a load with a mistake: at random moments, and right after each write that
/// went through to the medium.
fn faults(loss: Loss) -> Vec<String> {
    let scratch = Scratch::new().expect("a folder");
    let base = make::image("usual", scratch.path()).expect("an image");
    let mut load = load::play(base.clone(), load::STEPS, 3).expect("a load");
    let mut cuts = cut::moments(load.record.len(), 100, 3);
    for (number, event) in load.record.iter().enumerate() {
        if matches!(event, Event::Write { durability: Durability::Lasting, .. }) {
            cuts.push(Cut { events: (number + 3).min(load.record.len()), seed: number as u64 });
        }
    }
    cuts.sort();
    load.record = without(&load.record, loss);
    check::all(&base, &load, &cuts, scratch.path(), 1).expect("a verdict").faults
}

#[test]
fn a_commit_without_a_flush_before_it() {
    assert!(!faults(Loss::FlushBeforeCommit).is_empty());
}

#[test]
fn a_commit_that_is_not_written_through() {
    assert!(!faults(Loss::LastingCommit).is_empty());
}

#[test]
fn a_journal_that_forgets_before_all_is_home() {
    assert!(!faults(Loss::FlushBeforeForgetting).is_empty());
}
