//! Reading what Rust's test harness prints.

use super::Tally;

/// Counts the tests in the output of `cargo test`. A run that failed without naming a failed
/// test (it did not compile, or crashed) counts as one failure.
pub fn tally(stdout: &str, stderr: &str, success: bool) -> Tally {
    let mut tally = Tally::default();
    for line in stdout.lines() {
        if let Some((passed, _)) = parse_result(line) {
            tally.passed += passed;
        } else if let Some(name) = failed_test(line) {
            tally.fail(format!("{name}{}", details(stdout, name)));
        }
    }
    let announced: usize = stdout.lines().filter_map(parse_result).map(|(_, failed)| failed).sum();
    if !success && (tally.failures.is_empty() || announced < tally.failures.len()) {
        tally.fail(format!("`cargo test` did not finish\n{}", last_lines(stderr, 40)));
    }
    tally
}

/// Passed and failed tests in a line `test result: ok. 3 passed; 0 failed; ...`.
fn parse_result(line: &str) -> Option<(usize, usize)> {
    let counts = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| {
        counts
            .split(';')
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok())
    };
    Some((count(" passed")?, count(" failed")?))
}

/// The name in a line `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.trim().strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// What a failed test printed, as the harness repeats it at the end.
fn details(stdout: &str, name: &str) -> String {
    let plain_name = name.strip_suffix(" - should panic").unwrap_or(name);
    let heading = format!("---- {plain_name} stdout ----");
    let lines = stdout.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with("---- ") && *line != "failures:")
        .filter(|line| !line.trim().is_empty())
        .take(20)
        .map(|line| format!("\n{line}"))
        .collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test a::works ... ok
test a::breaks ... FAILED
test a::slow ... ignored

failures:

---- a::breaks stdout ----

thread 'a::breaks' panicked at src/lib.rs:3:5:
left is not right

failures:
    a::breaks

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 2 tests
..
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_of_all_programs_are_added() {
        let tally = tally(OUTPUT, "", false);
        assert_eq!(tally.passed, 3);
        assert_eq!(tally.failures.len(), 1);
        assert!(tally.failures[0].starts_with("a::breaks\n"));
        assert!(tally.failures[0].contains("left is not right"));
    }

    #[test]
    fn a_run_that_did_not_compile_is_a_failure() {
        let tally = tally("", "error[E0425]: cannot find value", false);
        assert_eq!((tally.passed, tally.failures.len()), (0, 1));
        assert!(tally.failures[0].contains("E0425"));
    }

    #[test]
    fn a_test_program_that_crashed_is_a_failure() {
        let output = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured";
        let tally = tally(output, "signal: 11", false);
        assert_eq!((tally.passed, tally.failures.len()), (2, 1));
    }

    #[test]
    fn other_lines_are_no_results() {
        assert_eq!(parse_result("test result: unheard of"), None);
        assert_eq!(parse_result("test a ... ok"), None);
    }
}
