//! The interfaces of KOITO's servers.

mod clock;
mod console;
mod devices;
mod disk;
mod echo;
mod entropy;
mod events;
mod files;
mod keyboard;
mod log;
mod nodes;
mod posix;
mod power;
mod screen;
mod supervisor;
mod switch;
mod vm;
mod vm_options;

pub use clock::{Clock, ClockClient, ClockServer};
pub use console::{
    Console, ConsoleAsync, ConsoleClient, ConsoleServer, KEY_BYTES, Keys, TEXT_BYTES,
};
pub use devices::{
    DeviceInterrupt, DevicePlace, DeviceTable, Devices, DevicesClient, DevicesServer, Extent,
    Extents, Order, Task,
};
pub use disk::{
    Disk, DiskAsync, DiskClient, DiskError, DiskServer, Geometry, SECTOR_BYTES, Stretch,
};
pub use echo::{Echo, EchoClient, EchoError, EchoServer};
pub use entropy::{Entropy, EntropyClient, EntropyError, EntropyServer};
pub use events::{Event, Events, EventsClient, EventsServer};
pub use files::{
    ENTRY_BYTES, FileError, FileKind, FileSpace, FileStatus, Files, FilesAsync, FilesClient,
    FilesServer, ListedEntry, PATH_BYTES, PIECE_BYTES, Path, lasting,
};
pub use keyboard::{Keyboard, KeyboardAsync, KeyboardClient, KeyboardServer};
pub use log::{LINE_BYTES, Log, LogClient, LogLine, LogServer, Logger};
pub use nodes::{
    ENTRY_WORDS, EXTENDED_WORDS, ErrorNumber, FileTime, FoundNode, Moving, NameIn, NewExtended,
    NewNode, NodeChanges, NodeSpace, NodeStatus, NodeStretch,
};
pub use posix::{
    CALL_NAME_BYTES, COMMAND_BYTES, CallCount, Posix, PosixClient, PosixError, PosixServer,
    Relayed, SHOWN_BYTES, UNREAD_BYTES,
};
pub use power::{Power, PowerClient, PowerServer};
pub use screen::{ANSWER_BYTES, Screen, ScreenClient, ScreenServer, ScreenSize};
pub use supervisor::{
    Condition, Description, Memory, PowerState, Status, Supervisor, SupervisorClient,
    SupervisorError, SupervisorServer,
};
pub use switch::{Switch, SwitchClient, SwitchPort, SwitchServer};
pub use vm::{MONITOR_BYTES, Vm, VmClient, VmCondition, VmError, VmServer, VmStatus, VmTerminal};
pub use vm_options::{MOST_PROCESSORS, VmOptions, WrongOption};
