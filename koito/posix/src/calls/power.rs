//! The end of the machine.

use koito::services::PowerState;
use koito_linux::Errno;

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey, World};

/// What the first two arguments have to be, lest anybody does this by accident.
const FIRST_MARK: u32 = 0xfee1_dead;
const SECOND_MARKS: [u32; 4] = [0x2812_1969, 0x0512_1996, 0x1604_1998, 0x2011_2000];

/// What can be asked for.
mod command {
    pub const RESTART: u32 = 0x0123_4567;
    pub const HALT: u32 = 0xcdef_0123;
    pub const POWER_OFF: u32 = 0x4321_fedc;
    /// What the keys Control, Alt and Delete do: nothing, either way.
    pub const KEYS: [u32; 2] = [0, 0x89ab_cdef];
}

/// Switches the machine off or starts it anew, with everything on the disk. For the superuser.
pub fn reboot(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[first, second, what, ..] = arguments;
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM.into());
    }
    if first as u32 != FIRST_MARK || !SECOND_MARKS.contains(&(second as u32)) {
        return Err(Errno::EINVAL.into());
    }
    let state = match what as u32 {
        command::RESTART => PowerState::Reset,
        command::HALT | command::POWER_OFF => PowerState::Off,
        keys if command::KEYS.contains(&keys) => return Ok(0),
        _ => return Err(Errno::EINVAL.into()),
    };
    let World { vfs, disk, .. } = &mut server.world;
    disk.leave(vfs);
    // If it answers, the machine does not do it.
    let _ = server.power.as_ref().map(|power| power.enter(state));
    Err(Errno::EIO.into())
}
