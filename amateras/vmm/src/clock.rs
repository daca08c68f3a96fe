//! A guest's time, from the time-stamp counter.

use amateras_devices::Time;

const NANOSECONDS: u64 = 1_000_000;

/// Counts from when the guest was switched on.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: u64,
    ticks_per_millisecond: u64,
}

impl Clock {
    /// One that begins at `origin`, in ticks.
    pub const fn new(origin: u64, ticks_per_millisecond: u64) -> Self {
        Self { origin, ticks_per_millisecond }
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
            let clock = Clock::new(12_345, rate);
            for time in [0, 1, 999_999, 1_000_000, 54_925_439, 3_600_000_000_001] {
                let ticks = clock.ticks(Time(time));
                assert!(clock.time(ticks) >= Time(time), "{rate} {time}");
                assert!(time == 0 || clock.time(ticks - 1) < Time(time), "{rate} {time}");
            }
        }
        assert_eq!(Clock::new(10, 1000).time(5), Time(0), "before it was on");
    }
}
