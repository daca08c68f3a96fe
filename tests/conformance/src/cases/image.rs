//! Images of extended states: read, written, copied, refused. The layout is that of XSAVE, in the
//! standard format.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::{Culprit, Descriptor, Error, IpcPort, Pcb, VectorState, buffer};

use super::vector::owner;
use crate::machine::{read_vector, read_wide_vector, watch_vector};
use crate::test::Test;

cases!("image": shows_what_was_in_the_registers, is_loaded_as_written, reaches_wide_registers,
    comes_back_as_it_was, bad_ones_are_refused, needs_a_state, needs_a_stopped_process,
    needs_a_buffer, is_cloned, is_cloned_from_nothing);

/// Words of the image, by what stands there: SSE control, register 7 of SSE and, as CPUID puts it on
/// every machine, of AVX; what the header says is there, and the format.
const CONTROL: usize = 3;
const REGISTER: usize = (160 + 7 * 16) / 8;
const WIDE_REGISTER: usize = (576 + 7 * 16) / 8;
const PRESENT: usize = 64;
const FORMAT: usize = 65;

/// Bytes of legacy area and header.
const SMALLEST: u64 = 576;

/// Bits of the header: SSE, AVX.
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;

/// Reads the image of `process`, over what stood in the buffer; answers its bytes.
fn read(process: Pcb) -> Result<u64, Error> {
    for index in 0..=FORMAT {
        buffer().write_image(index, !0);
    }
    process.read_vector()
}

/// A thread that is stopped in the middle of `watch_vector`, and its memory: the value at 64.
fn stopped_watcher(test: &mut Test, value: u64) -> Result<(Pcb, nun::mapped::Mapped), Failure> {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, value);
    let (pcb, _) = owner(test, watch_vector, memory.address() + 64, port)?;
    let runs = test.share_until(|| memory.read(64 + 16) > 0)?;
    if !runs {
        return Err(Failure::new(file!(), line!(), format_args!("the watcher does not run")));
    }
    pcb.suspend()?;
    Ok((pcb, memory))
}

fn shows_what_was_in_the_registers(test: &mut Test) -> Verdict {
    let (pcb, _) = stopped_watcher(test, 0xfeed_0001)?;
    let bytes = read(pcb)?;
    check!(bytes >= SMALLEST && bytes.is_multiple_of(8));
    check_eq!(buffer().read_image(REGISTER), 0xfeed_0001);
    check_eq!(buffer().read_image(PRESENT) & SSE, SSE);
    check_eq!(buffer().read_image(FORMAT), 0);
    Ok(())
}

fn is_loaded_as_written(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    let (pcb, _) = stopped_owner(test, read_vector, memory.address())?;
    read(pcb)?;
    buffer().write_image(REGISTER, 0xfeed_0002);
    buffer().write_image(PRESENT, SSE);
    pcb.write_vector()?;
    pcb.resume()?;
    test.settle()?;
    check_eq!(memory.read(8), 0xfeed_0002);
    Ok(())
}

/// AVX is part of the state, where the machine has it.
fn reaches_wide_registers(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    let (pcb, _) = stopped_owner(test, read_wide_vector, memory.address())?;
    if read(pcb)? == SMALLEST {
        return Ok(());
    }
    buffer().write_image(REGISTER, 0xfeed_0003);
    buffer().write_image(WIDE_REGISTER, 0xfeed_0004);
    buffer().write_image(PRESENT, SSE | AVX);
    pcb.write_vector()?;
    pcb.resume()?;
    test.settle()?;
    check_eq!((memory.read(0), memory.read(16)), (0xfeed_0003, 0xfeed_0004));
    Ok(())
}

/// What a signal handler's frame holds in between: the process does not notice.
fn comes_back_as_it_was(test: &mut Test) -> Verdict {
    let (pcb, memory) = stopped_watcher(test, 0xfeed_0005)?;
    read(pcb)?;
    pcb.write_vector()?;
    let before = memory.read(64 + 16);
    pcb.resume()?;
    check!(test.share_until(|| memory.read(64 + 16) > before)?);
    Ok(())
}

