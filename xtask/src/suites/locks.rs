//! The handshake of CPUs under a model checker: every order in which they can see each other's
//! stores, up to a number of preemptions. Says how many orders that were.

use anyhow::{Context, Result};

use super::Tally;
use super::libtest;
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

/// What a line that tells the number of orders begins with.
const TELLS: &str = "locks: ";

/// Builds the protocol on the checker's atomics, in a folder of its own, and runs it.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut command = host_cargo_command(repository.root(), "test");
    command.args(["--release", "--package", "a9n-handshake", "--test", "protocol"]);
    command.args(["--", "--nocapture"]);
    command.env("RUSTFLAGS", "--cfg loom");
    command.env("CARGO_TARGET_DIR", repository.products().join("loom"));
    let finished = watch(&mut command, step, None).context("cannot check the locks")?;
    let mut tally = libtest::tally(&finished.stdout, &finished.stderr, finished.status.success());
    tally.notes.push(format!("{} orders", orders(&finished.stdout)));
    Ok(tally)
}

/// The sum of what the tests tell.
fn orders(stdout: &str) -> usize {
    let told = stdout.lines().filter_map(|line| line.split_once(TELLS)?.1.split_once(' '));
    told.filter_map(|(number, _)| number.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::orders;

    #[test]
    fn orders_are_added() {
        let output = "running 2 tests\nlocks: 3 orders\ntest a ... locks: 40 orders\nok\n";
        assert_eq!(orders(output), 43);
        assert_eq!(orders("test locks ... ok\n"), 0);
    }
}
