//! What the first thread of a monitor orders the others to do, who have done it when they answer.

use nun::{Culprit, Error, IpcPort, Message, Reason};

/// What is to be done with the processors of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// They stop where they are.
    Pause,
    /// They go on, and do not notice that so many ticks have passed.
    GoOn {
        /// The ticks.
        passed: u64,
    },
    /// They stop, and wait to be started, in a machine that was switched on at this time.
    BeginAt {
        /// In ticks.
        origin: u64,
    },
}

impl Order {
    /// As a message.
    const fn message(self) -> Message {
        match self {
            Self::Pause => Message::new(0, []),
            Self::GoOn { passed } => Message::new(1, [passed]),
            Self::BeginAt { origin } => Message::new(2, [origin]),
        }
    }

    /// What a message orders.
    pub fn of_message(message: &Message) -> Option<Self> {
        let [word, ..] = *message.words();
        match message.label() {
            0 => Some(Self::Pause),
            1 => Some(Self::GoOn { passed: word }),
            2 => Some(Self::BeginAt { origin: word }),
            _ => None,
        }
    }

    /// Gives it to the thread that receives at `port`, and waits until it has done that.
    pub fn give(self, port: IpcPort) -> Result<(), Error> {
        match port.call(&self.message())?.label() {
            0 => Ok(()),
            _ => Err(Error::new(Reason::Busy, Culprit::OTHER)),
        }
    }

    /// The answer to one that was done, with this result.
    pub const fn answer(result: Result<(), Error>) -> Message {
        Message::new(result.is_err() as u32, [])
    }
}
