//! The journal: transactions reach the device as a whole or not at all.

mod commit;
mod format;
mod log;
mod replay;
mod transaction;

pub use log::{Log, Run};
pub use replay::replay;
pub use transaction::{Seal, Transaction};
