//! Files: for now, the console.

use koito::services::TEXT_BYTES;
use koito_linux::Errno;
use nun::service::String;

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Writes to standard output and standard error.
pub fn write(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, from, length, ..] = arguments;
    if file != 1 && file != 2 {
        return Err(Errno::EBADF.into());
    }
    let length = length.min(4096) as usize;
    let bytes = server.read_bytes(task, from, length)?;
    for text in bytes.utf8_chunks() {
        let mut piece = String::<TEXT_BYTES>::new();
        for character in text.valid().chars() {
            if piece.push(character).is_err() {
                let _ = server.console.write(core::mem::take(&mut piece));
                let _ = piece.push(character);
            }
        }
        let _ = server.console.write(piece);
    }
    Ok(length as u64)
}

/// Writes several pieces.
pub fn writev(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, vector, count, ..] = arguments;
    let mut done = 0;
    for index in 0..count.min(1024) {
        let [from, length] = server.read_words(task, vector.wrapping_add(index * 16))?;
        done += write(server, task, &[file, from, length, 0, 0, 0])?;
    }
    Ok(done)
}
