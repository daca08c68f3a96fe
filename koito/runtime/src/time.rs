//! Time for components whose manifest entry has an alarm.

use nun::executor::Alarm;
use nun::{Error, IpcPort, Message, NotificationPort, ticks};

use crate::conventions::slot;

/// The alarm that the root server keeps for the component: one deadline at a time.
///
/// It is asked by a message without a reply. So nobody's urgency is lent to the root server, and
/// asking does not wait: the root server is more urgent than every component.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorAlarm;

impl Alarm for SupervisorAlarm {
    fn set(&self, deadline: u64) {
        // Without the capability there is no signal: the manifest says `alarm` or not.
        let _ = IpcPort::slot(slot::ALARM).send(&Message::new(0, [deadline]));
    }
}

/// Waits until the time-stamp counter has reached `deadline`. For components that serve nobody:
/// other signals that come meanwhile are lost.
pub fn sleep(deadline: u64) -> Result<(), Error> {
    while ticks() < deadline {
        SupervisorAlarm.set(deadline);
        NotificationPort::slot(slot::NOTIFICATION).wait()?;
    }
    Ok(())
}
