//! Thousands of power cuts, all survived: nothing but a replay is needed, our replay and that of
//! `e2fsck` agree, and everything synced is there.

use a9n_power_cut::scratch::Scratch;
use a9n_power_cut::{check, cut, load, log_writes, make};

/// Power cuts per image shape.
const CUTS: [(&str, usize, u64); 3] =
    [("usual", 1200, 11), ("small-blocks", 500, 12), ("bare", 500, 13)];

#[test]
fn two_thousand_power_cuts() {
    let scratch = Scratch::new().expect("a folder");
    for (shape, count, seed) in CUTS {
        let base = make::image(shape, scratch.path()).expect("an image");
        let load = load::play(base.clone(), load::STEPS, seed).expect("a load");
        let cuts = cut::moments(load.record.len(), count, seed);
        let verdict = check::all(&base, &load, &cuts, scratch.path(), 3).expect("a verdict");
        assert!(verdict.faults.is_empty(), "{shape}: {:#?}", verdict.faults);
        assert_eq!(verdict.good, count, "{shape}");
    }
}

#[test]
fn a_log_of_writes_can_be_cut_like_a_record() {
    let scratch = Scratch::new().expect("a folder");
    let base = make::image("usual", scratch.path()).expect("an image");
    let mut load = load::play(base.clone(), 100, 5).expect("a load");
    load.record = log_writes::read(&log_writes::write(&load.record)).expect("a log");
    let cuts = cut::moments(load.record.len(), 20, 5);
    let verdict = check::all(&base, &load, &cuts, scratch.path(), 3).expect("a verdict");
    assert_eq!((verdict.good, verdict.faults), (20, vec![]));
}
