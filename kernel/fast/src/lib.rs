//! Where the system call stubs call the kernel's fast paths: the frequent ones twice, for the CPU that
//! runs alone and for one of several, so that neither asks which it is; the others once.
//!
//! The functions end in a jump, with nothing left on the stack (see `hal-x86_64`'s `entry`). They
//! are a crate of their own because a crate is what the compiler's optimisation is chosen for:
//! these are compiled for speed, the rest of the kernel for size.
//!
//! # Soundness
//! The kernel is one value in [`KERNEL`]. An event has it for itself: the CPU runs with interrupts
//! off from its entry to its exit, so no event comes while another is handled there, and other
//! CPUs are kept out by the kernel lock, which [`Exclusive`] or the entry stub takes.

#![no_std]

use core::num::NonZeroU64;
use core::ptr;

use a9n_abi::ipc_port::word;
use a9n_abi::{interrupt_port, kernel, notification, pcb, reply, timer};
use a9n_core::{Admitted, Kernel, Lengths, Long, Notified, Plain, Program, Short, Vectors};
use a9n_hal::{Hal, KernelAddress};
use a9n_hal_x86_64::X86_64;
use a9n_hal_x86_64::context::Context;
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::entry::{
    Entered, a9n_retreat_exit, a9n_retreat_exit_locked, a9n_save_answer, a9n_save_answer_locked,
};
use a9n_hal_x86_64::lock::Exclusive;
use a9n_hal_x86_64::virt::Technique;
use a9n_store::{Process, Ref};

/// The kernel.
pub static KERNEL: Exclusive<Kernel<X86_64>> = Exclusive::new(Kernel::new(X86_64));

/// The process whose context the machine found current on its CPU.
#[inline(always)]
pub fn process(context: &Context) -> Ref<Process> {
    let address = ptr::from_ref(context).expose_provenance() as u64;
    // SAFETY: a reference is not null. The context was handed to the machine by an event or a fast
    // path, as the first field of a process that lives as long as it is current.
    unsafe { Ref::from_address(KernelAddress(NonZeroU64::new_unchecked(address))) }
}

/// A function that the stubs, or another such function, jump to.
macro_rules! path {
    ($name:ident($descriptor:ident, $info:ident, $me:ident, $number:ident, $word4:ident, $word5:ident)
        $body:block) => {
        #[unsafe(no_mangle)]
        extern "C" fn $name(
            $descriptor: u64,
            $info: u64,
            $me: &Context,
            $number: u64,
            $word4: u64,
            $word5: u64,
        ) $body
    };
}

