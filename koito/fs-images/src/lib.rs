//! Small ext4 images for tests and fuzzing, so that these need no `mke2fs`.
//!
//! An image is mostly zeros. Packed, it is its length, then for each run of other bytes its offset,
//! its length and the bytes; numbers are 32-bit little-endian. `a9n-power-cut images` makes
//! all of them.

#![forbid(unsafe_code)]

/// Blocks of 4096 bytes, everything protected by checksums, as `mke2fs -t ext4` makes it; 8 MiB.
pub const USUAL: &[u8] = include_bytes!("../images/usual.packed");
/// Blocks of 1024 bytes and no checksums, so that damage is not noticed by them; 4 MiB, with a few
/// files, an indexed directory, and extents in more than one level.
pub const BARE: &[u8] = include_bytes!("../images/bare.packed");
/// As [`BARE`], with a journal that has to be replayed.
pub const UNCLEAN: &[u8] = include_bytes!("../images/unclean.packed");

/// Runs of zeros that are shorter do not end a run of bytes.
const SHORTEST_GAP: usize = 16;

fn number(packed: &[u8], at: usize) -> Option<usize> {
    let bytes = packed.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
}

/// The image that was packed; `None` if `packed` is not what [`pack`] makes.
pub fn expand(packed: &[u8]) -> Option<Vec<u8>> {
    let mut image = vec![0; number(packed, 0)?];
    let mut at = 4;
    while at < packed.len() {
        let (offset, length) = (number(packed, at)?, number(packed, at + 4)?);
        let bytes = packed.get(at + 8..at + 8 + length)?;
        image.get_mut(offset..offset + length)?.copy_from_slice(bytes);
        at += 8 + length;
    }
    Some(image)
}

/// Packs an image of less than 4 GiB.
pub fn pack(image: &[u8]) -> Vec<u8> {
    let mut packed = (image.len() as u32).to_le_bytes().to_vec();
    let mut at = 0;
    while let Some(skipped) = image[at..].iter().position(|byte| *byte != 0) {
        let start = at + skipped;
        let mut end = start;
        while let Some(next) = image[end..].iter().position(|byte| *byte != 0) {
            if next > SHORTEST_GAP {
                break;
            }
            end += next + 1;
        }
        packed.extend((start as u32).to_le_bytes());
        packed.extend(((end - start) as u32).to_le_bytes());
        packed.extend(&image[start..end]);
        at = end;
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut image = vec![0; 5000];
        image[0] = 1;
        image[100..150].fill(7);
        image[152] = 9;
        image[4999] = 3;
        assert_eq!(expand(&pack(&image)), Some(image));
        assert_eq!(expand(&pack(&[0; 10])), Some(vec![0; 10]));
    }

    #[test]
    fn the_images_are_file_systems() {
        for packed in [USUAL, BARE, UNCLEAN] {
            let image = expand(packed).expect("a packed image");
            assert_eq!(image[1080..1082], [0x53, 0xef]);
        }
    }
}
