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
            16 ioctl Missing;
            20 writev Partial files::writev;
            35 nanosleep Missing;
            39 getpid Full identity::getpid;
            60 exit Full process::exit;
            63 uname Full system::uname;
            89 readlink Missing;
            102 getuid Full identity::getuid;
            104 getgid Full identity::getgid;
            107 geteuid Full identity::getuid;
            108 getegid Full identity::getgid;
            110 getppid Full identity::getppid;
            158 arch_prctl Partial process::arch_prctl;
            186 gettid Full identity::gettid;
            218 set_tid_address Full process::set_tid_address;
            228 clock_gettime Full system::clock_gettime;
            231 exit_group Full process::exit_group;
            257 openat Missing;
            262 newfstatat Missing;
            273 set_robust_list Partial process::set_robust_list;
            302 prlimit64 Partial system::prlimit64;
            318 getrandom Full system::getrandom;
            334 rseq Missing;
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
