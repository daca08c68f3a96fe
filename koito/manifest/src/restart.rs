//! What becomes of a component that fails: how long it stays down, and when it stays down for
//! good.
//!
//! The first failure costs nothing; each further one in a row doubles the delay, up to a longest.
//! A component that has then run for as long as the longest delay counts as healthy again.

use serde::{Deserialize, Serialize};

/// A restart policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Whether it is restarted at all.
    pub when: When,
    /// Milliseconds that the second failure in a row costs.
    pub first_delay: u32,
    /// Milliseconds that any failure costs at most.
    pub longest_delay: u32,
    /// Failures in a row after which it is given up.
    pub tries: u32,
}

/// When a component is restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Never.
    Never,
    /// When it faulted, hung or was killed.
    #[default]
    Failed,
}

impl Default for Restart {
    fn default() -> Self {
        Self { when: When::Failed, first_delay: 10, longest_delay: 2000, tries: 16 }
    }
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again in so many milliseconds.
    RestartIn(u32),
    /// Leave it, and take its service away from its clients.
    GiveUp,
}

/// Failures of one component.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures {
    in_a_row: u32,
}

impl Failures {
    /// Notes one of a component that had run for `lived` milliseconds, and judges it.
    pub fn judge(&mut self, policy: &Restart, lived: u64) -> Verdict {
        if lived >= u64::from(policy.longest_delay) {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if policy.when == When::Never || self.in_a_row > policy.tries {
            return Verdict::GiveUp;
        }
        Verdict::RestartIn(match self.in_a_row {
            1 => 0,
            number => {
                let doubled = u64::from(policy.first_delay) << (number - 2).min(32);
                doubled.min(policy.longest_delay.into()) as u32
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Restart =
        Restart { when: When::Failed, first_delay: 10, longest_delay: 100, tries: 7 };

    #[test]
    fn each_failure_in_a_row_costs_more_up_to_a_limit() {
        let mut failures = Failures::default();
        let delays: std::vec::Vec<_> = (0..7).map(|_| failures.judge(&POLICY, 0)).collect();
        let expected = [0, 10, 20, 40, 80, 100, 100].map(Verdict::RestartIn);
        assert_eq!(delays, expected);
        assert_eq!(failures.judge(&POLICY, 0), Verdict::GiveUp);
    }

    #[test]
    fn who_ran_well_for_a_while_begins_anew() {
        let mut failures = Failures::default();
        failures.judge(&POLICY, 0);
        failures.judge(&POLICY, 99);
        assert_eq!(failures.judge(&POLICY, 100), Verdict::RestartIn(0));
    }

    #[test]
    fn never_is_never() {
        let never = Restart { when: When::Never, ..POLICY };
        assert_eq!(Failures::default().judge(&never, u64::MAX), Verdict::GiveUp);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let patient = Restart { tries: u32::MAX, ..POLICY };
        let mut failures = Failures { in_a_row: u32::MAX - 1 };
        assert_eq!(failures.judge(&patient, 0), Verdict::RestartIn(100));
        assert_eq!(failures.judge(&patient, 0), Verdict::RestartIn(100));
    }
}