/// Every fast path, entered as `$entered` says from the argument that carries the CPU's number.
/// Each function tries what is most frequent, and jumps on to the next if that does not suit. They are
/// functions of their own so that what a rare case keeps in registers costs the frequent one nothing;
/// and have names for the linker, so that their arguments, the registers of the kernel call, stay
/// where they are.
macro_rules! paths {
    ($entered:ident: $call:ident $other_call:ident $long_call:ident,
        $reply:ident $other_reply:ident $long_reply:ident,
        $foreign:ident $other_foreign:ident,
        $notify:ident $notify_bound:ident $wake:ident $wait:ident, $map:ident,
        $exit:ident $answer:ident) => {
        path!($call(descriptor, info, me, number, word4, word5) {
            if !Short::admit(info) {
                return $long_call(descriptor, info, me, number, word4, word5);
            }
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            if the_kernel().fast_call::<Admitted, Plain>(&cpu, process, descriptor, message).is_none() {
                $other_call(descriptor, info, me, number, word4, word5);
            }
        });
        path!($other_call(descriptor, info, me, number, word4, word5) {
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            if the_kernel().fast_call::<Admitted, Vectors>(&cpu, process, descriptor, message).is_none() {
                a9n_stored_call(descriptor, info, me, as_either(&cpu), word4, word5);
            }
        });
        path!($long_call(descriptor, info, me, number, word4, word5) {
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            let kernel = the_kernel();
            if kernel.fast_call::<Long, Vectors>(&cpu, process, descriptor, message).is_none() {
                kernel.hal().retreat(&cpu, me, word::Call, descriptor, info, word4, word5);
            }
        });
        path!($reply(descriptor, info, me, number, word4, word5) {
            if !Short::admit(info) {
                return $long_reply(descriptor, info, me, number, word4, word5);
            }
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            let kernel = the_kernel();
            if kernel.fast_reply_receive::<Admitted, Plain>(&cpu, process, descriptor, message).is_none()
                && kernel.fast_result(&cpu, process, descriptor, info).is_none()
            {
                $other_reply(descriptor, info, me, number, word4, word5);
            }
        });
        path!($other_reply(descriptor, info, me, number, word4, word5) {
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            let kernel = the_kernel();
            if kernel.fast_verdict::<Admitted>(&cpu, process, descriptor, info).is_none()
                && kernel
                    .fast_reply_receive::<Admitted, Vectors>(&cpu, process, descriptor, message)
                    .is_none()
            {
                if kernel.serves_guest(process) {
                    let number = as_either(&cpu);
                    return answer_guest(&cpu, (descriptor, info, me, number, word4, word5));
                }
                a9n_fast_stop(descriptor, info, me, as_either(&cpu), word4, word5);
            }
        });
        path!($long_reply(descriptor, info, me, number, word4, word5) {
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            let kernel = the_kernel();
            if kernel
                .fast_reply_receive::<Long, Vectors>(&cpu, process, descriptor, message)
                .is_none()
            {
                let operation = word::ReplyReceive;
                kernel.hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
            }
        });
        path!($foreign(descriptor, info, me, number, word4, word5) {
            let (cpu, process, message) = ($entered(number), process(me), (info, word4, word5));
            let kernel = the_kernel();
            if kernel.fast_foreign::<Program>(&cpu, process, message).is_none()
                && kernel.fast_foreign::<Plain>(&cpu, process, message).is_none()
            {
                $other_foreign(descriptor, info, me, number, word4, word5);
            }
        });
        path!($other_foreign(descriptor, info, me, number, word4, word5) {
            let (cpu, message) = ($entered(number), (info, word4, word5));
            if the_kernel().fast_foreign::<Vectors>(&cpu, process(me), message).is_none() {
                a9n_stored_foreign(descriptor, info, me, as_either(&cpu), word4, word5);
            }
        });
        path!($notify(descriptor, info, me, number, word4, word5) {
            let (cpu, process, words) = ($entered(number), process(me), (word4, word5));
            let kernel = the_kernel();
            match kernel.fast_notify(&cpu, process, descriptor, words) {
                Some(Notified::Nobody(_)) => {}
                Some(Notified::Process(woken)) => {
                    $wake(kernel.context(woken), info, me, number, word4, word5);
                }
                None => $notify_bound(descriptor, info, me, number, word4, word5),
            }
        });
        path!($notify_bound(descriptor, info, me, number, word4, word5) {
            let (cpu, kernel) = ($entered(number), the_kernel());
            match kernel.fast_notify_bound(&cpu, process(me), descriptor) {
                Some(woken) => $wake(kernel.context(woken), info, me, number, word4, word5),
                None => {
                    let operation = notification::word::Notify;
                    kernel.hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
                }
            }
        });
        #[unsafe(no_mangle)]
        extern "C" fn $wake(
            woken: &Context,
            _info: u64,
            me: &Context,
            number: u64,
            word4: u64,
            word5: u64,
        ) {
            let (cpu, words) = ($entered(number), (word4, word5));
            the_kernel().fast_wake::<Plain>(&cpu, process(me), process(woken), words);
        }
        path!($wait(descriptor, info, me, number, word4, word5) {
            let (cpu, process, words) = ($entered(number), process(me), (word4, word5));
            if the_kernel().fast_wait_signal(&cpu, process, descriptor, words).is_none() {
                let operation = notification::word::Wait;
                the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
            }
        });
        // A page's address takes the place of the CPU's number.
        path!($map(descriptor, info, me, address, memory, word5) {
            let (cpu, process) = ($entered(here()), process(me));
            let kernel = the_kernel();
            kernel.fast_map(&cpu, process, descriptor, info, address, memory, word5);
        });
        path!($exit(_descriptor, _info, me, number, _word4, _word5) {
            exit(&$entered(number), me, Technique::Svm);
        });
        path!($answer(descriptor, info, me, number, word4, word5) {
            answer(&$entered(number), me, (descriptor, info, word4, word5), Technique::Svm);
        });
    };
}

