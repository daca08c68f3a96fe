//! The unprivileged side: clients, which measure, and servers, which are measured.
#![no_std]
#![no_main]

mod measure;
mod roles;
mod round_trip;

use measure::measure;
use nun::entry::Stack;
use nun::{IpcPort, Message, NotificationPort, Received, aci, breakpoint, yield_now};
use roles::{AWAITED, SERVICE, SIGNALLED, role, tell};

nun::entry!(main);

const PORT: IpcPort = IpcPort::slot(SERVICE);
const OUT: NotificationPort = NotificationPort::slot(SIGNALLED);
const IN: NotificationPort = NotificationPort::slot(AWAITED);

fn main(argument: u64) {
    match argument {
        role::SERVER => serve(),
        role::RESOLVER => resolve(),
        role::PONG => pong(),
        role::CROSS => round_trip::cross(PORT),
        role::SAME => {
            static STACK: Stack<8192> = Stack::new();
            let thread = [thread as *const () as u64, STACK.top()];
            tell_init(&Message::new(tell::THREAD, thread));
            round_trip::same(PORT);
        }
        role::FAULT => measure("fault", breakpoint, |()| {}),
        role::PING => ping(),
        role::ALONE => alone(),
        other => panic!("unknown role {other}"),
    }
    tell_init(&Message::new(tell::DONE, []));
}

fn tell_init(message: &Message) {
    IpcPort::slot(aci::slot::PARENT).call(message).expect("init listens");
}

/// The server in its client's address space.
extern "C" fn thread() {
    serve()
}

fn serve() {
    let mut received = PORT.receive();
    while let Ok(Received::Message { message, .. }) = received {
        received = PORT.reply_receive(&message);
    }
    panic!("the server got no message");
}

fn resolve() {
    let mut received = PORT.receive();
    while received.is_ok() {
        received = PORT.reply_receive(&Message::EMPTY);
    }
    panic!("the resolver got an error");
}

fn pong() {
    while IN.wait().is_ok() && OUT.notify().is_ok() {}
    panic!("the signals stopped");
}

fn ping() {
    let there_and_back = || OUT.notify().and_then(|()| IN.wait());
    measure("notify.ping_pong", there_and_back, |bits| assert_ne!(bits, Ok(0)));
}

fn alone() {
    let nobody = IpcPort::slot(aci::slot::FREE);
    measure("call.null", || nobody.call(&Message::EMPTY), |answer| assert!(answer.is_err()));
    measure("yield", yield_now, |answer| assert!(answer.is_ok()));
    measure(
        "notify.no_waiter",
        || OUT.notify(),
        |answer| {
            assert!(answer.is_ok());
            assert_ne!(IN.poll(), Ok(0));
        },
    );
    // The same port under its other name, signalled before each wait.
    OUT.notify().expect("it may signal");
    measure(
        "notify.wait_signalled",
        || IN.wait(),
        |bits| {
            assert_ne!(bits, Ok(0));
            OUT.notify().expect("it may signal");
        },
    );
}
