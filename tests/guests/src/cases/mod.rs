//! All cases.

mod apart;
mod attacks;
mod control;
mod events;
mod exits;
mod hostile;
mod isolation;
mod modes;
mod vectors;

use a9n_cases::Case;

use crate::test::Test;

/// All of them, file by file.
pub const ALL: &[&[Case<Test>]] = &[
    exits::CASES,
    modes::CASES,
    events::CASES,
    control::CASES,
    apart::CASES,
    isolation::CASES,
    vectors::CASES,
    hostile::CASES,
    attacks::CASES,
];
