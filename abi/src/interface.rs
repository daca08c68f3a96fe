//! The table of objects and operations, from which everything else about them is made.

/// Hands the whole interface to the macro named by its argument.
///
/// The callback receives, per object: documentation, module name, type name and number; and per
/// operation: documentation, function name, variant name, number, required right, arguments and
/// results. This crate makes decoder and reference data from it, Nun its typed methods.
///
/// An operation has at most six arguments and six results, one word each. Argument types are
/// those with [`Word`](crate::Word).
#[macro_export]
macro_rules! interface {
    ($callback:ident) => {
        $callback! {
            /// Not an object: what a process may ask without any capability.
            object kernel Kernel = 1 {
                /// Lets other processes of the same priority run first.
                ///
                /// Cost: `yield` if the caller goes on, `process.switch` if another process
                /// does.
                yield_now Yield = 1 [] -> ();
                /// Writes `length` bytes, at most 40, from the words that follow to the early
                /// console, waiting until they are taken. For bringing a system up.
                ///
                /// Cost: the serial line's, some 90 microseconds a byte at 115,200 baud, with
                /// interrupts off.
                debug_write DebugWrite = 2 []
                    (length: u64, text0: u64, text1: u64, text2: u64, text3: u64, text4: u64) -> ();
                /// Ends an emulator run and tells it success (1) or failure (0). Does
                /// nothing where there is no emulator, or where the kernel is built without it.
                ///
                /// Cost: constant.
                debug_exit DebugExit = 3 [] (success: u64) -> ();
                /// Finishes what removals have left to do. A `remove` or `revoke` that has done its
                /// own part, but has to be repeated because much died with it, is repeated as
                /// this; programs need not ask for it.
                ///
                /// Cost: in steps: of what died, eight slots, three waiting processes or two
                /// page tables each.
                settle Settle = 4 [] -> ();
            }
            /// A power-of-two piece of physical memory from which objects are made. Moves, but is
            /// never copied. Whole again when all that was made from it is gone.
            object generic Generic = 2 {
                /// Makes objects of one type, whose capabilities go to consecutive slots of a
                /// node. `size_bits` is the radix of a Node, the logarithm of the bytes of a Frame
                /// or Generic, and 0 for everything else. Device Generics give only Frames and
                /// Generics. Clears the memory, in restartable steps. At most 64 objects can be
                /// asked for; fewer are made where that would take too long. Answers how many.
                ///
                /// Cost: with the `revoke` of one small object, `convert_revoke`. A call makes
                /// at most eight small objects, two Address Spaces, or one PCB or Vector State;
                /// memory is cleared in steps of 7 KiB.
                convert Convert = 1 [WRITE]
                    (object: ObjectType, size_bits: u64, count: u64, node: Descriptor, index: u64)
                    -> (converted: u64);
                /// Physical address (0 without the right to `dma`), logarithm of the size, bytes
                /// used, and 1 for device space.
                ///
                /// Cost: constant.
                information Information = 2 [READ] -> (address: u64, size_bits: u64, used: u64, device: u64);
            }
            /// An array of capability slots. Slot 0 is the node's own.
            object node Node = 3 {
                /// Puts a copy of the capability at `source` into slot `index`.
                ///
                /// Cost: constant.
                copy Copy = 1 [WRITE] (index: u64, source: Descriptor) -> ();
                /// Moves the capability at `source`, out of a node that may be written too, into
                /// slot `index`, with all that hangs on it.
                ///
                /// Cost: constant.
                move_from Move = 2 [WRITE] (index: u64, source: Descriptor) -> ();
                /// Like `copy`, with fewer rights and, where the source has identifier 0, an
                /// identifier. The new capability is always derived from its source.
                ///
                /// Cost: constant.
                mint Mint = 3 [WRITE]
                    (index: u64, source: Descriptor, rights: Rights, identifier: u64) -> ();
                /// Takes rights away from slot `index`.
                ///
                /// Cost: constant.
                demote Demote = 4 [WRITE] (index: u64, rights: Rights) -> ();
                /// Empties slot `index`; what was derived from it goes first. Restartable.
                ///
                /// Cost: as `revoke`, and one slot more.
                remove Remove = 5 [WRITE] (index: u64) -> ();
                /// Empties every slot derived from slot `index`. Restartable.
                ///
                /// Cost: in steps of at most eight slots, fewer where objects die with them;
                /// for one small object, with its `convert`, `convert_revoke`. A Window's slot
                /// takes a walk over its range, too.
                revoke Revoke = 6 [WRITE] (index: u64) -> ();
                /// Exchanges slot `index` and the one at `other`.
                ///
                /// Cost: constant.
                exchange Exchange = 7 [WRITE] (index: u64, other: Descriptor) -> ();
                /// Type and rights of slot `index`; type 0 if it is empty.
                ///
                /// Cost: constant.
                look Look = 8 [READ] (index: u64) -> (object: u64, rights: Rights, identifier: u64);
            }
            /// A process: registers, address space, root node, priority.
            object pcb Pcb = 4 {
                /// Gives it an address space, a root node and an IPC buffer; a null descriptor
                /// leaves what is there. The process must not be running.
                ///
                /// Cost: constant: up to three lookups, and three capabilities replaced.
                configure_spaces ConfigureSpaces = 1 [MODIFY]
                    (space: Descriptor, node: Descriptor, buffer: Descriptor) -> ();
                /// Sets instruction pointer, stack pointer, thread-local base and first argument.
                ///
                /// Cost: constant.
                configure_entry ConfigureEntry = 2 [MODIFY]
                    (instruction: u64, stack: u64, thread_base: u64, argument: u64) -> ();
                /// Sets priority (0 to 255, at most the highest this capability allows), affinity
                /// and whether its system calls are foreign.
                ///
                /// Cost: constant.
                configure_schedule ConfigureSchedule = 3 [MODIFY]
                    (priority: u64, cpu: u64, foreign: u64) -> ();
                /// Sets the port to which its faults and foreign calls go, and a Notification Port
                /// that also wakes it from `receive`; a null descriptor leaves what is there.
                ///
                /// Cost: constant: up to two lookups, and two capabilities replaced.
                configure_ports ConfigurePorts = 4 [MODIFY]
                    (resolver: Descriptor, notification: Descriptor) -> ();
                /// Attaches a Vector State.
                ///
                /// Cost: constant.
                configure_vector ConfigureVector = 5 [MODIFY] (state: Descriptor) -> ();
                /// Reads one user-visible register of a stopped process, numbered as in the
                /// architecture's register file.
                ///
                /// Cost: constant.
                read_register ReadRegister = 6 [READ] (register: u64) -> (value: u64);
                /// Writes one. Bits that user mode may not set are masked off.
                ///
                /// Cost: constant.
                write_register WriteRegister = 7 [MODIFY] (register: u64, value: u64) -> ();
                /// Copies all registers from another stopped process, and its extended state: a process
                /// without a Vector State gives an initial one.
                ///
                /// Cost: constant; with Vector States, and a copy of one.
                clone_state CloneState = 8 [MODIFY] (source: Descriptor) -> ();
                /// Makes a stopped process run.
                ///
                /// Cost: constant.
                resume Resume = 9 [WRITE] -> ();
                /// Stops it, and says in which state it was (*Processes* has the numbers). A wait ends
                /// with *cancelled*, which it sees when it is resumed.
                ///
                /// Cost: constant; if the process runs on another CPU, repeated until it was
                /// stopped there.
                suspend Suspend = 10 [WRITE] -> (state: u64);
                /// Ends an operation in which it is blocked with *cancelled*.
                ///
                /// Cost: constant.
                cancel Cancel = 11 [WRITE] -> ();
                /// At its next user boundary it sends its resolver a *stopped* message.
                ///
                /// Cost: constant.
                interrupt Interrupt = 12 [WRITE] -> ();
                /// CPU time in ticks, messages sent on the general path, its state (*Processes* has the
                /// numbers) and its own priority.
                ///
                /// Cost: constant.
                information Information = 13 [READ] -> (time: u64, messages: u64, state: u64, priority: u64);
                /// Lowers the highest priority that this capability allows to set.
                ///
                /// Cost: constant.
                limit_priority LimitPriority = 14 [MODIFY] (priority: u64) -> ();
                /// Copies the extended state of a stopped process into the
                /// [vector image](crate::VECTOR_IMAGE_OFFSET) of the caller's IPC buffer, in the machine's
                /// standard format; answers how many bytes that has.
                ///
                /// Cost: constant: a copy of the image.
                read_vector ReadVector = 15 [READ] -> (bytes: u64);
                /// Replaces the extended state of a stopped process by the vector image in the caller's
                /// IPC buffer. One that the machine could not load is refused as a whole.
                ///
                /// Cost: constant: a check and a copy of the image.
                write_vector WriteVector = 16 [MODIFY] -> ();
                /// Makes a process that is suspended or was never started run a guest instead of user
                /// mode, on a Virtual CPU that serves nobody else and in a Virtual Address Space. To run, it needs a Vector State as
                /// well. `resume`, `suspend`, `interrupt` (which makes it leave its guest with *kick*), priority, affinity and CPU
                /// time are those of any process; what the guest cannot do itself goes to the resolver.
                ///
                /// Cost: constant.
                configure_guest ConfigureGuest = 17 [MODIFY] (cpu: Descriptor, space: Descriptor)
                    -> ();
                /// From now on the message of an exit for `reason` (0: for every one) brings the state of
                /// `groups` with it.
                ///
                /// Cost: constant.
                configure_exit ConfigureExit = 18 [MODIFY] (reason: u64, groups: StateGroups) -> ();
                /// Copies the state of the Virtual CPU of a stopped process to the caller's IPC buffer, from
                /// word 6 on; answers how many words.
                ///
                /// Cost: constant: a copy of at most 64 words.
                read_guest ReadGuest = 19 [READ] (groups: StateGroups) -> (words: u64);
                /// Replaces state of the Virtual CPU of a stopped process by what stands in the caller's IPC
                /// buffer from word 6 on. Bits that no guest can have are taken away or refused; what
                /// does not fit together shows when the guest is entered (*invalid*).
                ///
                /// Cost: constant.
                write_guest WriteGuest = 20 [MODIFY] (groups: StateGroups) -> ();
                /// Sets how long it runs before others of its priority have their turn: 1 to 1024 parts of 1024 of a
                /// quantum, which is what a new process has. Counts from its next turn on.
                ///
                /// Cost: constant.
                configure_turn ConfigureTurn = 21 [MODIFY] (parts: u64) -> ();
            }
            /// Extended (FPU and SIMD) state of a process. Without one, such instructions fault.
            object vector_state VectorState = 5 {}
            /// A user address space.
            object address_space AddressSpace = 6 {
                /// Installs a Page Table at the highest level missing for `address`; answers the
                /// logarithm of what one entry of it maps.
                ///
                /// Cost: constant: a walk of at most four levels.
                install_table InstallTable = 1 [WRITE] (table: Descriptor, address: u64)
                    -> (entry_bits: u64);
                /// Puts a Page Table into the pool from which batched mapping takes them.
                ///
                /// Cost: constant.
                add_table AddTable = 2 [WRITE] (table: Descriptor) -> ();
                /// Maps the first `runs` [runs](crate::MappingRun) in the IPC buffer, at most 100,
                /// through Windows of this address space; missing tables come from the pool. Answers
                /// how many runs were done, and how many pages of the next: less than all if it
                /// meets something that it cannot map, which is an error only as the very first
                /// page. Where tables of the pool went into the way there and did not suffice, nothing
                /// (0 and 0) was done, and the call repeated is the one that is refused.
                ///
                /// Cost: `map.512`. In steps of at most some 200 entries of page tables, or
                /// three runs of one page.
                map_many MapMany = 3 [WRITE] (runs: u64) -> (done: u64, pages: u64);
                /// Unmaps runs.
                ///
                /// Cost: `unmap.512`, in steps as `map_many`; and one `shootdown.1` or
                /// `shootdown.3` a step if other CPUs may have the pages cached.
                unmap_many UnmapMany = 4 [WRITE] (runs: u64) -> (done: u64, pages: u64);
                /// Changes the access of runs.
                ///
                /// Cost: `protect.512`; otherwise as `unmap_many`.
                protect_many ProtectMany = 5 [WRITE] (runs: u64) -> (done: u64, pages: u64);
                /// What is mapped at `address`: 1 and its access, or 0.
                ///
                /// Cost: constant: a walk of at most four levels.
                translate Translate = 6 [READ] (address: u64) -> (mapped: u64, access: Access);
            }
            /// One page of an address space's tables.
            object page_table PageTable = 7 {}
            /// Memory that can be mapped.
            object frame Frame = 8 {
                /// Makes a Window: the authority to map pages of this frame anywhere into 2^`bits`
                /// bytes of `space` from `address` on, which is aligned to as many. A Window of a
                /// whole address space is one capability for any number of pages.
                ///
                /// Cost: constant.
                attach Attach = 1 [READ]
                    (space: Descriptor, address: u64, bits: u64, node: Descriptor, index: u64)
                    -> ();
                /// Logarithm of its bytes, and 1 for device space.
                ///
                /// Cost: constant.
                information Information = 2 [READ] -> (size_bits: u64, device: u64);
                /// Physical address.
                ///
                /// Cost: constant.
                address Address = 3 [DMA] -> (address: u64);
            }
            /// A Frame attached to a range of an address space. A page in the range that lies in the
            /// frame counts as mapped through the Window, and is taken away with it.
            object window Window = 9 {
                /// Maps `pages` pages from page `offset` of the frame on at `address`, as many as
                /// can be done at a stretch and with large pages where alignment allows; answers
                /// how many small pages were mapped. `access` must be among the rights of this
                /// capability.
                ///
                /// Cost: `map.1` for one page in a table that is there; at most some 300
                /// entries a call.
                map Map = 1 [READ]
                    (address: u64, offset: u64, pages: u64, access: Access, memory: MemoryType)
                    -> (mapped: u64);
                /// Unmaps what of `pages` pages from `address` on is mapped; answers how many small
                /// pages it went through. A large page goes as a whole.
                ///
                /// Cost: `unmap.1` for one page, `shootdown.1` and `shootdown.3` with other
                /// CPUs that may have it cached; at most some 300 entries a call.
                unmap Unmap = 2 [READ] (address: u64, pages: u64) -> (unmapped: u64);
                /// Changes the access of mapped pages.
                ///
                /// Cost: as `unmap`.
                protect Protect = 3 [READ] (address: u64, pages: u64, access: Access)
                    -> (changed: u64);
            }
            /// Where processes meet to exchange messages. Outlives those that serve it.
            object ipc_port IpcPort = 10 {
                /// Sends a message and waits for its reply.
                ///
                /// Cost: `ipc.cross.0.call` to the server, `ipc.cross.0` to `ipc.cross.120`
                /// there and back, if the server waits on the same CPU and no capabilities
                /// travel; otherwise constant, on the general path.
                call Call = 1 [WRITE] message;
                /// Replies to the caller that the last receive accepted, then receives. The upper
                /// 48 bits of the operation word may name an empty slot of the root node in which
                /// the next Reply shall land; 0 keeps it in the PCB.
                ///
                /// Cost: `ipc.cross.0.reply`; see `call`.
                reply_receive ReplyReceive = 2 [READ] message;
                /// Sends a message; waits until it is taken. With the flag in the message info it is
                /// refused where that would take waiting, like `call` and `receive`.
                ///
                /// Cost: constant, and a copy of the words.
                send Send = 3 [WRITE] message;
                /// Waits for a message. Reply slot as for `reply_receive`. With a slot, a flag in the
                /// message info keeps the receiver's own priority and quantum for the call that comes.
                ///
                /// Cost: constant, and a copy of the words. `ipc.deferred_reply` has one in it.
                receive Receive = 4 [READ] message;
            }
            /// The right to answer one call, once.
            object reply Reply = 11 {
                /// Answers. A null descriptor means the Reply in the caller's PCB.
                ///
                /// Cost: constant, and a copy of the words. `ipc.deferred_reply` has one in it.
                reply Reply = 1 [] message;
                /// Moves the Reply in the caller's PCB into the empty slot that the descriptor names, to
                /// be answered later. So a server that names no slot when it receives sets aside
                /// just the callers that have to wait.
                ///
                /// Cost: constant.
                keep Keep = 2 [] -> ();
            }
            /// A word of signal bits.
            object notification NotificationPort = 12 {
                /// Sets the bits of this capability's identifier and wakes a waiter.
                ///
                /// Cost: `notify.no_waiter`, `notify.wake`; to a process on another CPU
                /// constant, on the general path.
                notify Notify = 1 [WRITE] -> ();
                /// Takes all bits; waits while there are none.
                ///
                /// Cost: `notify.wait_signalled`; two that wait are in `notify.ping_pong`.
                wait Wait = 2 [READ] -> (bits: u64);
                /// Takes all bits, 0 if there are none.
                ///
                /// Cost: as `wait` for what is signalled already; without signals constant, on
                /// the general path.
                poll Poll = 3 [READ] -> (bits: u64);
            }
            /// Reserved for the IOMMU.
            object dma_domain DmaDomain = 13 {}
            /// One CPU's timer.
            object timer Timer = 14 {
                /// Signals once, when the CPU's time-stamp counter reaches `deadline` or soon after; in
                /// place of what was armed before.
                ///
                /// Cost: `timer.arm`; its signal costs `timer.interrupt`.
                arm Arm = 1 [WRITE] (deadline: u64, notification: Descriptor) -> ();
                /// Forgets what was armed.
                ///
                /// Cost: constant.
                cancel Cancel = 2 [WRITE] -> ();
            }
            /// Interrupt lines and vectors, from which ports are made.
            object interrupt_region InterruptRegion = 15 {
                /// Makes the Interrupt Port of a line (`kind` 0) or of a message (1), masked. Answers
                /// what a device has to write to raise a message; 0 for a line.
                ///
                /// Cost: constant.
                make_port MakePort = 1 [WRITE] (line: u64, kind: u64, node: Descriptor, index: u64)
                    -> (address: u64, data: u64);
            }
            /// One interrupt line or vector.
            object interrupt_port InterruptPort = 16 {
                /// From now on signals a Notification Port on every interrupt. The first one comes in
                /// after `acknowledge`.
                ///
                /// Cost: constant.
                bind Bind = 1 [WRITE] (notification: Descriptor) -> ();
                /// Masks the interrupt, and ends that.
                ///
                /// Cost: constant.
                unbind Unbind = 2 [WRITE] -> ();
                /// Lets the interrupt come in (again).
                ///
                /// Cost: constant. `irq` has one in it.
                acknowledge Acknowledge = 3 [WRITE] -> ();
                /// Its number.
                ///
                /// Cost: constant.
                information Information = 4 [READ] -> (line: u64);
            }
            /// A range of I/O ports.
            object io_port IoPort = 17 {
                /// Reads 8, 16 or 32 `bits` from `port`, all of which lie in the range.
                ///
                /// Cost: constant, and the device's time.
                read Read = 1 [READ] (port: u64, bits: u64) -> (value: u64);
                /// Writes 8, 16 or 32 `bits` to `port`, all of which lie in the range.
                ///
                /// Cost: constant, and the device's time.
                write Write = 2 [WRITE] (port: u64, bits: u64, value: u64) -> ();
                /// Derives the `count` ports from `first` on, into slot `index` of `node`.
                ///
                /// Cost: constant.
                narrow Narrow = 3 [COPY] (first: u64, count: u64, node: Descriptor, index: u64)
                    -> ();
            }
            /// The state of a guest's CPU. Attached to a process by `configure_guest`, it makes that run the
            /// guest. Cannot be made where the machine has no virtualisation.
            object virtual_cpu VirtualCpu = 18 {}
            /// Guest-physical memory. The operations are those of an Address Space, by their operation
            /// words; Frames are attached to it, and Page Tables installed in it, as to one. What the
            /// guest may write it may also execute: its own page tables say more.
            object virtual_address_space VirtualAddressSpace = 19 {}
            /// Reserved: Page Tables serve Virtual Address Spaces as well.
            object virtual_page_table VirtualPageTable = 20 {}
        }
    };
}
