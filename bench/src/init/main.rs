//! Measures what the kernel's paths cost, and shows a line for each.
//!
//! Init only arranges things: it builds the partners, separate processes without privileges, each
//! in its own address space with its own root node and thread base, and waits until the one that
//! measures is done. What needs privileges by its nature, such as mapping, it measures itself.
#![no_std]
#![no_main]

mod counting;
mod guest;
mod memory;
mod report;
mod screen;
mod several;
mod time;

use a9n_bench::measure::Measured;
use a9n_bench::roles::{AWAITED, CLOCK_PORTS, INTERRUPT, SERVICE, SIGNALLED, role, tell};
use nun::abi::init::slot;
use nun::{
    Descriptor, Error, Fault, InitInfo, InterruptPort, InterruptRegion, IoPort, IpcPort, Message,
    NotificationPort, Process, Received, Reply, Resources, Rights, Start, StartError, aci, ticks,
};
use report::Report;

nun::entry!(main, stack = 256 * 1024);

/// Priority of all partners.
const PRIORITY: u8 = 100;
/// Where the second thread of a partner has its IPC buffer.
const THREAD_BUFFER: u64 = aci::BUFFER_ADDRESS + 0x1000;

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let mut resources = Resources::new(init);
    let program = resources.module("bench-partner").expect("the partner is a boot module")?;
    let ear = resources.make(0)?;
    let report = Report::start(init, &mut resources);
    let mut bench = Bench { resources, program, ear, report };
    if !bench.report.counts() {
        // A processor that idled takes a while to reach its speed.
        let end = ticks() + init.ticks_per_second / 4;
        while ticks() < end {}
    }
    // An instruction counter counts those of all CPUs, so it is asked with several of them only for
    // what takes several.
    let all = init.cpus == 1 || !bench.report.counts();
    if all {
        bench.measure_one_cpu()?;
    }
    if init.cpus > 1 {
        bench.measure_several_cpus(init.cpus)?;
    }
    if all {
        // The last, since a machine may be without the device.
        bench.interrupts()?;
    }
    bench.report.finish();
    Ok(())
}

struct Bench {
    resources: Resources,
    /// The partners' program.
    program: &'static [u8],
    /// Where they tell what they want and how they fare.
    ear: IpcPort,
    report: Report,
}

/// What a partner is granted besides the port to init.
type Grants<'a> = &'a [(u64, Descriptor, Rights)];

impl Bench {
    fn measure_one_cpu(&mut self) -> Result<(), StartError> {
        self.alone()?;
        self.same_space()?;
        self.pair(role::SERVER, role::CROSS)?;
        self.pair(role::CLOCK, role::ONE_WAY)?;
        self.pair(role::SERVER, role::VECTOR_CLIENT)?;
        self.pair(role::VECTOR_SERVER, role::VECTOR_BOTH)?;
        self.pair(role::DEFERRING, role::DEFERRED)?;
        self.pair(role::ADDER, role::SERVICE)?;
        self.pair(role::YIELDER, role::SWITCHING)?;
        self.wake()?;
        self.signals()?;
        self.traps(role::RESOLVER, role::FAULT)?;
        self.traps(role::RESULT_GIVER, role::FOREIGN_RESULT)?;
        self.traps(role::WHOLE_GIVER, role::FOREIGN_WHOLE)?;
        self.exits()?;
        memory::measure_all(&mut self.resources, &mut self.report)?;
        Ok(time::measure_all(&mut self.resources, &mut self.report)?)
    }

    fn measure_several_cpus(&mut self, cpus: u32) -> Result<(), StartError> {
        if cpus == 4 {
            self.pair(role::SERVER, role::FOUR)?;
        }
        Ok(several::measure_all(&mut self.resources, &mut self.report, cpus)?)
    }

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

    /// A driver, and who is interrupted by its device.
    fn interrupts(&mut self) -> Result<(), StartError> {
        /// The line of the real-time clock.
        const LINE: u64 = 8;
        /// Its I/O ports: the first, and how many.
        const PORTS: (u64, u64) = (0x70, 2);
        let port: IpcPort = self.resources.make(0)?;
        let signal: NotificationPort = self.resources.make(0)?;
        let [line, bell, ports] = [(); 3].map(|()| self.resources.take_slot());
        let (line, bell, ports, node) = (line?, bell?, ports?, self.resources.node());
        InterruptRegion::slot(slot::INTERRUPTS).make_port(LINE, 0, node, line)?;
        node.mint(bell, signal, Rights::WRITE, 1)?;
        InterruptPort::slot(line).bind(NotificationPort::slot(bell))?;
        InterruptPort::slot(line).acknowledge()?;
        IoPort::slot(slot::IO_PORTS).narrow(PORTS.0, PORTS.1, node, ports)?;

        let grants = [(SERVICE, port.into(), Rights::READ), (AWAITED, signal.into(), Rights::READ)];
        let driver = self.build(role::DRIVER, &grants)?;
        driver.grant(INTERRUPT, InterruptPort::slot(line), Rights::WRITE, 0)?;
        driver.grant(CLOCK_PORTS, IoPort::slot(ports), Rights::READ | Rights::WRITE, 0)?;
        self.run(&driver, role::DRIVER)?;
        let interrupted =
            self.start(role::INTERRUPTED, &[(SERVICE, port.into(), Rights::WRITE)])?;
        self.finish([driver, interrupted])
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

    /// A guest and its monitor.
    fn exits(&mut self) -> Result<(), StartError> {
        let port: IpcPort = self.resources.make(0)?;
        let monitor = self.start(role::MONITOR, &[(SERVICE, port.into(), Rights::READ)])?;
        guest::measure_all(&mut self.resources, &mut self.report, port, PRIORITY)?;
        monitor.destroy(&mut self.resources)?;
        Ok(())
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
        let foreign = matches!(role, role::FOREIGN_RESULT | role::FOREIGN_WHOLE);
        // A driver comes before those whom its device interrupts.
        let priority = PRIORITY + u8::from(role == role::DRIVER);
        process.start(&Start { priority, thread_base, argument: role, foreign })
    }

    /// Shows figures until the one that measures is done, and takes the partners away.
    fn finish<const N: usize>(&mut self, partners: [Process; N]) -> Result<(), StartError> {
        loop {
            let message = self.listen()?;
            if message.label() == tell::DONE {
                break;
            }
            assert_eq!(message.label(), tell::FIGURE);
            self.report.show(&Measured::from_words(*message.words()));
            Reply::OWED.reply(&Message::EMPTY)?;
        }
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
