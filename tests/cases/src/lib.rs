//! Named cases of test programs that run as init: what they have in common.
//!
//! A program lists its cases with [`cases!`], gives each the surroundings that it makes of an [`Arena`], and lets [`run`]
//! do the rest: one line each, and whatever a case made is gone before the next begins.
#![no_std]

mod arena;
mod checks;
mod failure;

pub use arena::{AREA, Arena, READ_WRITE, index};
pub use failure::Failure;

use nun::{Error, entry, println};

/// Outcome of a case.
pub type Verdict = Result<(), Failure>;

/// A named case, in surroundings of type `T`.
pub struct Case<T> {
    /// `group.what_is_so`.
    pub name: &'static str,
    /// Finds out whether it is so.
    pub run: fn(&mut T) -> Verdict,
}

/// Lists the cases of one file, which calls its surroundings `Test`: `cases!("group": one, another)`.
#[macro_export]
macro_rules! cases {
    ($group:literal: $($function:ident),* $(,)?) => {
        /// The cases of this file.
        pub const CASES: &[$crate::Case<Test>] = &[$($crate::Case {
            name: concat!($group, ".", stringify!($function)),
            run: $function,
        }),*];
    };
}

/// What cases run in.
pub trait Surroundings {
    /// Takes away all that the last case made.
    fn clean(&mut self) -> Result<(), Error>;
}

/// Runs the cases of `program` whose name contains the word `wanted`; if one fails, this program does.
pub fn run<T: Surroundings>(
    program: &str,
    test: &mut T,
    cases: &[&[Case<T>]],
    wanted: &str,
) -> Result<(), Error> {
    let (mut passed, mut failed) = (0, 0);
    for case in cases.iter().copied().flatten().filter(|case| case.name.contains(wanted)) {
        test.clean()?;
        match (case.run)(test) {
            Ok(()) => {
                println!("case {} ... ok", case.name);
                passed += 1;
            }
            Err(failure) => {
                println!("case {} ... FAILED: {failure}", case.name);
                failed += 1;
            }
        }
    }
    test.clean()?;
    println!("{program}: {passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { entry::fail() }
}
