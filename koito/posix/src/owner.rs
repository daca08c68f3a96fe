//! In whose name processes act, and what they wish for themselves.

use alloc::vec::Vec;

/// In whose name a process acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Real, effective and saved user.
    pub users: [u32; 3],
    /// Real, effective and saved group.
    pub groups: [u32; 3],
    /// Further groups.
    pub others: Vec<u32>,
    /// What it may do beyond its user's rights.
    pub capabilities: Capabilities,
}

/// Sets of capabilities, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Those in use.
    pub effective: u64,
    /// Those that could be in use.
    pub permitted: u64,
}

impl Capabilities {
    /// All that Linux 6.1 has.
    pub const ALL: u64 = (1 << 41) - 1;
    /// None.
    pub const NONE: Self = Self { effective: 0, permitted: 0 };

    /// Those of a process that has just begun a program: the superuser's has all.
    pub fn of(users: [u32; 3]) -> Self {
        if users[..2].contains(&0) { Self::default() } else { Self::NONE }
    }

    /// What becomes of them when users change; who `keeps` them may take them into use again.
    #[must_use]
    pub fn after(self, before: [u32; 3], users: [u32; 3], keeps: bool) -> Self {
        let mut result = self;
        if before.contains(&0) && !users.contains(&0) && !keeps {
            result.permitted = 0;
        }
        match (before[1], users[1]) {
            (0, user) if user != 0 => result.effective = 0,
            (user, 0) if user != 0 => result.effective = result.permitted,
            _ => result.effective &= result.permitted,
        }
        result
    }
}

impl Default for Capabilities {
    /// All of them: the superuser's.
    fn default() -> Self {
        Self { effective: Self::ALL, permitted: Self::ALL }
    }
}

/// What a process wishes for itself by `prctl` and the like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// How nice it is to others, from -20 to 19.
    pub nice: i32,
    /// The signal that it gets when its parent ends; 0 for none.
    pub parent_death_signal: u8,
    /// It keeps its capabilities when it is root no more.
    pub keeps_capabilities: bool,
    /// It gets no more rights from programs that it runs.
    pub no_new_privileges: bool,
    /// Others may not look into it.
    pub hides: bool,
    /// Orphans among its descendants become its children.
    pub adopts: bool,
    /// How late it may be woken, in nanoseconds; 0 for as late as others.
    pub timer_slack: u64,
}
