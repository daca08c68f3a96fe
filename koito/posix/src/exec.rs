//! Starting programs: from a file to an address space that can run it.

use alloc::vec;
use alloc::vec::Vec;

use koito_linux::{Errno, auxiliary};
use koito_posix_core::{
    Area, Backing, Image, Key, PAGE_BYTES, Program, Protection, Segment, Sharing, USER_END,
    page_of, whole_pages,
};

use koito_vfs::{Context, Credentials, DentryId, Flags, Kind, Last, Stop, Wish};

use crate::files::Came;
use crate::mapped::FileKey;
use crate::process::ProcessKey;
use crate::server::Server;
use crate::space::Space;

/// Bytes of a stack: of a process without parent, and at least and at most.
const STACK_BYTES: u64 = 8 << 20;
const LEAST_STACK_BYTES: u64 = 128 << 10;
const MOST_STACK_BYTES: u64 = 64 << 20;
/// Permissions that give a program its file's user, and its group, if that may execute it.
const SET_USER: u16 = 0o4000;
const SET_GROUP: u16 = 0o2010;
/// Where the page lies with the way into signal handlers: the last one that there is.
pub const TRAMPOLINE: u64 = USER_END - PAGE_BYTES;
/// Where the library lies that tells the time.
const VDSO: u64 = TRAMPOLINE - PAGE_BYTES;
/// Where the stack ends.
pub const STACK_TOP: u64 = VDSO;
/// Most scripts that are each other's interpreters.
const MOST_INTERPRETERS: usize = 5;
/// Longest first line of a script.
const LINE_BYTES: usize = 256;
/// Where programs go that can lie anywhere, and interpreters.
const MOVABLE: u64 = 0x5555_5555_4000;

/// A program in its own address space.
#[derive(Debug)]
pub struct Loaded {
    /// The address space.
    pub space: Key<Space>,
    /// Its first instruction.
    pub entry: u64,
    /// Its stack pointer.
    pub stack: u64,
    /// The path that it was found at.
    pub path: Vec<u8>,
    /// Where its program is; held.
    pub program: DentryId,
    /// The user and the group that it runs as, if its file says so.
    pub identity: [Option<u32>; 2],
}

impl Loaded {
    /// What a process is called that runs it: the last part of its path, cut short.
    pub fn name(&self) -> Vec<u8> {
        let last = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        last[..last.len().min(15)].to_vec()
    }
}

impl Server {
    /// Loads the program at `path`; one that begins with `#!` is loaded by the program that it names.
    pub fn load(
        &mut self,
        process: Option<ProcessKey>,
        path: &[u8],
        mut arguments: Vec<Vec<u8>>,
        environment: Vec<Vec<u8>>,
    ) -> Result<Loaded, Errno> {
        self.world.forget_unmapped(&self.spaces);
        let mut path = path.to_vec();
        for _ in 0..MOST_INTERPRETERS {
            let file = self.open_program(process, &path)?;
            let start = self.world.look(file, 0, PAGE_BYTES as usize)?;
            let Some(line) = start.strip_prefix(b"#!") else {
                let words = (arguments, environment);
                return self.load_program(process, path, file, &start, words);
            };
            let (program, argument) = interpreter(line)?;
            let mut words = vec![program.clone()];
            words.extend(argument);
            words.push(path);
            words.extend(arguments.into_iter().skip(1));
            (path, arguments) = (program, words);
        }
        Err(Errno::ELOOP)
    }

    /// Opens a program, to be mapped, if the process may execute it.
    fn open_program(&mut self, process: Option<ProcessKey>, path: &[u8]) -> Result<FileKey, Errno> {
        let came = self.on_files(process, |vfs, context| {
            let start = context.place.directory;
            let name = vfs.find(context, start, path, Last::Follow)?;
            if vfs.status(name)?.attributes.kind != Kind::File {
                return Err(Errno::EACCES.into());
            }
            vfs.check_access(context, name, Wish::EXECUTE)?;
            // Who may execute a program need not be allowed to read it.
            let context = Context { credentials: Credentials::default(), ..*context };
            vfs.open_name(&context, name, Flags::empty(), false)
        });
        let file = match came {
            Ok(Came::Value(file)) => file,
            Err(Stop::Error(errno)) => return Err(errno),
            _ => return Err(Errno::EIO),
        };
        let key = self.world.map_file(file);
        self.world.vfs.close(file);
        key.map_err(|_| Errno::EACCES)
    }

    /// The user and the group that a program runs as, if its file says so and the process agrees.
    fn identity(&self, process: Option<ProcessKey>, file: FileKey) -> [Option<u32>; 2] {
        let agrees = |it: ProcessKey| !self.processes[it].wishes.no_new_privileges;
        if !process.is_none_or(agrees) {
            return [None; 2];
        }
        let it = self.world.vfs.file_status(file).attributes;
        let user = (it.permissions & SET_USER != 0).then_some(it.user);
        [user, (it.permissions & SET_GROUP == SET_GROUP).then_some(it.group)]
    }

    fn load_program(
        &mut self,
        process: Option<ProcessKey>,
        path: Vec<u8>,
        file: FileKey,
        start: &[u8],
        (arguments, environment): (Vec<Vec<u8>>, Vec<Vec<u8>>),
    ) -> Result<Loaded, Errno> {
        let identity = self.identity(process, file);
        let program = Program::read(start)?;
        let mapping = self.world.objects.take_space().map_err(|_| Errno::ENOMEM)?;
        let limit = process.map_or(STACK_BYTES, |it| self.processes[it].limits.stack_bytes());
        let stack_bytes = page_of(limit.clamp(LEAST_STACK_BYTES, MOST_STACK_BYTES));
        let mut space = Space::new(mapping, STACK_TOP - stack_bytes - (1 << 28));
        let image = Image {
            arguments,
            environment,
            path: path.clone(),
            random: self.clock.random(),
            auxiliary: Vec::new(),
        };
        match self.fill(process, &mut space, (file, identity), (program, stack_bytes), image) {
            Ok((entry, stack)) => {
                let program = self.world.vfs.place_of(file).ok_or(Errno::EACCES)?;
                self.world.vfs.pin(program);
                let space = self.spaces.add(space);
                Ok(Loaded { space, entry, stack, path, program, identity })
            }
            Err(errno) => {
                space.dissolve(&mut self.world);
                Err(errno)
            }
        }
    }

