//! What the components of KOITO have in common.
//!
//! A component finds in its [`Environment`] what its manifest entry gives it, and nothing else is
//! there. [`Server`] serves the port that it offers, and answers the supervisor's signs of life
//! on the way. [`services`] has the interfaces of all servers.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod conventions;
mod environment;
mod heap;
mod rate;
mod server;
pub mod services;
mod sessions;
mod time;

pub use environment::{
    ARGUMENT_BYTES, Arguments, CONFIGURATION_BYTES, Channel, Device, Environment, Framebuffer,
    Missing, Module, Name, PixelOrder, Window,
};
pub use heap::pool_memory;
pub use rate::RateLimit;
pub use server::{Server, run, wait, without_supervisor};
pub use sessions::{Session, Sessions, Typed};
pub use time::{SupervisorAlarm, sleep};
