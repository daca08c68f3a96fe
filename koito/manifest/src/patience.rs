//! How long a component may take to give a sign of life: counted in time in which it could have run.
//!
//! On a machine that does much else, time passes in which nobody could have answered: more urgent
//! components run, or the whole machine stands still, as an emulated one does when its host is busy.
//! So what others used does not count, and of a stretch between two looks never more than the time after
//! which there should have been the second.

/// Looks in the whole time.
const LOOKS: u64 = 8;

/// What is left to a component that was asked for a sign of life. All times are in one unit of the
/// caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    left: u64,
    step: u64,
    /// When it was looked at last, and how long others had run by then.
    since: u64,
    busy: u64,
}

impl Patience {
    /// From `now` on, `time`; `busy` is how long more urgent others have run by now.
    pub const fn new(time: u64, now: u64, busy: u64) -> Self {
        Self { left: time, step: time.div_ceil(LOOKS), since: now, busy }
    }

    /// When to look again.
    pub const fn next(&self) -> u64 {
        self.since.saturating_add(self.step)
    }

    /// Looks; answers whether nothing is left. Others may have started anew, and have run for less than
    /// before: then they count as if they had not run.
    pub fn look(&mut self, now: u64, busy: u64) -> bool {
        let others = busy.saturating_sub(self.busy);
        let own = now.saturating_sub(self.since).saturating_sub(others);
        self.left = self.left.saturating_sub(own.min(self.step));
        (self.since, self.busy) = (now, busy);
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks until nothing is left, when `passes` says how much time passes and how much others run;
    /// answers how often.
    fn looks(passes: impl Fn(u64) -> (u64, u64)) -> u64 {
        let mut patience = Patience::new(800, 1000, 50);
        let (mut now, mut busy) = (1000, 50);
        for count in 1.. {
            let (time, others) = passes(count);
            (now, busy) = (now + time, busy + others);
            if patience.look(now, busy) {
                return count;
            }
            assert_eq!(patience.next(), now + 100);
        }
        unreachable!("it ends sometime")
    }

    #[test]
    fn it_ends_after_its_time() {
        assert_eq!(looks(|_| (100, 0)), 8);
    }

    #[test]
    fn what_others_use_does_not_count() {
        assert_eq!(looks(|_| (100, 75)), 32);
        assert_eq!(looks(|count| if count < 1000 { (100, 100) } else { (100, 0) }), 1007);
    }

    #[test]
    fn a_machine_that_stood_still_costs_a_step() {
        assert_eq!(looks(|count| if count == 3 { (1_000_000, 0) } else { (100, 0) }), 8);
        assert_eq!(looks(|_| (1_000_000, 0)), 8);
    }

    #[test]
    fn others_that_start_anew_have_not_run() {
        let mut patience = Patience::new(800, 1000, 5000);
        assert!(!patience.look(1100, 0));
        assert_eq!(patience, Patience { left: 700, step: 100, since: 1100, busy: 0 });
    }
}
