//! Short ways to read and write, where nobody is concerned but the caller, the file and who waits at it:
//! devices that are nothing but a rule, and what a pipe moves at once.
//!
//! They do what the long way in `files` does, without what only other files need: credentials, the time, a
//! look at everything that a write may bring about.

use koito_linux::Errno;
use koito_posix_core::Protection;
use koito_vfs::{Device, FileId, Object};

use super::files::MOST_BYTES;
use crate::buffer::Buffer;
use crate::call::{Answer, Stop};
use crate::machine::Mapping;
use crate::server::{Server, TaskKey};

/// Most bytes that go the short way through a pipe: they are moved at once or not at all.
const MOST_PIPED: u64 = 4096;

impl Server {
    /// Reads up to `bytes` bytes to `address`; `None` if that takes the long way.
    pub fn read_shortly(
        &mut self,
        task: TaskKey,
        file: FileId,
        (address, bytes): (u64, u64),
    ) -> Option<Answer> {
        match self.world.vfs.object(file) {
            Object::Device(Device::Zero) if self.world.vfs.flags(file).reads() => {
                Some(self.clear(task, address, bytes.min(MOST_BYTES)))
            }
            Object::Pipe(..) if (1..=MOST_PIPED).contains(&bytes) => {
                let mut buffer = Buffer::default();
                let place = (address, bytes);
                if let Err(errno) = self.fill_buffer(&mut buffer, task, place, Protection::WRITE) {
                    return Some(Err(errno.into()));
                }
                let done = self.world.vfs.read_end(file, &mut buffer)?;
                Some(self.piped(task, done))
            }
            _ => None,
        }
    }

    /// Writes `bytes` bytes from `address`; `None` if that takes the long way.
    pub fn write_shortly(
        &mut self,
        task: TaskKey,
        file: FileId,
        (address, bytes): (u64, u64),
    ) -> Option<Answer> {
        match self.world.vfs.object(file) {
            Object::Device(Device::Null | Device::Zero) if self.world.vfs.flags(file).writes() => {
                // Nobody looks at what is there.
                let end = address.checked_add(bytes);
                Some(match end.filter(|end| *end <= Mapping::END) {
                    Some(_) => Ok(bytes.min(MOST_BYTES)),
                    None => Err(Errno::EFAULT.into()),
                })
            }
            Object::Pipe(..) if (1..=MOST_PIPED).contains(&bytes) => {
                let mut buffer = Buffer::default();
                let place = (address, bytes);
                if let Err(errno) = self.fill_buffer(&mut buffer, task, place, Protection::READ) {
                    return Some(Err(errno.into()));
                }
                let done = self.world.vfs.write_end(file, &mut buffer)?;
                let answer = self.piped(task, done);
                if answer == Err(Stop::Error(Errno::EPIPE)) {
                    self.broken_pipe(task);
                }
                Some(answer)
            }
            _ => None,
        }
    }

    /// What a call answers that moved something through a pipe; who waited there may go on.
    fn piped(&mut self, task: TaskKey, done: koito_vfs::Result<usize>) -> Answer {
        self.settle_woken();
        match done {
            Ok(count) => Ok(count as u64),
            Err(koito_vfs::Stop::Wait(queue)) => Err(self.wait_in(task, queue)),
            Err(stop) => Err(self.stop_at(task, stop)),
        }
    }

    /// Writes zeros to a stretch of the caller's memory, or its start.
    fn clear(&mut self, task: TaskKey, address: u64, bytes: u64) -> Answer {
        let space = self.process_of(task).space;
        let (mut done, place) = (0, (address, bytes as usize));
        let came =
            self.spaces[space].go_through(&mut self.world, place, Protection::WRITE, |part, at| {
                part.clear();
                done = at + part.bytes();
            });
        match came {
            Err(errno) if done == 0 => Err(errno.into()),
            _ => Ok(done as u64),
        }
    }
}
