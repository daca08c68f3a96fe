//! Random system calls with random arguments: those of known calls by what they are, others anyhow.

use core::sync::atomic::{AtomicU64, Ordering};

use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{self, call};

/// Memory that the arguments point into.
const ROOM: usize = 64 << 10;
/// Numbers beyond all that there are.
const NUMBERS: u64 = 470;
/// How seldom a call is made that waits, or ends the caller, or doubles it.
const RARE: u64 = 64;

/// Paths that are worth a try.
const PATHS: [&[u8]; 16] = [
    b".\0",
    b"a\0",
    b"b\0",
    b"d/c\0",
    b"d\0",
    b"..\0",
    b"/proc/self/mem\0",
    b"/proc/self/fd/3\0",
    b"/dev/ptmx\0",
    b"/dev/zero\0",
    b"/dev/tty\0",
    b"/tmp/x\0",
    b"/\0",
    b"\0",
    b"/proc/1/status\0",
    b"/proc/self/exe\0",
];

/// Calls that are made seldom: they wait, or leave no caller, or too many.
const SELDOM: &[u32] = &[
    linux::__NR_pause,
    linux::__NR_nanosleep,
    linux::__NR_clock_nanosleep,
    linux::__NR_select,
    linux::__NR_pselect6,
    linux::__NR_poll,
    linux::__NR_ppoll,
    linux::__NR_epoll_wait,
    linux::__NR_epoll_pwait,
    linux::__NR_futex,
    linux::__NR_wait4,
    linux::__NR_waitid,
    linux::__NR_rt_sigsuspend,
    linux::__NR_rt_sigtimedwait,
    linux::__NR_flock,
    linux::__NR_accept,
    linux::__NR_accept4,
    linux::__NR_exit,
    linux::__NR_exit_group,
    linux::__NR_execve,
    linux::__NR_execveat,
    linux::__NR_rt_sigreturn,
    linux::__NR_kill,
    linux::__NR_tkill,
    linux::__NR_tgkill,
    linux::__NR_fork,
    linux::__NR_vfork,
    linux::__NR_clone,
    linux::__NR_clone3,
    linux::__NR_alarm,
    linux::__NR_setitimer,
    linux::__NR_munmap,
    linux::__NR_sync,
    linux::__NR_fsync,
    linux::__NR_fdatasync,
    linux::__NR_syncfs,
];

/// Calls by the kinds of their arguments: d descriptor, p pointer, s path, n length, i small number, f flags, g signal,
/// a address of a mapping, o protection.
const TYPED: &[(u32, &[u8])] = &[
    (linux::__NR_read, b"dpn"),
    (linux::__NR_write, b"dpn"),
    (linux::__NR_open, b"sfi"),
    (linux::__NR_openat, b"dsfi"),
    (linux::__NR_close, b"d"),
    (linux::__NR_stat, b"sp"),
    (linux::__NR_fstat, b"dp"),
    (linux::__NR_lseek, b"dni"),
    (linux::__NR_mmap, b"anofdn"),
    (linux::__NR_mprotect, b"ano"),
    (linux::__NR_munmap, b"an"),
    (linux::__NR_mremap, b"annfa"),
    (linux::__NR_madvise, b"ani"),
    (linux::__NR_msync, b"anf"),
    (linux::__NR_brk, b"a"),
    (linux::__NR_rt_sigaction, b"gppi"),
    (linux::__NR_rt_sigprocmask, b"ippi"),
    (linux::__NR_sigaltstack, b"pp"),
    (linux::__NR_ioctl, b"dfp"),
    (linux::__NR_pread64, b"dpnn"),
    (linux::__NR_pwrite64, b"dpnn"),
    (linux::__NR_readv, b"dpi"),
    (linux::__NR_writev, b"dpi"),
    (linux::__NR_pipe2, b"pf"),
    (linux::__NR_dup, b"d"),
    (linux::__NR_dup2, b"dd"),
    (linux::__NR_dup3, b"ddf"),
    (linux::__NR_fcntl, b"dip"),
    (linux::__NR_ftruncate, b"dn"),
    (linux::__NR_fallocate, b"dinn"),
    (linux::__NR_getdents64, b"dpn"),
    (linux::__NR_mkdir, b"si"),
    (linux::__NR_rmdir, b"s"),
    (linux::__NR_link, b"ss"),
    (linux::__NR_symlink, b"ss"),
    (linux::__NR_unlink, b"s"),
    (linux::__NR_rename, b"ss"),
    (linux::__NR_renameat2, b"dsdsf"),
    (linux::__NR_chmod, b"si"),
    (linux::__NR_chdir, b"s"),
    (linux::__NR_readlink, b"spn"),
    (linux::__NR_utimensat, b"dspf"),
    (linux::__NR_mknodat, b"dsfi"),
    (linux::__NR_statx, b"dsffp"),
    (linux::__NR_socket, b"iii"),
    (linux::__NR_socketpair, b"iiip"),
    (linux::__NR_bind, b"dpn"),
    (linux::__NR_connect, b"dpn"),
    (linux::__NR_listen, b"di"),
    (linux::__NR_sendmsg, b"dpf"),
    (linux::__NR_recvmsg, b"dpf"),
    (linux::__NR_sendto, b"dpnfpn"),
    (linux::__NR_shutdown, b"di"),
    (linux::__NR_setsockopt, b"diipn"),
    (linux::__NR_getsockopt, b"diipp"),
    (linux::__NR_epoll_create1, b"f"),
    (linux::__NR_epoll_ctl, b"didp"),
    (linux::__NR_eventfd2, b"if"),
    (linux::__NR_sendfile, b"ddpn"),
    (linux::__NR_copy_file_range, b"dpdpnf"),
    (linux::__NR_futex, b"piippi"),
    (linux::__NR_prctl, b"ipppp"),
    (linux::__NR_arch_prctl, b"ip"),
    (linux::__NR_set_robust_list, b"pn"),
    (linux::__NR_prlimit64, b"iipp"),
    (linux::__NR_umask, b"i"),
    (linux::__NR_getrandom, b"pnf"),
    (linux::__NR_setpgid, b"ii"),
    (linux::__NR_clone, b"fpppp"),
    (linux::__NR_execve, b"spp"),
    (linux::__NR_kill, b"ig"),
    (linux::__NR_tgkill, b"iig"),
    (linux::__NR_timerfd_create, b"if"),
    (linux::__NR_timerfd_settime, b"dipp"),
    (linux::__NR_timer_create, b"ipp"),
    (linux::__NR_timer_settime, b"iipp"),
    (linux::__NR_process_vm_readv, b"ipipii"),
    (linux::__NR_signalfd4, b"dpif"),
    (linux::__NR_close_range, b"ddf"),
    (linux::__NR_set_tid_address, b"p"),
    (linux::__NR_getcwd, b"pn"),
];

