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
            1 write Partial files::write;
            9 mmap Partial memory::mmap;
            10 mprotect Full memory::mprotect;
            11 munmap Full memory::munmap;
            12 brk Full memory::brk;
            13 rt_sigaction Full signals::rt_sigaction;
            14 rt_sigprocmask Full signals::rt_sigprocmask;
            15 rt_sigreturn Full signals::rt_sigreturn;
            16 ioctl Missing;
            20 writev Partial files::writev;
            24 sched_yield Full process::sched_yield;
            28 madvise Partial memory::madvise;
            34 pause Full signals::pause;
            35 nanosleep Full time::nanosleep;
            36 getitimer Partial time::getitimer;
            37 alarm Full time::alarm;
            38 setitimer Partial time::setitimer;
            39 getpid Full identity::getpid;
            56 clone Partial clone::clone;
            57 fork Full clone::fork;
            58 vfork Full clone::vfork;
            59 execve Full process::execve;
            60 exit Full process::exit;
            61 wait4 Full wait::wait4;
            62 kill Full signals::kill;
            63 uname Full system::uname;
            89 readlink Missing;
            96 gettimeofday Full time::gettimeofday;
            97 getrlimit Partial system::getrlimit;
            98 getrusage Partial system::getrusage;
            99 sysinfo Partial system::sysinfo;
            100 times Partial system::times;
            102 getuid Full identity::getuid;
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
            127 rt_sigpending Full signals::rt_sigpending;
            130 rt_sigsuspend Full signals::rt_sigsuspend;
            131 sigaltstack Full signals::sigaltstack;
            140 getpriority Partial system::getpriority;
            141 setpriority Missing;
            157 prctl Partial system::prctl;
            158 arch_prctl Partial process::arch_prctl;
            186 gettid Full identity::gettid;
            200 tkill Full signals::tkill;
            201 time Full time::time;
            202 futex Partial futex::futex;
            203 sched_setaffinity Missing;
            204 sched_getaffinity Partial system::sched_getaffinity;
            218 set_tid_address Full process::set_tid_address;
            228 clock_gettime Full time::clock_gettime;
            229 clock_getres Full time::clock_getres;
            230 clock_nanosleep Full time::clock_nanosleep;
            231 exit_group Full process::exit_group;
            234 tgkill Full signals::tgkill;
            247 waitid Partial wait::waitid;
            257 openat Missing;
            262 newfstatat Missing;
            273 set_robust_list Partial process::set_robust_list;
            302 prlimit64 Partial system::prlimit64;
            309 getcpu Full system::getcpu;
            318 getrandom Full system::getrandom;
            334 rseq Missing;
            435 clone3 Partial clone::clone3;
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
