//! What random tests on this machine begin from, and how many cases they play: always the same, unless someone asks
//! for others. So a run that failed is repeated by running it again.

use std::process::Command;

use super::Tally;
use crate::cli::TestOptions;

const SEED: u64 = 1;

/// Tells the random tests that `command` runs where to begin, and that each plays `cases`, or what `options` say.
/// Those that take long play a part of so many.
pub fn settle(command: &mut Command, options: &TestOptions, cases: u32) {
    command.env("PROPTEST_RNG_SEED", seed(options).to_string());
    command.env("PROPTEST_CASES", options.cases.unwrap_or(cases).to_string());
    // The seed is enough to find a failure again.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
}

/// Says in `tally` from what the random tests began.
pub fn tell(tally: &mut Tally, options: &TestOptions) {
    let cases = options.cases.map_or_else(String::new, |cases| format!(" --cases {cases}"));
    tally.notes.push(format!("random tests began from --seed {}{cases}", seed(options)));
}

fn seed(options: &TestOptions) -> u64 {
    options.seed.unwrap_or(SEED)
}