/// Makes calls until one of them ends the process; `count` counts them.
pub fn attack(seed: u64, count: &AtomicU64) -> ! {
    // Nothing is behind it, so that what reaches over its end is noticed.
    let protection = linux::PROT_READ | linux::PROT_WRITE;
    let room = raw::map(ROOM + 4096, protection, linux::MAP_PRIVATE) as usize;
    raw::call2(linux::__NR_munmap, room + ROOM, 4096);
    let mut random = Random::new(seed);
    let mut caller = crate::process_number();
    loop {
        scribble(&mut random, room);
        for _ in 0..64 {
            let (number, arguments) = choose(&mut random, room);
            if SELDOM.contains(&number) && !random.once_in(RARE) {
                continue;
            }
            count.fetch_add(1, Ordering::Relaxed);
            call(number, arguments);
        }
        // A child goes its own ways.
        let now = crate::process_number();
        if core::mem::replace(&mut caller, now) != now {
            random = Random::new(seed ^ (now as u64) << 32);
        }
    }
}

fn choose(random: &mut Random, room: usize) -> (u32, [usize; 6]) {
    let mut arguments = [0; 6];
    if random.once_in(4) {
        for argument in &mut arguments {
            let kinds = b"dpsnifgao";
            let kind = kinds[random.below(kinds.len() as u64) as usize];
            *argument = of_kind(random, room, kind);
        }
        return (random.below(NUMBERS) as u32, arguments);
    }
    let (number, kinds) = TYPED[random.below(TYPED.len() as u64) as usize];
    for (argument, kind) in arguments.iter_mut().zip(kinds) {
        // Now and then an argument of another kind.
        let kind = if random.once_in(16) { b'p' } else { *kind };
        *argument = of_kind(random, room, kind);
    }
    (number, arguments)
}

fn of_kind(random: &mut Random, room: usize, kind: u8) -> usize {
    let pages = (ROOM / 4096) as u64;
    match kind {
        b'd' => match random.below(8) {
            0 => -100_i64 as usize,
            1 => random.next() as usize,
            _ => random.below(32) as usize,
        },
        b'p' => match random.below(12) {
            0 => 0,
            1 => random.next() as usize,
            2 => 0xffff_8000_0000_0000 + random.below(1 << 40) as usize,
            3 => 0x7fff_ffff_f000 - random.below(16) as usize,
            4 => room + ROOM - random.below(64) as usize,
            5 => 0x40_0000 + random.below(1 << 16) as usize,
            _ => room + random.below(ROOM as u64 - 512) as usize,
        },
        b's' => room + random.below(PATHS.len() as u64) as usize * 32,
        b'n' => match random.below(8) {
            0 => random.next() as usize,
            1 => usize::MAX - random.below(8192) as usize,
            2 => random.below(1 << 32) as usize,
            3 | 4 => 4096 * random.below(64) as usize,
            _ => random.below(512) as usize,
        },
        b'i' => random.below(24) as usize,
        b'g' => random.below(66) as usize,
        b'a' => room + 4096 * random.below(2 * pages) as usize,
        b'o' => random.below(8) as usize,
        _ => match random.below(4) {
            0 => random.next() as u32 as usize,
            1 => 1 << random.below(32),
            2 => (1 << random.below(20)) | (1 << random.below(20)),
            _ => 0x5400 + random.below(64) as usize,
        },
    }
}

/// Fills the room with paths, and with words that are numbers, pointers and descriptors.
fn scribble(random: &mut Random, room: usize) {
    for (index, path) in PATHS.iter().enumerate() {
        for (at, byte) in path.iter().enumerate() {
            raw::poke(room + index * 32 + at, *byte);
        }
    }
    for _ in 0..32 {
        let at = room + 1024 + 8 * random.below((ROOM as u64 - 1024) / 8) as usize;
        let kinds = b"dpni";
        let kind = kinds[random.below(4) as usize];
        let word = of_kind(random, room, kind);
        raw::poke_word(at, word);
    }
}
