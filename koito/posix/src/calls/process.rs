//! The life of processes and threads.

use koito_linux::Errno;

use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};

/// Number of the FS base among a process's registers.
const FS_BASE: u64 = 18;
/// `ARCH_SET_FS` and `ARCH_GET_FS`.
const SET_FS: u64 = 0x1002;
const GET_FS: u64 = 0x1003;

/// Ends the thread.
pub fn exit(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    exit_group(server, task, arguments)
}

/// Ends the process.
pub fn exit_group(server: &mut Server, task: TaskKey, &[code, ..]: &Arguments) -> Answer {
    server.end_process(task, (code as u32 & 0xff) << 8);
    Err(Stop::Halt)
}

/// Sets the thread-local base.
pub fn arch_prctl(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[what, address, ..] = arguments;
    let body = server.tasks[task].body;
    match what {
        SET_FS => {
            body.pcb.write_register(FS_BASE, address).map_err(|_| Errno::EPERM)?;
            // It goes on as it stands.
            body.pcb.write_register(0, 0).map_err(|_| Errno::EPERM)?;
            Err(Stop::Whole)
        }
        GET_FS => {
            let base = body.pcb.read_register(FS_BASE).map_err(|_| Errno::EPERM)?;
            server.write_words(task, address, &[base])?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Has the thread's number cleared at an address when it ends.
pub fn set_tid_address(server: &mut Server, task: TaskKey, &[address, ..]: &Arguments) -> Answer {
    server.tasks[task].clear_number = address;
    Ok(server.tasks[task].number.into())
}

/// Says where the locks stand that a thread holds when it ends.
pub fn set_robust_list(_: &mut Server, _: TaskKey, &[_, bytes, ..]: &Arguments) -> Answer {
    if bytes == 24 { Ok(0) } else { Err(Errno::EINVAL.into()) }
}
