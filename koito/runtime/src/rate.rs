//! How much of something a client may do in a while.

/// A bucket of tokens: each event takes one, and they come back with time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    tokens: u64,
    /// Most tokens at a time.
    burst: u64,
    /// Time for one to come back.
    period: u64,
    /// When the last came back.
    since: u64,
}

impl RateLimit {
    /// Up to `burst` events at once, then one every `period`. `now` is in the same unit.
    pub const fn new(burst: u64, period: u64, now: u64) -> Self {
        Self { tokens: burst, burst, period, since: now }
    }

    /// Whether one more event at `now` is within the limit.
    pub fn allows(&mut self, now: u64) -> bool {
        let back = now.saturating_sub(self.since).checked_div(self.period).unwrap_or(0);
        if back > 0 {
            self.tokens = self.tokens.saturating_add(back).min(self.burst);
            self.since += back * self.period;
        }
        let allowed = self.tokens > 0;
        self.tokens -= u64::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_in_a_while() {
        let mut limit = RateLimit::new(3, 10, 100);
        let allowed = (0..5).filter(|_| limit.allows(100)).count();
        assert_eq!(allowed, 3);
        assert!(!limit.allows(109));
        assert!(limit.allows(110) && !limit.allows(110));
        assert!(
            !limit.allows(119),
            "the time since the last token counts, not since the last event"
        );
        assert!(limit.allows(120));
        let allowed = (0..9).filter(|_| limit.allows(10_000)).count();
        assert_eq!(allowed, 3, "no more than a burst is saved up");
    }
}
