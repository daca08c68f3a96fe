//! A guest's time, from the time-stamp counter.

use crate::Time;

const NANOSECONDS: u64 = 1_000_000;

/// Counts from when the guest was switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    origin: u64,
    ticks_per_millisecond: u64,
    /// What the guest's time-stamp counter is ahead of the machine's, unknown to the guest.
    ahead: u64,
}

impl Timeline {
    /// One that begins at `origin`, in ticks.
    pub const fn new(origin: u64, ticks_per_millisecond: u64) -> Self {
        Self { origin, ticks_per_millisecond, ahead: 0 }
    }

    /// The same, after `ticks` ticks that the guest does not notice.
    #[must_use]
    pub const fn without(self, ticks: u64) -> Self {
        let (origin, ahead) = (self.origin + ticks, self.ahead.wrapping_sub(ticks));
        Self { origin, ahead, ..self }
    }

    /// What the guest's time-stamp counter is ahead of the machine's, unless it adjusts it.
    pub const fn ahead(&self) -> u64 {
        self.ahead
    }

    /// The time when the counter stands at `ticks`.
    pub const fn time(&self, ticks: u64) -> Time {
        let passed = ticks.saturating_sub(self.origin);
        let (milliseconds, rest) =
            (passed / self.ticks_per_millisecond, passed % self.ticks_per_millisecond);
        Time(milliseconds * NANOSECONDS + rest * NANOSECONDS / self.ticks_per_millisecond)
    }

    /// Where the counter stands when `time` has come.
    pub const fn ticks(&self, time: Time) -> u64 {
        let (milliseconds, rest) = (time.0 / NANOSECONDS, time.0 % NANOSECONDS);
        let rest = (rest * self.ticks_per_millisecond).div_ceil(NANOSECONDS);
        let ticks = milliseconds.saturating_mul(self.ticks_per_millisecond).saturating_add(rest);
        self.origin.saturating_add(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_come_when_the_counter_is_there_and_not_before() {
        for rate in [1_000, 999_999, 2_593_907] {
            let timeline = Timeline::new(12_345, rate);
            for time in [0, 1, 999_999, 1_000_000, 54_925_439, 3_600_000_000_001] {
                let ticks = timeline.ticks(Time(time));
                assert!(timeline.time(ticks) >= Time(time), "{rate} {time}");
                assert!(time == 0 || timeline.time(ticks - 1) < Time(time), "{rate} {time}");
            }
        }
        assert_eq!(Timeline::new(10, 1000).time(5), Time(0), "before it was on");
    }

    #[test]
    fn a_pause_is_not_noticed() {
        let timeline = Timeline::new(1_000, 1_000);
        let after = timeline.without(500);
        assert_eq!(after.time(2_500), timeline.time(2_000));
        assert_eq!(2_500u64.wrapping_add(after.ahead()), 2_000);
    }
}
