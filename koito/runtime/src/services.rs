//! The interfaces of KOITO's servers.

mod clock;
mod console;
mod disk;
mod echo;
mod keyboard;
mod log;
mod screen;
mod supervisor;

pub use clock::{Clock, ClockClient, ClockServer};
pub use console::{Console, ConsoleClient, ConsoleServer, KEY_BYTES, TEXT_BYTES};
pub use disk::{Disk, DiskClient, DiskError, DiskServer, Geometry, SECTOR_BYTES, Stretch};
pub use echo::{Echo, EchoClient, EchoError, EchoServer};
pub use keyboard::{Keyboard, KeyboardClient, KeyboardServer};
pub use log::{LINE_BYTES, Log, LogClient, LogLine, LogServer, Logger};
pub use screen::{Screen, ScreenClient, ScreenServer};
pub use supervisor::{
    Condition, Description, Memory, Status, Supervisor, SupervisorClient, SupervisorError,
    SupervisorServer,
};
