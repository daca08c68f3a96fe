//! The unprivileged side: clients, which measure, and servers, which are measured.
#![no_std]
#![no_main]

mod driver;
mod foreign;
mod monitor;
mod round_trip;
mod server;
mod service;
mod signal;

use a9n_bench::machine::{stamp, use_vectors};
use a9n_bench::measure::{Measured, measure};
use a9n_bench::parts::measure_parts;
use a9n_bench::roles::{AWAITED, SERVICE, SIGNALLED, role, tell};
use nun::entry::Stack;
use nun::{IpcPort, Message, NotificationPort, aci, breakpoint, yield_now};

nun::entry!(main);

const PORT: IpcPort = IpcPort::slot(SERVICE);
const OUT: NotificationPort = NotificationPort::slot(SIGNALLED);
const IN: NotificationPort = NotificationPort::slot(AWAITED);

fn main(argument: u64) {
    match argument {
        role::SERVER => server::echo(PORT),
        role::VECTOR_SERVER => {
            use_vectors();
            server::echo(PORT)
        }
        role::CLOCK => server::tell_time(PORT),
        role::DEFERRING => server::defer(PORT),
        role::RESOLVER => server::resolve(PORT),
        role::MONITOR => monitor::answer_exits(PORT),
        role::RESULT_GIVER => foreign::give_results(PORT),
        role::WHOLE_GIVER => foreign::let_go_on(PORT),
        role::PONG => signal::pong(IN, OUT),
        role::YIELDER => yield_for_ever(),
        role::DRIVER => driver::drive(PORT, IN),
        role::CROSS => round_trip::cross(PORT),
        role::SAME => {
            start_thread(server_thread);
            round_trip::same(PORT);
        }
        role::FOUR => round_trip::one("ipc.cross.0.cpus4", PORT),
        role::VECTOR_CLIENT => {
            use_vectors();
            round_trip::one("ipc.cross.0.fpu_client", PORT);
        }
        role::VECTOR_BOTH => {
            use_vectors();
            round_trip::one("ipc.cross.0.fpu_both", PORT);
        }
        role::ONE_WAY => round_trip::one_way(PORT),
        role::DEFERRED => round_trip::one("ipc.deferred_reply", PORT),
        role::ADDER => service::serve(PORT),
        role::SERVICE => service::measure_calls(PORT),
        role::FAULT => publish(&measure("fault", breakpoint, |()| {})),
        role::FOREIGN_RESULT => foreign::measure_calls("foreign.result"),
        role::FOREIGN_WHOLE => foreign::measure_calls("foreign.full"),
        role::PING => signal::ping(IN, OUT),
        role::WAKE => {
            start_thread(woken_thread);
            signal::wake(OUT);
        }
        role::SWITCHING => switch(),
        role::INTERRUPTED => driver::interrupted(PORT),
        role::ALONE => alone(),
        other => panic!("unknown role {other}"),
    }
    tell_init(&Message::new(tell::DONE, []));
}

fn tell_init(message: &Message) {
    IpcPort::slot(aci::slot::PARENT).call(message).expect("init listens");
}

/// Gives a figure to init, which shows it.
fn publish(measured: &Measured) {
    tell_init(&Message::new(tell::FIGURE, measured.into_words()));
}

/// Asks init for a second process in this address space. (Only that can make one.)
fn start_thread(entry: extern "C" fn() -> !) {
    static STACK: Stack<8192> = Stack::new();
    tell_init(&Message::new(tell::THREAD, [entry as *const () as u64, STACK.top()]));
}

extern "C" fn server_thread() -> ! {
    server::echo(PORT)
}

extern "C" fn woken_thread() -> ! {
    signal::note_wake(IN)
}

/// Kernel calls that concern nobody else.
fn alone() {
    publish(&measure("empty", || (), |()| {}));
    let nobody = IpcPort::slot(aci::slot::FREE);
    let refused = |answer: Result<Message, nun::Error>| assert!(answer.is_err());
    publish(&measure("call.null", || nobody.call(&Message::EMPTY), refused));
    publish(&measure("yield", yield_now, |answer| assert!(answer.is_ok())));
    publish(&measure(
        "notify.no_waiter",
        || OUT.notify(),
        |answer| {
            assert!(answer.is_ok());
            assert_ne!(IN.poll(), Ok(0));
        },
    ));
    // The same port under its other name, signalled before each wait.
    OUT.notify().expect("it may signal");
    publish(&measure(
        "notify.wait_signalled",
        || IN.wait(),
        |bits| {
            assert_ne!(bits, Ok(0));
            OUT.notify().expect("it may signal");
        },
    ));
}

fn yield_for_ever() -> ! {
    while yield_now().is_ok() {}
    panic!("yielding failed");
}

/// Half of yielding to a process that yields back at once.
fn switch() {
    let [measured] = measure_parts(["process.switch"], || {
        let start = stamp();
        let answer = yield_now();
        let both = stamp().wrapping_sub(start);
        assert!(answer.is_ok());
        [both / 2]
    });
    publish(&measured);
}