fn bad_ones_are_refused(test: &mut Test) -> Verdict {
    let (pcb, _) = stopped_watcher(test, 0xfeed_0006)?;
    let bad = |index: usize, value: u64| -> Verdict {
        read(pcb)?;
        buffer().write_image(REGISTER, 0xbad);
        buffer().write_image(index, value);
        check_refused!(pcb.write_vector(), InvalidArgument, Culprit::IPC_BUFFER);
        Ok(())
    };
    bad(CONTROL, 0x1_0000)?;
    bad(CONTROL, 0x8000_1f80)?;
    // Bound registers, protection keys, supervisor states, nothing that there is.
    for component in [3, 4, 8, 9, 11, 12, 13, 15, 62, 63] {
        bad(PRESENT, SSE | 1 << component)?;
    }
    bad(FORMAT, 1 << 63)?;
    bad(FORMAT, SSE)?;
    for index in FORMAT + 1..PRESENT + 8 {
        bad(index, 1)?;
        bad(index, 1 << 63)?;
    }
    read(pcb)?;
    check_eq!(buffer().read_image(REGISTER), 0xfeed_0006);
    Ok(())
}

fn needs_a_state(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    check_refused!(pcb.read_vector(), Incomplete, Culprit::DESCRIPTOR);
    check_refused!(pcb.write_vector(), Incomplete, Culprit::DESCRIPTOR);
    Ok(())
}

fn needs_a_stopped_process(test: &mut Test) -> Verdict {
    let (pcb, _) = stopped_watcher(test, 1)?;
    read(pcb)?;
    pcb.resume()?;
    check_refused!(pcb.read_vector(), Busy, Culprit::DESCRIPTOR);
    check_refused!(pcb.write_vector(), Busy, Culprit::DESCRIPTOR);
    Ok(())
}

/// A thread without a buffer of its own asks.
fn needs_a_buffer(test: &mut Test) -> Verdict {
    let (pcb, _) = stopped_owner(test, read_vector, 0)?;
    let asker = test.bare_thread(ask_for_image, crate::test::pack([index(pcb), 1]))?;
    asker.resume()?;
    test.settle()?;
    let refusal = Error::new(nun::Reason::InvalidArgument, Culprit::IPC_BUFFER);
    check_eq!(crate::cells::get(1), u64::from(refusal.to_label()));
    Ok(())
}

extern "C" fn ask_for_image(argument: u64) -> ! {
    let [pcb, cell] = crate::test::unpack(argument);
    crate::cells::set(cell, crate::cells::outcome(Pcb::slot(pcb).read_vector()));
    crate::test::park()
}

/// The copy goes on watching where the original stopped.
fn is_cloned(test: &mut Test) -> Verdict {
    let (pcb, memory) = stopped_watcher(test, 0xfeed_0007)?;
    let (copy, port) = (test.thread(read_vector, 0)?, test.make::<IpcPort>(0)?);
    check_refused!(copy.clone_state(pcb), Incomplete, Culprit::DESCRIPTOR);
    let state: VectorState = test.make(0)?;
    copy.configure_vector(state)?;
    copy.configure_ports(port, Descriptor::NULL)?;
    copy.clone_state(pcb)?;
    let before = memory.read(64 + 16);
    copy.resume()?;
    check!(test.share_until(|| memory.read(64 + 16) > before)?);
    check!(port.try_receive().is_err());
    Ok(())
}

fn is_cloned_from_nothing(test: &mut Test) -> Verdict {
    let (pcb, _) = stopped_watcher(test, 0xfeed_0008)?;
    let source: Pcb = test.make(0)?;
    pcb.clone_state(source)?;
    read(pcb)?;
    check_eq!((buffer().read_image(PRESENT), buffer().read_image(REGISTER)), (0, 0));
    Ok(())
}

/// A stopped thread with a Vector State.
fn stopped_owner(
    test: &mut Test,
    body: crate::test::Body,
    argument: u64,
) -> Result<(Pcb, VectorState), Error> {
    let pcb = test.thread(body, argument)?;
    let state: VectorState = test.make(0)?;
    pcb.configure_vector(state)?;
    Ok((pcb, state))
}
