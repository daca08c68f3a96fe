//! Terminals as Linux programs know them.
//!
//! A [`Terminal`] stands between a program and whatever shows and types: a serial line, a screen with a
//! keyboard, or the master of a pseudo-terminal. What is typed goes into [`Terminal::receive`], what is to be
//! shown comes out of [`Terminal::take_output`]; programs [`read`](Terminal::read) and
//! [`write`](Terminal::write). In between is the line discipline: echo, editing of lines, signals from keys,
//! flow control, ends of lines. The rules are those of Linux's `n_tty`, with which a test compares them byte
//! by byte.
//!
//! Nothing here waits and nothing is sent: signals come out as data, and whoever owns the terminal knows who
//! gets them.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod edit;
mod input;
mod output;
mod settings;
mod terminal;

pub use settings::{Character, Control, Input, Local, Output, SETTINGS_BYTES, Settings};
pub use terminal::{Flush, Reading, Signal, Terminal, WindowSize};
