//! What the benchmark prints: a line for each figure.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::systems::{Clock, Kernel, Systems};
use crate::progress::Step;

/// The benchmark, where both systems have it.
pub const PROGRAM: &str = "/checks/bin/linux-bench";
/// Patience with one figure.
const LIMIT: Duration = Duration::from_secs(90);

/// Figures in the order in which they were measured.
pub type Figures = Vec<(String, u64)>;

/// What the benchmark measures.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// Calls one after the other.
    Single,
    /// Calls of two processes at the same time.
    Double,
}

/// Runs the benchmark; what comes until it ends, or fails.
pub fn measure(systems: &Systems, kernel: Kernel, load: Load, step: &Step) -> Result<Figures> {
    let mut guest = systems.boot(kernel, Clock::Instructions)?;
    match load {
        Load::Single => Systems::start(&mut guest, kernel, PROGRAM)?,
        Load::Double => Systems::start(&mut guest, kernel, &format!("{PROGRAM} together"))?,
    }
    let mut figures = vec![];
    while let Some(line) = guest.line(Instant::now() + LIMIT) {
        match parse(&line) {
            Some((OVER, _)) => break,
            Some((name, figure)) => {
                step.detail(name);
                figures.push((name.to_owned(), figure));
            }
            None => {}
        }
    }
    Ok(figures)
}

/// Stands in place of a name when all figures came.
const OVER: &str = "over";

fn parse(line: &str) -> Option<(&str, u64)> {
    let (name, figure) = line.trim().strip_prefix("bench ")?.split_once(' ')?;
    Some((name, figure.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_are_figures() {
        assert_eq!(parse("bench null.getppid 340"), Some(("null.getppid", 340)));
        assert_eq!(parse("bench over 0"), Some((OVER, 0)));
        assert_eq!(parse("bench of stone"), None);
        assert_eq!(parse("panicked at bench x 1"), None);
    }
}
