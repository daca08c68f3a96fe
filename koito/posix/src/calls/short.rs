//! Short ways to read and write, where nobody is concerned but the caller, the file and who waits at it:
//! devices that are nothing but a rule, what a pipe moves at once, a page or so of a file that is in memory.
//!
//! They do what the long way in `files` does, without what only other files need: credentials, a look at
//! everything that a write may bring about. Who has to wait for the file server takes the long way.

use koito_linux::Errno;
use koito_posix_core::{Protection, USER_END};
use koito_vfs::{Device, FileId, Object, Target};

use super::files::{MOST_BYTES, ON_ONE_TURN};
use crate::buffer::Buffer;
use crate::call::{Answer, Stop};
use crate::files::file_time;
use crate::server::{Server, TaskKey, World};

/// Most bytes that go the short way: a pipe moves them at once or not at all.
const MOST_SHORT: u64 = 4096;

impl Server {
    /// Reads up to `bytes` bytes to `address`, at an offset or where the file stands; `None` if that takes the
    /// long way.
    pub fn read_shortly(
        &mut self,
        task: TaskKey,
        file: FileId,
        offset: Option<u64>,
        (address, bytes): (u64, u64),
    ) -> Option<Answer> {
        match self.world.vfs.object(file) {
            Object::Device(Device::Zero)
                if self.world.vfs.flags(file).reads() && bytes <= ON_ONE_TURN =>
            {
                Some(self.clear(task, address, bytes))
            }
            Object::Pipe(..) if offset.is_none() && (1..=MOST_SHORT).contains(&bytes) => {
                let place = (address, bytes);
                self.through_buffer(task, place, Protection::WRITE, |server, buffer| {
                    let done = server.world.vfs.read_end(file, buffer)?;
                    Some(server.piped(task, done))
                })
            }
            // What was moved before it had to wait is on the long way.
            Object::File(_) if (1..=MOST_SHORT).contains(&bytes) && self.tasks[task].moved == 0 => {
                let place = (address, bytes);
                self.through_buffer(task, place, Protection::WRITE, |server, buffer| {
                    let now = file_time(server.clock.real());
                    let done = server.world.vfs.read_regular(now, file, offset, buffer)?;
                    server.see_to_write_back();
                    server.read_now(done)
                })
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
                Some(match end.filter(|end| *end <= USER_END) {
                    Some(_) => Ok(bytes.min(MOST_BYTES)),
                    None => Err(Errno::EFAULT.into()),
                })
            }
            Object::Pipe(..) if (1..=MOST_SHORT).contains(&bytes) => {
                let place = (address, bytes);
                self.through_buffer(task, place, Protection::READ, |server, buffer| {
                    let done = server.world.vfs.write_end(file, buffer)?;
                    let answer = server.piped(task, done);
                    if answer == Err(Stop::Error(Errno::EPIPE)) {
                        server.broken_pipe(task);
                    }
                    Some(answer)
                })
            }
            _ => None,
        }
    }

    /// Does `work` with a stretch of the caller's memory; `None` if not all of it is there at once.
    fn through_buffer(
        &mut self,
        task: TaskKey,
        place: (u64, u64),
        tried: Protection,
        work: impl FnOnce(&mut Self, &mut Buffer) -> Option<Answer>,
    ) -> Option<Answer> {
        let mut buffer = Buffer::over(core::mem::take(&mut self.room));
        let answer = match self.fill_buffer(&mut buffer, task, place, tried) {
            Ok(()) if (buffer.room() as u64) < place.1 => None,
            Ok(()) => work(self, &mut buffer),
            Err(errno) => Some(Err(errno.into())),
        };
        self.room = buffer.into_room();
        answer
    }

    /// What a call answers that reads a file; `None` if the file server was asked, and it is to be tried again.
    fn read_now(&mut self, done: koito_vfs::Result<usize>) -> Option<Answer> {
        let World { vfs, disk, acting, finished, .. } = &mut self.world;
        *finished = None;
        Some(match done {
            Ok(count) => Ok(count as u64),
            Err(koito_vfs::Stop::Fetch(request)) => match disk.ask(vfs, request, acting) {
                Ok(Some(_)) => return None,
                // The call is made again, whatever it makes of this.
                Ok(None) => Err(Errno::EAGAIN.into()),
                Err(errno) => Err(errno.into()),
            },
            Err(stop) => Err(match stop {
                koito_vfs::Stop::Error(errno) => errno.into(),
                _ => Errno::EIO.into(),
            }),
        })
    }

    /// What a call answers that moved something through a pipe; who waited there may go on.
    fn piped(&mut self, task: TaskKey, done: koito_vfs::Result<usize>) -> Answer {
        self.wake_woken();
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
