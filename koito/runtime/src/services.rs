//! The interfaces of KOITO's servers.

mod clock;
mod console;
mod disk;
mod echo;
mod log;
mod supervisor;

pub use clock::{Clock, ClockClient, ClockServer};
pub use console::{Console, ConsoleClient, ConsoleServer, KEY_BYTES, TEXT_BYTES};
pub use disk::{Disk, DiskClient, DiskError, DiskServer, Geometry, SECTOR_BYTES, Stretch};
pub use echo::{Echo, EchoClient, EchoError, EchoServer};
pub use log::{LINE_BYTES, Log, LogClient, LogLine, LogServer, Logger};
pub use supervisor::{
    Condition, Description, Memory, Status, Supervisor, SupervisorClient, SupervisorError,
    SupervisorServer,
};
