//! Time for those who have no alarm of their own.

/// Tells the time, and waits for it.
#[nun::service(version = 2)]
pub trait Clock {
    /// Milliseconds since the machine's counter began to count.
    #[method(ordinal = 1, retry = idempotent)]
    fn now(&self) -> u64;
    /// Waits until [`now`](Clock::now) has reached `time`.
    #[method(ordinal = 2, retry = idempotent, waits)]
    fn sleep_until(&self, time: u64);
    /// Seconds since 1970 (UTC) when [`now`](Clock::now) was 0; `None` if nobody knows.
    #[method(ordinal = 3, retry = idempotent)]
    fn epoch(&self) -> Option<u64>;
}
