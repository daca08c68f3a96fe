//! How a case says what is wrong.

use core::fmt::{self, Write};
use core::panic::Location;

use nun::Error;

use crate::test::Test;

/// Outcome of a case.
pub type Verdict = Result<(), Failure>;

/// A named case.
pub struct Case {
    /// `group.what_is_so`.
    pub name: &'static str,
    /// Finds out whether it is so.
    pub run: fn(&mut Test) -> Verdict,
}

/// Lists the cases of one file: `cases!("group": one, another)`.
macro_rules! cases {
    ($group:literal: $($function:ident),* $(,)?) => {
        /// The cases of this file.
        pub const CASES: &[$crate::report::Case] = &[$($crate::report::Case {
            name: concat!($group, ".", stringify!($function)),
            run: $function,
        }),*];
    };
}

/// What was expected and did not come, in words.
pub struct Failure {
    text: [u8; 200],
    used: usize,
}

impl Failure {
    /// `text`, at a line of a file. What is too long is cut off.
    pub fn new(file: &str, line: u32, text: fmt::Arguments<'_>) -> Self {
        let mut failure = Self { text: [0; 200], used: 0 };
        let name = file.rsplit('/').next().unwrap_or(file);
        // Writing to it never fails.
        let _ = write!(failure, "{name}:{line}: {text}");
        failure
    }
}

impl Write for Failure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.iter_mut().skip(self.used);
        self.used += room.zip(text.bytes()).map(|(to, byte)| *to = byte).count();
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.text[..self.used].utf8_chunks() {
            f.write_str(chunk.valid())?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        let place = Location::caller();
        Self::new(place.file(), place.line(), format_args!("{error}"))
    }
}

/// Fails the case unless the condition holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            let text = format_args!("not so: {}", stringify!($condition));
            return Err($crate::report::Failure::new(file!(), line!(), text));
        }
    };
}

/// Fails the case unless both are equal.
macro_rules! check_eq {
    ($left:expr, $right:expr $(,)?) => {
        match (&$left, &$right) {
            (left, right) => {
                if *left != *right {
                    let text = format_args!("{} is {left:?}, not {right:?}", stringify!($left));
                    return Err($crate::report::Failure::new(file!(), line!(), text));
                }
            }
        }
    };
}

/// Fails the case unless the result is a refusal for this reason, because of this: `the
/// capability`, an argument by number, or a [`Culprit`](nun::Culprit).
macro_rules! check_refused {
    ($result:expr, $reason:ident, $argument:literal) => {
        check_refused!($result, $reason, nun::Culprit::argument($argument))
    };
    ($result:expr, $reason:ident, $culprit:expr) => {
        match &$result {
            result => {
                let wanted = nun::Error::new(nun::Reason::$reason, $culprit);
                if result.as_ref().err() != Some(&wanted) {
                    let text =
                        format_args!("{} is {result:?}, not {wanted:?}", stringify!($result));
                    return Err($crate::report::Failure::new(file!(), line!(), text));
                }
            }
        }
    };
}
