//! The table of system calls, from which dispatch and manual are made.

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All that programs can tell from Linux.
    Full,
    /// What programs use of it most; the rest is an error.
    Partial,
    /// Nothing: *function not implemented*. It is counted who asks.
    Missing,
}

/// A system call.
#[derive(Clone, Copy, Debug)]
pub struct SystemCall {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// How much of it is there.
    pub state: State,
}

/// Hands the table to the macro named by its argument: number, name, state and, unless it is missing,
/// the handler of each call.
#[macro_export]
macro_rules! system_calls {
    ($callback:ident) => {
        $callback! {
            0 read Full files::read;
            1 write Full files::write;
            2 open Full paths::open;
            3 close Full descriptors::close;
            4 stat Full status::stat;
            5 fstat Full status::fstat;
            6 lstat Full status::lstat;
            7 poll Full poll::poll;
            8 lseek Full files::lseek;
            9 mmap Partial memory::mmap;
            10 mprotect Full memory::mprotect;
            11 munmap Full memory::munmap;
            12 brk Full memory::brk;
            13 rt_sigaction Full signals::rt_sigaction;
            14 rt_sigprocmask Full signals::rt_sigprocmask;
            15 rt_sigreturn Full signals::rt_sigreturn;
            16 ioctl Partial terminal::ioctl;
            17 pread64 Full files::pread64;
            18 pwrite64 Full files::pwrite64;
            19 readv Full files::readv;
            20 writev Full files::writev;
            21 access Full paths::access;
            22 pipe Full descriptors::pipe;
            23 select Full poll::select;
            24 sched_yield Full process::sched_yield;
            25 mremap Full memory::mremap;
            26 msync Full memory::msync;
            27 mincore Full memory::mincore;
            28 madvise Partial memory::madvise;
            29 shmget Missing;
            32 dup Full descriptors::dup;
            33 dup2 Full descriptors::dup2;
            34 pause Full signals::pause;
            35 nanosleep Full time::nanosleep;
            36 getitimer Full timers::getitimer;
            37 alarm Full timers::alarm;
            38 setitimer Full timers::setitimer;
            39 getpid Full identity::getpid;
            40 sendfile Full copies::sendfile;
            41 socket Partial sockets::socket;
            42 connect Partial sockets::connect;
            43 accept Full sockets::accept;
            44 sendto Partial messages::sendto;
            45 recvfrom Partial messages::recvfrom;
            46 sendmsg Partial messages::sendmsg;
            47 recvmsg Partial messages::recvmsg;
            48 shutdown Full sockets::shutdown;
            49 bind Full sockets::bind;
            50 listen Full sockets::listen;
            51 getsockname Full sockets::getsockname;
            52 getpeername Full sockets::getpeername;
            53 socketpair Full sockets::socketpair;
            54 setsockopt Partial sockets::setsockopt;
            55 getsockopt Partial sockets::getsockopt;
            56 clone Partial clone::clone;
            57 fork Full clone::fork;
            58 vfork Full clone::vfork;
            59 execve Full process::execve;
            60 exit Full process::exit;
            61 wait4 Full wait::wait4;
            62 kill Full signals::kill;
            63 uname Full host::uname;
            64 semget Missing;
            68 msgget Missing;
            72 fcntl Partial descriptors::fcntl;
            73 flock Full descriptors::flock;
            74 fsync Full lasting::fsync;
            75 fdatasync Full lasting::fsync;
            76 truncate Full attributes::truncate;
            77 ftruncate Full lasting::ftruncate;
            79 getcwd Full place::getcwd;
            80 chdir Full place::chdir;
            81 fchdir Full place::fchdir;
            82 rename Full names::rename;
            83 mkdir Full names::mkdir;
            84 rmdir Full names::rmdir;
            85 creat Full paths::creat;
            86 link Full names::link;
            87 unlink Full names::unlink;
            88 symlink Full names::symlink;
            89 readlink Full names::readlink;
            90 chmod Full attributes::chmod;
            91 fchmod Full attributes::fchmod;
            92 chown Full attributes::chown;
            93 fchown Full attributes::fchown;
            94 lchown Full attributes::lchown;
            95 umask Full place::umask;
            96 gettimeofday Full time::gettimeofday;
            97 getrlimit Full resources::getrlimit;
            98 getrusage Full resources::getrusage;
            99 sysinfo Partial system::sysinfo;
            100 times Full resources::times;
            101 ptrace Missing;
            102 getuid Full identity::getuid;
            103 syslog Partial host::syslog;
            104 getgid Full identity::getgid;
            105 setuid Full identity::setuid;
            106 setgid Full identity::setgid;
            107 geteuid Full identity::geteuid;
            108 getegid Full identity::getegid;
            109 setpgid Full identity::setpgid;
            110 getppid Full identity::getppid;
            111 getpgrp Full identity::getpgrp;
            112 setsid Full identity::setsid;
            113 setreuid Full identity::setreuid;
            114 setregid Full identity::setregid;
            115 getgroups Full identity::getgroups;
            116 setgroups Full identity::setgroups;
            117 setresuid Full identity::setresuid;
            118 getresuid Full identity::getresuid;
            119 setresgid Full identity::setresgid;
            120 getresgid Full identity::getresgid;
            121 getpgid Full identity::getpgid;
            124 getsid Full identity::getsid;
            125 capget Full privileges::capget;
            126 capset Partial privileges::capset;
            127 rt_sigpending Full signals::rt_sigpending;
            128 rt_sigtimedwait Full signals::rt_sigtimedwait;
            129 rt_sigqueueinfo Full signals::rt_sigqueueinfo;
            130 rt_sigsuspend Full signals::rt_sigsuspend;
            131 sigaltstack Full signals::sigaltstack;
            132 utime Full attributes::utime;
            133 mknod Full names::mknod;
            135 personality Partial system::personality;
            137 statfs Full status::statfs;
            138 fstatfs Full status::fstatfs;
            140 getpriority Full schedule::getpriority;
            141 setpriority Partial schedule::setpriority;
            142 sched_setparam Partial schedule::sched_setparam;
            143 sched_getparam Partial schedule::sched_getparam;
            144 sched_setscheduler Partial schedule::sched_setscheduler;
            145 sched_getscheduler Partial schedule::sched_getscheduler;
            146 sched_get_priority_max Full schedule::sched_get_priority_max;
            147 sched_get_priority_min Full schedule::sched_get_priority_min;
            148 sched_rr_get_interval Full schedule::sched_rr_get_interval;
            149 mlock Full memory::mlock;
            150 munlock Full memory::mlock;
            151 mlockall Full memory::mlockall;
            152 munlockall Full memory::munlockall;
            155 pivot_root Missing;
            157 prctl Partial privileges::prctl;
            158 arch_prctl Partial process::arch_prctl;
            160 setrlimit Full resources::setrlimit;
            161 chroot Full place::chroot;
            162 sync Full lasting::sync;
            164 settimeofday Full time::settimeofday;
            165 mount Missing;
            166 umount2 Missing;
            169 reboot Partial power::reboot;
            170 sethostname Full host::sethostname;
            171 setdomainname Full host::setdomainname;
            175 init_module Missing;
            179 quotactl Missing;
            186 gettid Full identity::gettid;
            187 readahead Full lasting::readahead;
            188 setxattr Partial extended::setxattr;
            189 lsetxattr Partial extended::lsetxattr;
            190 fsetxattr Partial extended::fsetxattr;
            191 getxattr Full extended::getxattr;
            192 lgetxattr Full extended::lgetxattr;
            193 fgetxattr Full extended::fgetxattr;
            194 listxattr Full extended::listxattr;
            195 llistxattr Full extended::llistxattr;
            196 flistxattr Full extended::flistxattr;
            197 removexattr Full extended::removexattr;
            198 lremovexattr Full extended::lremovexattr;
            199 fremovexattr Full extended::fremovexattr;
            200 tkill Full signals::tkill;
            201 time Full time::time;
            202 futex Partial futex::futex;
            203 sched_setaffinity Partial schedule::sched_setaffinity;
            204 sched_getaffinity Partial schedule::sched_getaffinity;
            206 io_setup Missing;
            213 epoll_create Full poll::epoll_create;
            216 remap_file_pages Missing;
            217 getdents64 Full names::getdents64;
            218 set_tid_address Full process::set_tid_address;
            221 fadvise64 Full lasting::fadvise64;
            222 timer_create Full timers::timer_create;
            223 timer_settime Full timers::timer_settime;
            224 timer_gettime Full timers::timer_gettime;
            225 timer_getoverrun Full timers::timer_getoverrun;
            226 timer_delete Full timers::timer_delete;
            227 clock_settime Full time::clock_settime;
            228 clock_gettime Full time::clock_gettime;
            229 clock_getres Full time::clock_getres;
            230 clock_nanosleep Full time::clock_nanosleep;
            231 exit_group Full process::exit_group;
            232 epoll_wait Full poll::epoll_wait;
            233 epoll_ctl Partial poll::epoll_ctl;
            234 tgkill Full signals::tgkill;
            235 utimes Full attributes::utimes;
            237 mbind Missing;
            238 set_mempolicy Missing;
            239 get_mempolicy Missing;
            240 mq_open Missing;
            247 waitid Full wait::waitid;
            248 add_key Missing;
            250 keyctl Missing;
            251 ioprio_set Missing;
            252 ioprio_get Missing;
            253 inotify_init Full watches::inotify_init;
            254 inotify_add_watch Full watches::inotify_add_watch;
            255 inotify_rm_watch Full watches::inotify_rm_watch;
            257 openat Full paths::openat;
            258 mkdirat Full names::mkdirat;
            259 mknodat Full names::mknodat;
            260 fchownat Full attributes::fchownat;
            261 futimesat Full attributes::futimesat;
            262 newfstatat Full status::newfstatat;
            263 unlinkat Full names::unlinkat;
            264 renameat Full names::renameat;
            265 linkat Full names::linkat;
            266 symlinkat Full names::symlinkat;
            267 readlinkat Full names::readlinkat;
            268 fchmodat Full attributes::fchmodat;
            269 faccessat Full paths::faccessat;
            270 pselect6 Full poll::pselect6;
            271 ppoll Full poll::ppoll;
            272 unshare Missing;
            273 set_robust_list Full process::set_robust_list;
            274 get_robust_list Full process::get_robust_list;
            275 splice Partial copies::splice;
            276 tee Full pipes::tee;
            277 sync_file_range Full lasting::sync_file_range;
            278 vmsplice Full pipes::vmsplice;
            280 utimensat Full attributes::utimensat;
            281 epoll_pwait Full poll::epoll_pwait;
            282 signalfd Full signals::signalfd;
            283 timerfd_create Full timers::timerfd_create;
            285 fallocate Partial lasting::fallocate;
            286 timerfd_settime Full timers::timerfd_settime;
            287 timerfd_gettime Full timers::timerfd_gettime;
            288 accept4 Full sockets::accept4;
            289 signalfd4 Full signals::signalfd4;
            290 eventfd2 Full descriptors::eventfd2;
            291 epoll_create1 Full poll::epoll_create1;
            292 dup3 Full descriptors::dup3;
            293 pipe2 Full descriptors::pipe2;
            294 inotify_init1 Full watches::inotify_init1;
            295 preadv Full files::preadv;
            296 pwritev Full files::pwritev;
            297 rt_tgsigqueueinfo Full signals::rt_tgsigqueueinfo;
            298 perf_event_open Missing;
            299 recvmmsg Partial messages::recvmmsg;
            300 fanotify_init Missing;
            302 prlimit64 Full resources::prlimit64;
            303 name_to_handle_at Missing;
            306 syncfs Full lasting::syncfs;
            307 sendmmsg Full messages::sendmmsg;
            308 setns Missing;
            309 getcpu Full schedule::getcpu;
            310 process_vm_readv Full other_memory::process_vm_readv;
            311 process_vm_writev Full other_memory::process_vm_writev;
            312 kcmp Missing;
            314 sched_setattr Missing;
            315 sched_getattr Missing;
            316 renameat2 Full names::renameat2;
            317 seccomp Missing;
            318 getrandom Full system::getrandom;
            319 memfd_create Partial descriptors::memfd_create;
            321 bpf Missing;
            322 execveat Full process::execveat;
            323 userfaultfd Missing;
            324 membarrier Missing;
            325 mlock2 Full memory::mlock;
            326 copy_file_range Full copies::copy_file_range;
            327 preadv2 Partial files::preadv2;
            328 pwritev2 Partial files::pwritev2;
            329 pkey_mprotect Missing;
            332 statx Full status::statx;
            334 rseq Missing;
            424 pidfd_send_signal Full process_files::pidfd_send_signal;
            425 io_uring_setup Missing;
            434 pidfd_open Full process_files::pidfd_open;
            435 clone3 Partial clone::clone3;
            436 close_range Full descriptors::close_range;
            437 openat2 Full resolving::openat2;
            438 pidfd_getfd Full process_files::pidfd_getfd;
            439 faccessat2 Full paths::faccessat2;
            441 epoll_pwait2 Full poll::epoll_pwait2;
            444 landlock_create_ruleset Missing;
            448 process_mrelease Missing;
            449 futex_waitv Missing;
        }
    };
}

macro_rules! list {
    ($($number:literal $name:ident $state:ident $($handler:path)?;)*) => {
        /// All calls that are known, ascending by number.
        pub const SYSTEM_CALLS: &[SystemCall] = &[
            $(SystemCall { number: $number, name: stringify!($name), state: State::$state },)*
        ];
    };
}

system_calls!(list);

/// The name of call `number`, if it is known.
pub fn system_call_name(number: u32) -> Option<&'static str> {
    SYSTEM_CALLS.iter().find(|call| call.number == number).map(|call| call.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_stands_there_once() {
        assert!(SYSTEM_CALLS.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert_eq!(system_call_name(110), Some("getppid"));
        assert_eq!(system_call_name(9999), None);
    }
}