paths!(
    alone:
    a9n_fast_call a9n_other_call a9n_long_call,
    a9n_fast_reply_receive a9n_other_reply_receive
        a9n_long_reply_receive,
    a9n_fast_foreign a9n_other_foreign,
    a9n_fast_notify a9n_other_notify a9n_fast_wake a9n_fast_wait,
    a9n_fast_map,
    a9n_fast_exit a9n_guest_answer
);

paths!(
    locked:
    a9n_fast_call_locked a9n_other_call_locked a9n_long_call_locked,
    a9n_fast_reply_receive_locked a9n_other_reply_receive_locked
        a9n_long_reply_receive_locked,
    a9n_fast_foreign_locked a9n_other_foreign_locked,
    a9n_fast_notify_locked a9n_other_notify_locked a9n_fast_wake_locked a9n_fast_wait_locked,
    a9n_fast_map_locked,
    a9n_fast_exit_locked a9n_guest_answer_locked
);

// What is less frequent exists once: these ask how they were entered.
path!(a9n_fast_exit_vmx(_descriptor, _info, me, number, _word4, _word5) {
    exit(&either(number), me, Technique::Vmx);
});
path!(a9n_guest_answer_vmx(descriptor, info, me, number, word4, word5) {
    answer(&either(number), me, (descriptor, info, word4, word5), Technique::Vmx);
});
path!(a9n_fast_stop(descriptor, info, me, number, word4, word5) {
    let (cpu, process) = (either(number), process(me));
    if the_kernel().fast_stop(&cpu, process, descriptor, info).is_none() {
        let operation = word::ReplyReceive;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
path!(a9n_stored_call(descriptor, info, me, number, word4, word5) {
    let (cpu, process, message) = (either(number), process(me), (info, word4, word5));
    if the_kernel().fast_stored_call(&cpu, process, descriptor, message).is_none() {
        the_kernel().hal().retreat(&cpu, me, word::Call, descriptor, info, word4, word5);
    }
});
path!(a9n_stored_foreign(_descriptor, info, me, number, word4, word5) {
    let (cpu, message) = (either(number), (info, word4, word5));
    if the_kernel().fast_stored_foreign(&cpu, process(me), message).is_none() {
        the_kernel().hal().retreat_foreign(&cpu, me);
    }
});
// These find the first four words of their messages in the context.
path!(a9n_fast_reply(descriptor, info, me, number, word4, word5) {
    let (cpu, kernel, message) = (either(number), the_kernel(), (info, word4, word5));
    match kernel.fast_reply(&cpu, process(me), descriptor, message) {
        Some(woken) => a9n_late_wake(kernel.context(woken), info, me, number, word4, word5),
        None => {
            let operation = reply::word::Reply;
            kernel.hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
        }
    }
});
path!(a9n_fast_send(descriptor, info, me, number, word4, word5) {
    let (cpu, kernel, message) = (either(number), the_kernel(), (info, word4, word5));
    match kernel.fast_send(&cpu, process(me), descriptor, message) {
        Some(woken) => a9n_late_wake(kernel.context(woken), info, me, number, word4, word5),
        None => {
            kernel.hal().retreat(&cpu, me, word::Send, descriptor, info, word4, word5);
        }
    }
});
path!(a9n_fast_keep(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_keep(&cpu, process, descriptor, words).is_none() {
        let operation = reply::word::Keep;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
// The operation, which may name a slot, takes the place of a word that does not count.
path!(a9n_fast_receive(descriptor, info, me, number, operation, word5) {
    let (cpu, process) = (either(number), process(me));
    if the_kernel().fast_receive(&cpu, process, descriptor, info, operation).is_none() {
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, operation, word5);
    }
});
// The operation takes the place of a word that does not count.
path!(a9n_fast_register(descriptor, info, me, number, operation, word5) {
    let (cpu, process, words) = (either(number), process(me), (operation, word5));
    let kernel = the_kernel();
    if kernel.fast_register(&cpu, process, (descriptor, operation), words).is_none() {
        kernel.hal().retreat(&cpu, me, operation, descriptor, info, operation, word5);
    }
});
path!(a9n_fast_resume(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_resume(&cpu, process, descriptor, words).is_none() {
        let operation = pcb::word::Resume;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
path!(a9n_fast_arm(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_arm(&cpu, process, descriptor, words).is_none() {
        let operation = timer::word::Arm;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
path!(a9n_fast_acknowledge(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_acknowledge(&cpu, process, descriptor, words).is_none() {
        let operation = interrupt_port::word::Acknowledge;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
#[unsafe(no_mangle)]
extern "C" fn a9n_late_wake(
    woken: &Context,
    _info: u64,
    me: &Context,
    number: u64,
    word4: u64,
    word5: u64,
) {
    let (cpu, words) = (either(number), (word4, word5));
    the_kernel().fast_wake::<Vectors>(&cpu, process(me), process(woken), words);
}
path!(a9n_fast_poll(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_poll(&cpu, process, descriptor, words).is_none() {
        let operation = notification::word::Poll;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});
path!(a9n_fast_yield(descriptor, info, me, number, word4, word5) {
    let (cpu, process, words) = (either(number), process(me), (word4, word5));
    if the_kernel().fast_yield(&cpu, process, words).is_none() {
        let operation = kernel::word::Yield;
        the_kernel().hal().retreat(&cpu, me, operation, descriptor, info, word4, word5);
    }
});

/// The path of an exit.
#[inline(always)]
fn exit(cpu: &Entered, me: &Context, technique: Technique) {
    if the_kernel().fast_exit(cpu, process(me), &technique).is_none() {
        // SAFETY: the last action of a path.
        unsafe {
            match cpu {
                Entered::Alone => a9n_retreat_exit(0, 0, me),
                Entered::Locked(_) => a9n_retreat_exit_locked(0, 0, me),
            }
        }
    }
}

/// That of a monitor's answer.
#[inline(always)]
fn answer(cpu: &Entered, me: &Context, message: (u64, u64, u64, u64), technique: Technique) {
    let (kernel, (descriptor, info, word4, word5)) = (the_kernel(), message);
    let message = (info, word4, word5);
    let left = kernel.fast_guest_verdict(cpu, process(me), descriptor, message, &technique);
    if left.is_none() {
        kernel.hal().retreat(cpu, me, word::ReplyReceive, descriptor, info, word4, word5);
    }
}

/// Goes on at the path of a monitor's answer.
#[inline(always)]
fn answer_guest(cpu: &Entered, arguments: (u64, u64, &Context, u64, u64, u64)) {
    let (descriptor, info, me, number, word4, word5) = arguments;
    // SAFETY: the last action of a path, with its arguments where they are.
    unsafe {
        match cpu {
            Entered::Alone => a9n_save_answer(descriptor, info, me, number, word4, word5),
            Entered::Locked(_) => {
                a9n_save_answer_locked(descriptor, info, me, number, word4, word5);
            }
        }
    }
}

/// The kernel, for a path.
#[inline(always)]
fn the_kernel() -> &'static Kernel<X86_64> {
    // SAFETY: the paths above use it only, and they are reached from a stub, which took the lock if
    // there is one. They end before it is given back.
    unsafe { KERNEL.entered() }
}

/// Number of the CPU, as a stub would pass it.
#[inline(always)]
fn here() -> u64 {
    Cpu::here().number().into()
}

/// The number that [`either`] makes this of.
#[inline(always)]
fn as_either(cpu: &Entered) -> u64 {
    match cpu {
        Entered::Alone => Entered::ALONE,
        Entered::Locked(number) => u64::from(*number),
    }
}

/// There is one CPU, and the stub passed no number.
#[inline(always)]
fn alone(_number: u64) -> Entered {
    Entered::Alone
}

/// There are several CPUs.
#[inline(always)]
fn locked(number: u64) -> Entered {
    // SAFETY: used above only, with the number of the CPU that the path runs on.
    unsafe { Entered::locked(number) }
}

/// There are several CPUs if the number is that of one.
#[inline(always)]
fn either(number: u64) -> Entered {
    if number == Entered::ALONE { Entered::Alone } else { locked(number) }
}