    fn fill(
        &mut self,
        process: Option<ProcessKey>,
        space: &mut Space,
        (file, identity): (FileKey, [Option<u32>; 2]),
        (program, stack_bytes): (Program, u64),
        mut image: Image,
    ) -> Result<(u64, u64), Errno> {
        let program = if program.is_movable { program.moved(MOVABLE) } else { program };
        if program.span().1 > space.top {
            return Err(Errno::ENOMEM);
        }
        for segment in &program.segments {
            self.place_segment(space, file, segment)?;
        }
        let heap = program.span().1;
        space.heap = heap..heap;
        let (mut first, mut base) = (program.entry, 0);
        if let Some((offset, length)) = program.interpreter {
            let path = self.world.look(file, offset, length as usize)?;
            let path = path.strip_suffix(&[0]).ok_or(Errno::ENOEXEC)?;
            let interpreter = self.open_program(process, path)?;
            let start = self.world.look(interpreter, 0, PAGE_BYTES as usize)?;
            let program = Program::read(&start)?;
            let (low, high) = program.span();
            base = space.areas.gap(high - low, 0, space.top).ok_or(Errno::ENOMEM)? - low;
            let program = program.moved(base);
            for segment in &program.segments {
                self.place_segment(space, interpreter, segment)?;
            }
            first = program.entry;
        }
        if first >= USER_END {
            return Err(Errno::ENOEXEC);
        }
        let stack = Area {
            end: STACK_TOP,
            protection: Protection::READ | Protection::WRITE,
            sharing: Sharing::Private,
            backing: Backing::Zero,
        };
        space.place(&mut self.world, STACK_TOP - stack_bytes, stack)?;
        space.place_code(&mut self.world, TRAMPOLINE, self.trampoline)?;
        space.place_code(&mut self.world, VDSO, self.vdso)?;
        let (users, groups) = process.map_or(([0; 3], [0; 3]), |process| {
            let owner = &self.processes[process].owner;
            (owner.users, owner.groups)
        });
        let [user, group] = identity;
        let (user, group) = (user.unwrap_or(users[1]), group.unwrap_or(groups[1]));
        image.auxiliary = vec![
            (auxiliary::SYSINFO_EHDR, VDSO),
            (auxiliary::HWCAP, 0),
            (auxiliary::PAGESZ, PAGE_BYTES),
            (auxiliary::CLKTCK, 100),
            (auxiliary::PHDR, program.headers.0),
            (auxiliary::PHENT, 56),
            (auxiliary::PHNUM, program.headers.1),
            (auxiliary::BASE, base),
            (auxiliary::FLAGS, 0),
            (auxiliary::ENTRY, program.entry),
            (auxiliary::UID, users[0].into()),
            (auxiliary::EUID, user.into()),
            (auxiliary::GID, groups[0].into()),
            (auxiliary::EGID, group.into()),
            (auxiliary::SECURE, (user != users[0] || group != groups[0]).into()),
            (auxiliary::HWCAP2, 0),
            (auxiliary::MINSIGSTKSZ, 4096),
        ];
        let stack = image.lay_out(STACK_TOP)?;
        space.write(&mut self.world, stack.pointer, &stack.bytes)?;
        space.arguments = stack.arguments;
        Ok((first, stack.pointer))
    }

    /// Enters the areas of a segment, with zeros where its file has nothing for it.
    fn place_segment(
        &mut self,
        space: &mut Space,
        file: FileKey,
        segment: &Segment,
    ) -> Result<(), Errno> {
        let first = page_of(segment.address);
        let file_end = segment.address + segment.file_bytes;
        let pages_end =
            whole_pages(file_end).filter(|end| *end <= USER_END).ok_or(Errno::ENOEXEC)?;
        let area = |end, backing| Area {
            end,
            protection: segment.protection,
            sharing: Sharing::Private,
            backing,
        };
        if segment.file_bytes > 0 {
            let backing = Backing::File { file, offset: page_of(segment.offset) };
            space.place(&mut self.world, first, area(pages_end, backing))?;
        }
        let zeros_from = if segment.file_bytes > 0 { pages_end } else { first };
        if segment.last_page() > zeros_from {
            space.place(&mut self.world, zeros_from, area(segment.last_page(), Backing::Zero))?;
        }
        // What the file has behind its part is not the program's.
        if segment.memory_bytes > segment.file_bytes
            && segment.file_bytes > 0
            && file_end < pages_end
        {
            let zeros = [0; PAGE_BYTES as usize];
            space.write(&mut self.world, file_end, &zeros[..(pages_end - file_end) as usize])?;
        }
        Ok(())
    }
}

/// The interpreter in the first line of a script, behind `#!`, and its argument.
fn interpreter(line: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), Errno> {
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    let line = line[..end.min(LINE_BYTES)].trim_ascii();
    let (path, argument) = match line.iter().position(u8::is_ascii_whitespace) {
        Some(place) => (&line[..place], Some(line[place..].trim_ascii().to_vec())),
        None => (line, None),
    };
    if path.is_empty() { Err(Errno::ENOEXEC) } else { Ok((path.to_vec(), argument)) }
}
