//! Files: a disk that is filled to the brim, files that are cut while they are mapped, folders without bottom, links
//! that lead in circles, names that are taken away from under whoever uses them.

use a9n_linux_programs::system::{close, ftruncate, open, unlink, write};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, call2, poke};

/// Names that attackers fight for.
const NAMES: [&core::ffi::CStr; 6] = [c"a", c"b", c"c", c"a/b", c"c/a", c"b/c/a"];
/// Bytes of a piece of the disk.
const PIECE: usize = 256 << 10;
/// How deep folders go.
const DEPTH: usize = 300;

/// Does one of these things after the other.
pub fn attack(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        match random.below(16) {
            0 => fill(&mut random),
            1 => sink(),
            2..6 => cut(&mut random),
            _ => rename(&mut random),
        }
    }
}

/// Writes until there is no room, and leaves that as it is or takes it back.
fn fill(random: &mut Random) {
    let bytes = [0xaa; 16 << 10];
    let file = open(c"large", linux::O_RDWR | linux::O_CREAT | linux::O_APPEND);
    for _ in 0..256 {
        if write(file, &bytes) <= 0 {
            break;
        }
    }
    if random.once_in(2) {
        call2(linux::__NR_fsync, file as usize, 0);
    }
    if random.once_in(8) {
        ftruncate(file, random.below(1 << 40) as usize);
    }
    close(file);
    if random.once_in(4) {
        unlink(c"large");
    }
}

/// Folders in folders, in which one goes on.
fn sink() {
    for _ in 0..DEPTH {
        call2(linux::__NR_mkdir, c"deep".as_ptr() as usize, 0o777);
        if call2(linux::__NR_chdir, c"deep".as_ptr() as usize, 0) != 0 {
            break;
        }
    }
    let mut path = [0_u8; 4096];
    call2(linux::__NR_getcwd, path.as_mut_ptr() as usize, path.len());
    for _ in 0..DEPTH {
        call2(linux::__NR_chdir, c"..".as_ptr() as usize, 0);
        if call2(linux::__NR_rmdir, c"deep".as_ptr() as usize, 0) != 0 {
            break;
        }
    }
    call2(linux::__NR_chdir, c"/home/attacker".as_ptr() as usize, 0);
}

/// Maps a file, cuts it, grows it, and writes to what is left of it: where nothing is, this ends the process.
fn cut(random: &mut Random) {
    let file = open(NAMES[random.below(3) as usize], linux::O_RDWR | linux::O_CREAT);
    if file < 0 {
        return;
    }
    let sizes = [0, 4096, 4097, PIECE, 1 << 40, i64::MAX as usize];
    ftruncate(file, sizes[3 + random.below(2) as usize]);
    let protection = (linux::PROT_READ | linux::PROT_WRITE) as usize;
    let offset =
        4096 * if random.once_in(4) { random.next() >> random.below(64) } else { 0 } as usize;
    let flags = [linux::MAP_SHARED, linux::MAP_PRIVATE][random.below(2) as usize] as usize;
    let start = call(linux::__NR_mmap, [0, PIECE, protection, flags, file as usize, offset]);
    for _ in 0..random.below(64) {
        if start > 0 && random.once_in(2) {
            poke(start as usize + random.below(PIECE as u64) as usize, 7);
        }
        if random.once_in(8) {
            ftruncate(file, sizes[random.below(6) as usize]);
        }
        if random.once_in(16) {
            let at = sizes[random.below(6) as usize] - random.below(2) as usize;
            call(linux::__NR_pwrite64, [file as usize, start as usize, 9000, at, 0, 0]);
        }
    }
    close(file);
    if random.once_in(2) {
        call2(linux::__NR_munmap, start as usize, PIECE);
    }
}

fn rename(random: &mut Random) {
    let [one, other] = [0, 1].map(|_| NAMES[random.below(6) as usize].as_ptr() as usize);
    let at = linux::AT_FDCWD as usize;
    match random.below(9) {
        0 => call2(linux::__NR_mkdir, one, 0o777),
        1 => call2(linux::__NR_rmdir, one, 0),
        2 => call2(linux::__NR_unlink, one, 0),
        3 => call2(linux::__NR_link, one, other),
        4 => call2(linux::__NR_symlink, one, other),
        5 => call(linux::__NR_mknodat, [at, one, linux::S_IFIFO as usize | 0o666, 0, 0, 0]),
        6 => call2(linux::__NR_chmod, one, random.below(0o10000) as usize),
        _ => call(linux::__NR_renameat2, [at, one, at, other, random.below(4) as usize, 0]),
    };
}
