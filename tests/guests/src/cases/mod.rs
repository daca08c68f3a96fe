//! All cases.

mod exits;

use crate::report::Case;

/// All of them, file by file.
pub const ALL: &[&[Case]] = &[exits::CASES];
