//! The memory of a guest, as devices and whoever loads a kernel reach it.

/// Memory with addresses from 0 on, as the guest counts them.
pub trait GuestMemory {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Fills `bytes` with what is at `address`. *Outside* if not all of it is memory; then nothing
    /// useful is in `bytes`.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside>;

    /// Writes `bytes` to `address`. *Outside* if not all of it is memory; then nothing is written.
    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside>;

    /// The two bytes at `address`, an even one, as they were at one moment: the guest may write both
    /// meanwhile.
    fn load(&self, address: u64) -> Result<u16, Outside>;

    /// Writes two bytes at `address`, an even one: the guest sees both or none.
    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside>;
}

/// Some of the addresses are no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside;

impl<M: GuestMemory + ?Sized> GuestMemory for &mut M {
    fn bytes(&self) -> u64 {
        (**self).bytes()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside> {
        (**self).read(address, bytes)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside> {
        (**self).write(address, bytes)
    }

    fn load(&self, address: u64) -> Result<u16, Outside> {
        (**self).load(address)
    }

    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside> {
        (**self).store(address, value)
    }
}

impl GuestMemory for [u8] {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside> {
        let from = usize::try_from(address).ok().and_then(|at| self.get(at..)).ok_or(Outside)?;
        bytes.copy_from_slice(from.get(..bytes.len()).ok_or(Outside)?);
        Ok(())
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside> {
        let to = usize::try_from(address).ok().and_then(|at| self.get_mut(at..)).ok_or(Outside)?;
        to.get_mut(..bytes.len()).ok_or(Outside)?.copy_from_slice(bytes);
        Ok(())
    }

    fn load(&self, address: u64) -> Result<u16, Outside> {
        let mut bytes = [0; 2];
        self.read(address, &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside> {
        self.write(address, &value.to_le_bytes())
    }
}
