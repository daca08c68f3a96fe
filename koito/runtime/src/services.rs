//! The interfaces of KOITO's servers.

mod echo;
mod supervisor;

pub use echo::{Echo, EchoClient, EchoError, EchoServer};
pub use supervisor::{
    Condition, Memory, Status, Supervisor, SupervisorClient, SupervisorError, SupervisorServer,
};
