//! Keys of the auxiliary vector (`AT_*`).

macro_rules! keys {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: u64 = $number;)*
    };
}

keys! {
    NULL = 0, "The end.";
    PHDR = 3, "Address of the program headers.";
    PHENT = 4, "Bytes of one.";
    PHNUM = 5, "How many there are.";
    PAGESZ = 6, "Bytes of a page.";
    BASE = 7, "Where the interpreter lies.";
    FLAGS = 8, "Zero.";
    ENTRY = 9, "First instruction of the program.";
    UID = 11, "Real user.";
    EUID = 12, "Effective user.";
    GID = 13, "Real group.";
    EGID = 14, "Effective group.";
    PLATFORM = 15, "Name of the machine.";
    HWCAP = 16, "What the processor can do.";
    CLKTCK = 17, "Units of `times` in a second.";
    SECURE = 23, "Whether the environment is not to be trusted.";
    RANDOM = 25, "Sixteen random bytes.";
    HWCAP2 = 26, "What else it can do.";
    EXECFN = 31, "Path of the program.";
    SYSINFO_EHDR = 33, "Where the kernel's own library lies.";
    MINSIGSTKSZ = 51, "Bytes that a signal needs on the stack.";
}
