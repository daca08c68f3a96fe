//! Who a program is.

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// The number of the process.
pub fn getpid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.processes[server.tasks[task].process].number.into())
}

/// That of its parent.
pub fn getppid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.processes[server.tasks[task].process].parent.into())
}

/// The number of the thread.
pub fn gettid(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    Ok(server.tasks[task].number.into())
}

/// The user.
pub fn getuid(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Ok(0)
}

/// The group of users.
pub fn getgid(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Ok(0)
}
