//! Sending and receiving: the operations that carry messages.

use a9n_abi::{
    Descriptor, Error, MESSAGE_REGISTERS, MessageInfo, REPLY_SLOT_SHIFT, Source, Verdict,
    ipc_port::word, reply,
};

use crate::received::Arrival;
use crate::syscall::{Answer, kernel_call, refusal};
use crate::{IpcPort, Message, Received, Reply};

impl IpcPort {
    /// Sends `message` and waits for its reply.
    #[inline(always)]
    pub fn call(self, message: &Message) -> Result<Message, Error> {
        reply_in(self.call_plain(message))
    }

    /// Like [`call`](Self::call), with the answer as it came.
    #[inline(always)]
    pub(crate) fn call_plain(self, message: &Message) -> Answer {
        kernel_call(word::Call, self.descriptor(), message.info, message.words)
    }

    /// Like [`call`](Self::call), but fails with *would block* if nobody is receiving.
    #[inline]
    pub fn try_call(self, message: &Message) -> Result<Message, Error> {
        let info = message.info.non_blocking();
        reply_in(kernel_call(word::Call, self.descriptor(), info, message.words))
    }

    /// Sends `message`; waits until it is taken.
    #[inline]
    pub fn send(self, message: &Message) -> Result<(), Error> {
        done(kernel_call(word::Send, self.descriptor(), message.info, message.words))
    }

    /// Like [`send`](Self::send), but fails with *would block* if nobody is receiving.
    #[inline]
    pub fn try_send(self, message: &Message) -> Result<(), Error> {
        let info = message.info.non_blocking();
        done(kernel_call(word::Send, self.descriptor(), info, message.words))
    }

    /// Waits for something to come: a message here, signals of the bound Notification Port. A
    /// caller whose reply is still owed gets an error.
    #[inline(always)]
    pub fn receive(self) -> Result<Received, Error> {
        self.receive_form(0, MessageInfo::default())
    }

    /// Like [`receive`](Self::receive), but fails with *would block* if nothing is there.
    #[inline]
    pub fn try_receive(self) -> Result<Received, Error> {
        self.receive_form(0, MessageInfo::default().non_blocking())
    }

    /// Like [`receive`](Self::receive); if a call comes, the right to answer it lands in slot
    /// `reply` of the root node, which must be empty. So it can be answered later, in any order.
    #[inline]
    pub fn receive_into(self, reply: u64) -> Result<Received, Error> {
        self.receive_form(reply, MessageInfo::default())
    }

    /// Like [`receive_into`](Self::receive_into), but a call is served with the receiver's own priority and quantum
    /// instead of its caller's: for a supervisor of processes that are less urgent than itself.
    #[inline]
    pub fn receive_on_own_time(self, reply: u64) -> Result<Received, Error> {
        self.receive_form(reply, MessageInfo::default().on_own_time())
    }

    /// Answers the caller that the last receive accepted with `message`, then receives. A caller
    /// that is gone by now is passed over.
    #[inline(always)]
    pub fn reply_receive(self, message: &Message) -> Result<Received, Error> {
        self.reply_receive_into(message, 0)
    }

    /// [`reply_receive`](Self::reply_receive) and [`receive_into`](Self::receive_into) in one.
    #[inline(always)]
    pub fn reply_receive_into(self, message: &Message, reply: u64) -> Result<Received, Error> {
        let operation = word::ReplyReceive | (reply << REPLY_SLOT_SHIFT);
        let answer = kernel_call(operation, self.descriptor(), message.info, message.words);
        Received::from_answer(answer)
    }

    /// Like [`reply_receive`](Self::reply_receive), with what came as it came.
    #[inline(always)]
    pub(crate) fn reply_receive_plain(self, message: &Message) -> Answer {
        kernel_call(word::ReplyReceive, self.descriptor(), message.info, message.words)
    }

    /// Like [`reply_receive`](Self::reply_receive), for a resolver in a hurry: see [`Arrival`].
    #[inline(always)]
    pub fn answer_and_await(self, message: &Message) -> Arrival {
        Arrival(self.reply_receive_plain(message))
    }

    /// The same for the most frequent answer: a foreign call has this result.
    #[inline(always)]
    pub fn resume_and_await(self, result: u64) -> Arrival {
        self.answer_and_await(&Message::new(Verdict::Resume as u32, [result]))
    }

    /// Like [`receive`](Self::receive), in the same way.
    #[inline]
    pub fn await_arrival(self) -> Arrival {
        Arrival(self.receive_plain())
    }

    /// Like [`receive`](Self::receive), with what came as it came.
    pub(crate) fn receive_plain(self) -> Answer {
        let words = [0; MESSAGE_REGISTERS];
        kernel_call(word::Receive, self.descriptor(), MessageInfo::default(), words)
    }

    #[inline(always)]
    fn receive_form(self, reply: u64, info: MessageInfo) -> Result<Received, Error> {
        let operation = word::Receive | (reply << REPLY_SLOT_SHIFT);
        let words = [0; MESSAGE_REGISTERS];
        Received::from_answer(kernel_call(operation, self.descriptor(), info, words))
    }
}

impl Reply {
    /// The Reply to the call that the last receive accepted without naming a slot.
    pub const OWED: Self = Self::at(Descriptor::NULL);

    /// Answers with `message`. The Reply is used up then.
    #[inline]
    pub fn reply(self, message: &Message) -> Result<(), Error> {
        let descriptor = self.descriptor();
        done(kernel_call(reply::word::Reply, descriptor, message.info, message.words))
    }
}

/// What came in answer to a call.
#[inline(always)]
fn reply_in(answer: Answer) -> Result<Message, Error> {
    match answer.info.source() {
        Some(Source::Message) => Ok(Message { info: answer.info, words: answer.words }),
        _ => Err(refusal(answer.info)),
    }
}

#[inline(always)]
fn done(answer: Answer) -> Result<(), Error> {
    if answer.info.label() == 0 { Ok(()) } else { Err(refusal(answer.info)) }
}
