//! Devices that are nothing but a rule: `/dev/null` and its kin.

use koito_linux::Errno;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::buffer::{Source, Target};
use crate::inode::{Attributes, Body, Kind, Time};
use crate::page::Pages;
use crate::stop::{Result, fail};
use crate::vfs::{Context, Vfs};
use crate::walk::Last;

/// Bytes that are made up in one call.
const MOST: usize = 256 << 10;

/// A device without state of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Is empty and takes everything.
    Null,
    /// Is full of zeros and takes everything.
    Zero,
    /// Is full of zeros and takes nothing.
    Full,
    /// Is random.
    Random,
}

/// The nodes of `/dev`: name, major and minor number, permissions.
const NODES: &[(&[u8], (u32, u32), u16)] = &[
    (b"null", (1, 3), 0o666),
    (b"zero", (1, 5), 0o666),
    (b"full", (1, 7), 0o666),
    (b"random", (1, 8), 0o666),
    (b"urandom", (1, 9), 0o666),
    (b"tty", (5, 0), 0o666),
    (b"console", (5, 1), 0o600),
    (b"ptmx", (5, 2), 0o666),
    (b"tty1", (4, 1), 0o620),
    (b"ttyS0", (4, 64), 0o620),
    (b"ttyS1", (4, 65), 0o620),
    (b"ttyS2", (4, 66), 0o620),
];

/// The links of `/dev`, and where they lead.
const LINKS: &[(&[u8], &[u8])] = &[
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
];

impl Device {
    /// The device with these numbers, unless it is a terminal, or none.
    pub(crate) const fn new(numbers: (u32, u32)) -> Option<Self> {
        Some(match numbers {
            (1, 3) => Self::Null,
            (1, 5) => Self::Zero,
            (1, 7) => Self::Full,
            (1, 8 | 9) => Self::Random,
            _ => return None,
        })
    }
}

impl<P: Pages> Vfs<P> {
    /// Mounts `/dev` on a directory, with `pts` and `shm` in it.
    pub fn mount_devices(
        &mut self,
        context: &Context<'_>,
        at: crate::dentry::DentryId,
    ) -> Result<()> {
        self.mount_memory(at, "devtmpfs", 0o755);
        let root = self.top(at);
        let now = Time::default();
        for (name, device, permissions) in NODES {
            let mut attributes = Attributes::new(Kind::CharacterDevice, *permissions, (0, 0), now);
            attributes.device = *device;
            self.add_entry(root, name, attributes, Body::Plain);
        }
        for (name, target) in LINKS {
            let mut attributes = Attributes::new(Kind::Link, 0o777, (0, 0), now);
            attributes.size = target.len() as u64;
            self.add_entry(root, name, attributes, Body::Link(Some(target.to_vec())));
        }
        for (name, called, permissions) in [(b"pts", "devpts", 0o755), (b"shm", "tmpfs", 0o1777)] {
            self.make_directory(context, root, name, 0o755)?;
            let directory = self.find(context, root, name, Last::Follow)?;
            self.mount_memory(directory, called, permissions);
        }
        Ok(())
    }

    /// What random numbers come from, from now on.
    pub fn seed(&mut self, seed: [u8; 32]) {
        self.random = ChaCha20Rng::from_seed(seed);
    }

    /// Fills `bytes` with random numbers.
    pub fn random_bytes(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    pub(crate) fn read_device(&mut self, device: Device, target: &mut dyn Target) -> Result<usize> {
        if device == Device::Null {
            return Ok(0);
        }
        let length = target.room().min(MOST);
        let mut bytes = [0; 512];
        let mut done = 0;
        while done < length {
            let now = (length - done).min(bytes.len());
            if device == Device::Random {
                self.random.fill_bytes(&mut bytes[..now]);
            }
            match target.put(&bytes[..now]) {
                Err(_) if done > 0 => break,
                put => put?,
            }
            done += now;
        }
        Ok(done)
    }

    pub(crate) fn write_device(
        &mut self,
        device: Device,
        source: &mut dyn Source,
    ) -> Result<usize> {
        match device {
            Device::Full => fail(Errno::ENOSPC),
            _ => Ok(source.left()),
        }
    }
}
