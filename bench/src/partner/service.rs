//! A service as the macro makes it, beside the raw IPC that carries it (`ipc.cross.4`).

use a9n_bench::measure::measure;
use nun::IpcPort;
use nun::service::{Caller, String, Wire, serve as serve_port};

use crate::publish;

/// Which instance serves: there is only one.
const EPOCH: u16 = 1;

/// There is no such sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
enum AdderError {
    /// It is too large.
    Overflow = 1,
}

/// What is measured.
#[nun::service(version = 1)]
trait Adder {
    /// The sum of `a` and `b`.
    #[method(ordinal = 1, retry = idempotent)]
    fn add(&self, a: u64, b: u64) -> Result<u64, AdderError>;
    /// The same text.
    #[method(ordinal = 2, retry = idempotent)]
    fn repeat(&self, text: String<64>) -> String<64>;
}

struct Server;

impl Adder for Server {
    fn add(&self, _: Caller, a: u64, b: u64) -> Result<u64, AdderError> {
        a.checked_add(b).ok_or(AdderError::Overflow)
    }

    fn repeat(&self, _: Caller, text: String<64>) -> String<64> {
        text
    }
}

/// Serves for ever.
pub fn serve(port: IpcPort) -> ! {
    let error = serve_port(port, EPOCH, &AdderServer(Server), |_| {});
    panic!("the service ended: {error}");
}

/// Two arguments and a result; a text of 64 bytes each way.
pub fn measure_calls(port: IpcPort) {
    let adder = AdderClient::new(port);
    publish(&measure("service.call", || adder.add(2, 3), |sum| assert_eq!(sum, Ok(5))));
    let text: String<64> = "sixty-four bytes of text, which travel in nine words of a messag!"
        .try_into()
        .unwrap_or_default();
    publish(&measure(
        "service.call.text",
        || adder.repeat(text.clone()),
        |repeated| assert_eq!(repeated.as_ref(), Ok(&text)),
    ));
}
