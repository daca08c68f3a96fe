//! Counts what the kernel's paths cost, and prints a line `bench NAME VALUE` for each.
//!
//! Init only arranges things: it builds the partners, separate processes without privileges, each
//! in its own address space with its own root node and thread base, and waits until the one that
//! measures is done. What needs privileges by its nature, such as mapping, it measures itself.
#![no_std]
#![no_main]

mod measure;
mod memory;
mod roles;

use nun::{
    Descriptor, Error, Fault, InitInfo, IpcPort, Message, NotificationPort, Process, Received,
    Reply, Resources, Rights, Start, StartError, aci, println,
};
use roles::{AWAITED, SERVICE, SIGNALLED, role, tell};

nun::entry!(main);

/// Priority of all partners.
const PRIORITY: u8 = 100;
/// Where the second thread of a partner has its IPC buffer.
const THREAD_BUFFER: u64 = aci::BUFFER_ADDRESS + 0x1000;

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let mut resources = Resources::new(init);
    let program = resources.module("bench-partner").expect("the partner is a boot module")?;
    let ear = resources.make(0)?;
    let mut bench = Bench { resources, program, ear };
    bench.pair(role::SERVER, role::CROSS)?;
    bench.same_space()?;
    bench.pair(role::CLOCK, role::ONE_WAY)?;
    bench.pair(role::SERVER, role::VECTOR_CLIENT)?;
    bench.pair(role::VECTOR_SERVER, role::VECTOR_BOTH)?;
    bench.pair(role::DEFERRING, role::DEFERRED)?;
    bench.pair(role::ADDER, role::SERVICE)?;
    bench.alone()?;
    bench.signals()?;
    bench.wake()?;
    bench.traps(role::RESOLVER, role::FAULT)?;
    bench.traps(role::RESULT_GIVER, role::FOREIGN)?;
    bench.traps(role::WHOLE_GIVER, role::FOREIGN)?;
    memory::measure_all(&mut bench.resources)?;
    println!("bench done");
    Ok(())
}

struct Bench {
    resources: Resources,
    /// The partners' program.
    program: &'static [u8],
    /// Where they tell what they want and how they fare.
    ear: IpcPort,
}

/// What a partner is granted besides the port to init.
type Grants<'a> = &'a [(u64, Descriptor, Rights)];

impl Bench {
    /// A server and the client that measures it, with a port between them.
    fn pair(&mut self, server: u64, client: u64) -> Result<(), StartError> {
        let port: IpcPort = self.resources.make(0)?;
        let server = self.start(server, &[(SERVICE, port.into(), Rights::READ)])?;
        let client = self.start(client, &[(SERVICE, port.into(), Rights::WRITE)])?;
        self.finish([server, client])
    }

    fn same_space(&mut self) -> Result<(), StartError> {
        let port: IpcPort = self.resources.make(0)?;
        let both = Rights::READ | Rights::WRITE;
        let mut client = self.start(role::SAME, &[(SERVICE, port.into(), both)])?;
        self.add_thread(&mut client, PRIORITY)?;
        self.finish([client])
    }

    /// A thread that is more urgent than the one that signals it.
    fn wake(&mut self) -> Result<(), StartError> {
        let signal: NotificationPort = self.resources.make(0)?;
        let (out, back) = (Rights::WRITE, Rights::READ);
        let grants = [(SIGNALLED, signal.into(), out), (AWAITED, signal.into(), back)];
        let mut client = self.start(role::WAKE, &grants)?;
        self.add_thread(&mut client, PRIORITY + 1)?;
        self.finish([client])
    }

    /// Starts the thread that `client` asks for.
    fn add_thread(&mut self, client: &mut Process, priority: u8) -> Result<(), StartError> {
        let wish = self.listen()?;
        assert_eq!(wish.label(), tell::THREAD);
        let [entry, stack, ..] = *wish.words();
        let start = Start { priority, thread_base: 0x5000, ..Start::default() };
        client.add_thread(entry, stack, THREAD_BUFFER, &start)?.resume()?;
        Ok(Reply::OWED.reply(&Message::EMPTY)?)
    }

    fn alone(&mut self) -> Result<(), StartError> {
        let signals: NotificationPort = self.resources.make(0)?;
        let (out, back) = (Rights::WRITE, Rights::READ);
        let grants = [(SIGNALLED, signals.into(), out), (AWAITED, signals.into(), back)];
        let client = self.start(role::ALONE, &grants)?;
        self.finish([client])
    }

    fn signals(&mut self) -> Result<(), StartError> {
        let ping: NotificationPort = self.resources.make(0)?;
        let pong: NotificationPort = self.resources.make(0)?;
        let (out, back) = (Rights::WRITE, Rights::READ);
        let grants = [(SIGNALLED, pong.into(), out), (AWAITED, ping.into(), back)];
        let server = self.start(role::PONG, &grants)?;
        let grants = [(SIGNALLED, ping.into(), out), (AWAITED, pong.into(), back)];
        let client = self.start(role::PING, &grants)?;
        self.finish([server, client])
    }

    /// A process that traps, and its resolver.
    fn traps(&mut self, resolver: u64, client: u64) -> Result<(), StartError> {
        let port: IpcPort = self.resources.make(0)?;
        let resolver = self.start(resolver, &[(SERVICE, port.into(), Rights::READ)])?;
        let mut process = self.build(client, &[])?;
        process.set_resolver(port, client)?;
        self.run(&process, client)?;
        self.finish([resolver, process])
    }

    fn start(&mut self, role: u64, grants: Grants<'_>) -> Result<Process, StartError> {
        let process = self.build(role, grants)?;
        self.run(&process, role)?;
        Ok(process)
    }

    fn build(&mut self, role: u64, grants: Grants<'_>) -> Result<Process, StartError> {
        let mut process = Process::load(&mut self.resources, self.program)?;
        process.set_resolver(self.ear, role)?;
        process.grant(aci::slot::PARENT, self.ear, Rights::WRITE, role)?;
        for (slot, capability, rights) in grants {
            // Signals need a bit; for a port it is an identifier like any other.
            process.grant(*slot, *capability, *rights, 1)?;
        }
        if matches!(role, role::VECTOR_SERVER | role::VECTOR_CLIENT | role::VECTOR_BOTH) {
            process.allow_vectors()?;
        }
        Ok(process)
    }

    fn run(&self, process: &Process, role: u64) -> Result<(), Error> {
        // Every process has a thread base of its own.
        let thread_base = 0x1000 * (role + 1);
        let foreign = role == role::FOREIGN;
        process.start(&Start { priority: PRIORITY, thread_base, argument: role, foreign })
    }

    /// Waits until the one that measures is done, and takes the partners away.
    fn finish<const N: usize>(&mut self, partners: [Process; N]) -> Result<(), StartError> {
        assert_eq!(self.listen()?.label(), tell::DONE);
        for partner in partners {
            partner.destroy(&mut self.resources)?;
        }
        Ok(())
    }

    /// What a partner tells.
    fn listen(&self) -> Result<Message, Error> {
        match self.ear.receive()? {
            Received::Message { message, .. } => Ok(message),
            Received::Fault { process, fault: Fault { reason, instruction, address, .. } } => {
                panic!("partner {process}: {reason:?} at {instruction:#x}, address {address:#x}")
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
}
