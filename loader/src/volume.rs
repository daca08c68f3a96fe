//! The volume that the loader was started from.

use alloc::vec::Vec;

use a9n_loader_core::hand_over::{Volume, VolumeError};
use uefi::{
    CStr16, Status, boot,
    proto::media::file::{Directory, File, FileAttribute, FileInfo, FileMode, RegularFile},
};

use crate::failure::Failure;

/// Bytes read at once: some firmware fails on more.
const CHUNK_BYTES: usize = 1 << 20;

/// Longest path that can be opened, in UTF-16 units with the terminator.
const PATH_UNITS: usize = 128;

/// The volume that the loader was started from.
pub struct BootVolume {
    root: Directory,
}

impl BootVolume {
    /// Opens it.
    pub fn open() -> Result<Self, Failure> {
        let mut system =
            boot::get_image_file_system(boot::image_handle()).map_err(Failure::Volume)?;
        Ok(Self { root: system.open_volume().map_err(Failure::Volume)? })
    }

    /// Opens a file and tells its length.
    fn file(&mut self, path: &str) -> Result<(RegularFile, u64), VolumeError> {
        let mut units = [0; PATH_UNITS];
        let mut text = [0; PATH_UNITS * 3];
        let text = text.get_mut(..path.len()).ok_or(VolumeError::NotAFile)?;
        for (place, byte) in text.iter_mut().zip(path.bytes()) {
            *place = if byte == b'/' { b'\\' } else { byte };
        }
        let text = core::str::from_utf8(text).map_err(|_| VolumeError::NotAFile)?;
        let name =
            CStr16::from_str_with_buf(text, &mut units).map_err(|_| VolumeError::NotAFile)?;
        let file = self.root.open(name, FileMode::Read, FileAttribute::empty());
        let file = file.map_err(|error| match error.status() {
            Status::NOT_FOUND => VolumeError::NotFound,
            _ => VolumeError::Device,
        })?;
        let mut file = file.into_regular_file().ok_or(VolumeError::NotAFile)?;
        let info = file.get_boxed_info::<FileInfo>().map_err(|_| VolumeError::Device)?;
        Ok((file, info.file_size()))
    }
}

impl Volume for BootVolume {
    type File<'f> = Vec<u8>;

    fn bytes(&mut self, path: &str) -> Result<u64, VolumeError> {
        self.file(path).map(|(_, bytes)| bytes)
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, VolumeError> {
        let (mut file, bytes) = self.file(path)?;
        let bytes = usize::try_from(bytes).map_err(|_| VolumeError::TooLong)?;
        let mut contents = Vec::new();
        contents.try_reserve_exact(bytes).map_err(|_| VolumeError::TooLong)?;
        contents.resize(bytes, 0);
        for chunk in contents.chunks_mut(CHUNK_BYTES) {
            match file.read(chunk) {
                Ok(read) if read == chunk.len() => {}
                _ => return Err(VolumeError::Device),
            }
        }
        Ok(contents)
    }
}
