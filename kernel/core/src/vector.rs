//! The extended state of processes, as whoever holds their PCBs attaches, reads, replaces and copies it.
//!
//! Only a process that cannot run is touched. The machine is told to let go of a state first; what
//! an image may hold is its business.

use a9n_abi::{Culprit, Descriptor, Error, Reason, VECTOR_IMAGE_BYTES, VECTOR_IMAGE_OFFSET};
use a9n_hal::{Hal, PhysicalAddress};
use a9n_store::{Capability, Internal, Process, Ref};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

impl<H: Hal> Kernel<H> {
    /// Attaches the Vector State that `state` names to `process`; a null descriptor changes nothing.
    pub(crate) fn configure_vector(
        &mut self,
        caller: Caller,
        process: Ref<Process>,
        state: Descriptor,
    ) -> Result<Outcome, Stop> {
        self.stopped(process)?;
        if let Some(choice) = self.choose(caller, Internal::VectorState, state, 1)? {
            let (_, slot, _) = choice;
            if self.first_child(slot).is_some() {
                return Err(bad_argument(Reason::Busy, 1).into());
            }
            self.install_choice(process, choice)?;
        }
        Ok(Outcome::Nothing)
    }

    /// Puts an image of the extended state of `process` into the caller's IPC buffer.
    pub(crate) fn read_vector(
        &self,
        caller: Caller,
        process: Ref<Process>,
    ) -> Result<Outcome, Stop> {
        let (state, image) = self.state_and_image(caller, process)?;
        self.hal().release_vector_state(state);
        self.hal().read_vector_state(state, image);
        Ok(Outcome::Word(self.hal().vector_image_bytes() as u64))
    }

    /// Replaces the extended state of `process` by the image in the caller's IPC buffer.
    pub(crate) fn write_vector(
        &self,
        caller: Caller,
        process: Ref<Process>,
    ) -> Result<Outcome, Stop> {
        let (state, image) = self.state_and_image(caller, process)?;
        self.hal().release_vector_state(state);
        if self.hal().write_vector_state(state, image) {
            Ok(Outcome::Nothing)
        } else {
            Err(Error::new(Reason::InvalidArgument, Culprit::IPC_BUFFER).into())
        }
    }

    /// Gives `to` the extended state of `from`; neither can run. Refused if `to` has no place
    /// for it.
    pub(crate) fn clone_vector(
        &mut self,
        from: Ref<Process>,
        to: Ref<Process>,
    ) -> Result<(), Error> {
        match (self.vector_state(from), self.vector_state(to)) {
            (Some(from), Some(to)) => {
                self.hal().release_vector_state(from);
                self.hal().release_vector_state(to);
                self.hal().copy_vector_state(from, to);
            }
            (Some(_), None) => return Err(Error::new(Reason::Incomplete, Culprit::DESCRIPTOR)),
            (None, Some(to)) => {
                self.hal().release_vector_state(to);
                self.store.zero(to, 1 << self.hal().vector_state_bits());
                self.hal().prepare_vector_state(to);
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The extended state of `process`, which cannot run, and the place for its image.
    fn state_and_image(
        &self,
        caller: Caller,
        process: Ref<Process>,
    ) -> Result<(PhysicalAddress, PhysicalAddress), Error> {
        self.stopped(process)?;
        let state = self.vector_state(process);
        let state = state.ok_or(Error::new(Reason::Incomplete, Culprit::DESCRIPTOR))?;
        let buffer = self.buffer(caller.process);
        let buffer = buffer.ok_or(Error::new(Reason::InvalidArgument, Culprit::IPC_BUFFER))?;
        if self.hal().vector_image_bytes() > VECTOR_IMAGE_BYTES {
            return Err(Error::new(Reason::NotImplemented, Culprit::IPC_BUFFER));
        }
        Ok((state, buffer.offset(VECTOR_IMAGE_OFFSET as u64)))
    }

    fn vector_state(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        let slot = self.store.internal_slot(process, Internal::VectorState);
        match self.store.get(slot).capability() {
            Some(Capability::VectorState { state }) => Some(state),
            _ => None,
        }
    }
}
