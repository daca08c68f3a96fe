//! What init and the child program agree upon.

/// What the child is asked to do, as its argument; the upper half is a parameter.
pub mod role {
    /// Exit with the parameter.
    pub const EXIT: u64 = 1;
    /// Return an error from `main`.
    pub const FAIL: u64 = 2;
    /// Panic.
    pub const PANIC: u64 = 3;
    /// Stop at a breakpoint, then exit with 7.
    pub const BREAK: u64 = 4;
    /// Tell its thread-local words, and have a thread made that does so, too.
    pub const LOCALS: u64 = 5;
    /// Use a heap of its own, then exit with 0.
    pub const HEAP: u64 = 7;
    /// Add one to every word of a shared page, then exit with 0.
    pub const SHARE: u64 = 6;
}

/// Labels of messages to init.
pub mod label {
    /// Two thread-local words, as words 6 and 7.
    pub const LOCALS: u32 = 1;
    /// A thread is wanted: its first instruction.
    pub const THREAD: u32 = 2;
}

/// The thread-local word that a program file brings.
pub const INITIAL: u64 = 0x1122_3344_5566_7788;

/// Where the shared page is mapped in the child: in its workspace.
pub const SHARED: u64 = nun::aci::WORKSPACE_ADDRESS;
