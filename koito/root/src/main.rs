//! The root server: starts every component of the manifest with exactly what its entry names,
//! keeps every service's port, and restarts what faults, hangs or is killed.
//!
//! It calls nobody, and serves on the priority above all components. What it knows of a component
//! is a [`Part`](part::Part); [`Supervisor`](supervisor::Supervisor) is the loop over all of them.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod device;
mod events;
mod holdings;
mod life;
mod lifecycle;
mod links;
mod part;
mod pci;
mod pool;
mod power;
mod screen;
mod serve;
mod supervisor;

use core::fmt;

use koito_manifest::{Manifest, Unreadable};
use nun::{Error, InitInfo, Resources, StartError};
use supervisor::Supervisor;

nun::entry!(main, stack = 512 * 1024);

/// The boot module with the packed manifest.
const MANIFEST: &str = "manifest";

/// Why the system does not start.
enum RootError {
    /// This boot module is missing.
    NoModule(&'static str),
    /// The manifest cannot be read.
    Manifest(Unreadable),
    /// The manifest breaks so many rules, which were printed.
    Defects(usize),
    /// A component cannot be started.
    Start(StartError),
    /// The kernel refused something.
    Kernel(Error),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModule(name) => write!(f, "there is no boot module {name:?}"),
            Self::Manifest(error) => error.fmt(f),
            Self::Defects(count) => write!(f, "the manifest has {count} defects"),
            Self::Start(error) => error.fmt(f),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl From<Error> for RootError {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<StartError> for RootError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

fn main(init: &'static InitInfo) -> Result<(), RootError> {
    let mut resources = Resources::new(init);
    let packed = resources.module(MANIFEST).ok_or(RootError::NoModule(MANIFEST))??;
    let manifest = Manifest::unpack(packed).map_err(RootError::Manifest)?;
    let mut defects = 0;
    manifest.check(|place, defect| {
        let name = manifest.components.get(place.component).map_or("", |it| it.name);
        nun::println!("root: manifest, component {name:?}, {:?}: {defect}", place.field);
        defects += 1;
    });
    if defects > 0 {
        return Err(RootError::Defects(defects));
    }
    Err(Supervisor::new(init, resources, manifest)?.run().into())
}
