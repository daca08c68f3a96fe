//! Dispatch: from the number of a system call to its handler.

use koito_linux::Errno;

use crate::calls::{
    attributes, clone, copies, descriptors, extended, files, futex, host, identity, lasting,
    memory, messages, names, other_memory, paths, pipes, place, poll, power, privileges, process,
    process_files, resolving, resources, schedule, signals, sockets, status, system, terminal,
    time, timers, wait, watches,
};
use crate::disk::{Acting, Ticket};
use crate::server::{Server, TaskKey};

/// Numbers of calls that can be there.
pub const NUMBERS: usize = 512;

/// Arguments of a system call.
pub type Arguments = [u64; 6];

/// Why a call does not answer with a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It failed.
    Error(Errno),
    /// The caller goes on with the registers that were written.
    Whole,
    /// The call is made again when the caller is woken.
    Wait,
    /// The call is made again when this request to the file server was answered.
    Disk(Ticket),
    /// The caller makes it again, on its own time: it goes on from there, and others have their turn.
    Again,
    /// The caller stays stopped: it ended, or gets its answer from somebody else.
    Halt,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Error(errno)
    }
}

/// What a call answers.
pub type Answer = Result<u64, Stop>;

/// Carries out a call of `task`.
type Handler = fn(&mut Server, TaskKey, &Arguments) -> Answer;

macro_rules! table {
    ($($number:literal $name:ident $state:ident $($handler:path)?;)*) => {
        const fn table() -> [Option<Handler>; NUMBERS] {
            let mut table: [Option<Handler>; NUMBERS] = [None; NUMBERS];
            $($(table[$number] = Some($handler);)?)*
            table
        }
    };
}

koito_posix_core::system_calls!(table);

/// The handlers, by number.
static HANDLERS: [Option<Handler>; NUMBERS] = table();

/// Carries out call `number` of `task`.
#[inline]
pub fn dispatch(server: &mut Server, task: TaskKey, number: u32, arguments: &Arguments) -> Answer {
    if server.is_short() {
        server.find_memory_for(task, number)?;
    }
    server.world.acting = Acting::Thread(task);
    match HANDLERS.get(number as usize) {
        Some(Some(handler)) => match handler(server, task, arguments) {
            // Whatever it made of that.
            Err(Stop::Error(_)) if let Acting::Awaiting(ticket) = server.world.acting => {
                Err(Stop::Disk(ticket))
            }
            answer => answer,
        },
        _ => missing(server, number),
    }
}

#[cold]
fn missing(server: &mut Server, number: u32) -> Answer {
    if let Some(count) = server.missing.get_mut(number as usize) {
        *count = count.saturating_add(1);
    }
    Err(Errno::ENOSYS.into())
}
