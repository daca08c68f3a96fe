//! Hashes of names, which order the index of a directory (`fs/ext4/hash.c` defines them by what
//! existing images contain): legacy, half of MD4, and TEA, over signed or unsigned bytes.

/// Hash of a name, and what orders names with the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash {
    /// The key in the index. Its lowest bit is clear: there it says that a block continues one
    /// hash of the block before.
    pub major: u32,
    /// Orders names with the same key.
    pub minor: u32,
}

/// How a directory's names are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hasher {
    /// 0 legacy, 1 half MD4, 2 TEA.
    pub version: u8,
    /// Bytes of names are unsigned.
    pub unsigned: bool,
    /// Secret of the file system, so that nobody can make names collide.
    pub seed: [u32; 4],
}

/// Values that the registers start with if the seed is zero.
const DEFAULT_SEED: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The key that marks the end of a listing.
const END: u32 = 0x7fff_ffff << 1;

impl Hasher {
    /// Hash of `name`.
    pub fn hash(&self, name: &[u8]) -> Hash {
        let mut state = if self.seed == [0; 4] { DEFAULT_SEED } else { self.seed };
        let (major, minor) = match self.version {
            1 => {
                for chunk in chunks(name, 32) {
                    half_md4(&mut state, &self.words::<8>(chunk));
                }
                (state[1], state[2])
            }
            2 => {
                for chunk in chunks(name, 16) {
                    tea(&mut state, &self.words::<4>(chunk));
                }
                (state[0], state[1])
            }
            _ => (self.legacy(name), 0),
        };
        let major = major & !1;
        Hash { major: if major == END { END - 2 } else { major }, minor }
    }

    fn byte(&self, byte: u8) -> u32 {
        if self.unsigned { byte.into() } else { byte as i8 as u32 }
    }

    /// The first `4 * N` bytes of `chunk` as words, filled up with its length.
    fn words<const N: usize>(&self, chunk: &[u8]) -> [u32; N] {
        let length = chunk.len() as u32;
        let length = length | length << 8;
        let filler = length | length << 16;
        core::array::from_fn(|at| {
            let bytes = chunk.get(4 * at..).unwrap_or_default();
            bytes.iter().take(4).fold(filler, |word, byte| self.byte(*byte).wrapping_add(word << 8))
        })
    }

    fn legacy(&self, name: &[u8]) -> u32 {
        let (mut newer, mut older) = (0x12a3_fe2d_u32, 0x37ab_e8f9_u32);
        for byte in name {
            let mixed = older.wrapping_add(newer ^ self.byte(*byte).wrapping_mul(7_152_373));
            let folded = if mixed >> 31 == 1 { mixed.wrapping_sub(0x7fff_ffff) } else { mixed };
            (older, newer) = (newer, folded);
        }
        newer << 1
    }
}

/// The pieces of a name; the empty name has none. Each filler word depends on all that is left, so
/// a piece reaches to the end of the name.
fn chunks(name: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    (0..name.len()).step_by(size).map(|start| &name[start..])
}

fn half_md4(state: &mut [u32; 4], input: &[u32; 8]) {
    fn round(
        state: &mut [u32; 4],
        mix: impl Fn(u32, u32, u32) -> u32,
        constant: u32,
        input: [u32; 8],
        shifts: [u32; 4],
    ) {
        for (step, word) in input.into_iter().enumerate() {
            // The registers take turns: a, d, c, b.
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| (8 - step + at) % 4);
            let sum = state[a]
                .wrapping_add(mix(state[b], state[c], state[d]))
                .wrapping_add(word)
                .wrapping_add(constant);
            state[a] = sum.rotate_left(shifts[step % 4]);
        }
    }
    let before = *state;
    let pick = |order: [usize; 8]| order.map(|at| input[at]);
    round(state, |x, y, z| z ^ (x & (y ^ z)), 0, *input, [3, 7, 11, 19]);
    round(
        state,
        |x, y, z| (x & y).wrapping_add((x ^ y) & z),
        0x5a82_7999,
        pick([1, 3, 5, 7, 0, 2, 4, 6]),
        [3, 5, 9, 13],
    );
    round(state, |x, y, z| x ^ y ^ z, 0x6ed9_eba1, pick([3, 7, 2, 6, 1, 5, 0, 4]), [3, 9, 11, 15]);
    for (now, before) in state.iter_mut().zip(before) {
        *now = now.wrapping_add(before);
    }
}

fn tea(state: &mut [u32; 4], key: &[u32; 4]) {
    let (mut left, mut right) = (state[0], state[1]);
    let mut sum = 0_u32;
    let half = |value: u32, sum: u32, a: u32, b: u32| {
        (value << 4).wrapping_add(a) ^ value.wrapping_add(sum) ^ (value >> 5).wrapping_add(b)
    };
    for _ in 0..16 {
        sum = sum.wrapping_add(0x9e37_79b9);
        left = left.wrapping_add(half(right, sum, key[0], key[1]));
        right = right.wrapping_add(half(left, sum, key[2], key[3]));
    }
    state[0] = state[0].wrapping_add(left);
    state[1] = state[1].wrapping_add(right);
}
