//! What this crate makes from the interface table: object types, operations, their decoder, and
//! the table as data.

use crate::{
    Access, Culprit, Descriptor, Error, MESSAGE_REGISTERS, MemoryType, Reason, Rights, StateGroups,
    Word, fnv1a,
};

/// One argument or result in the reference data.
#[derive(Clone, Copy, Debug)]
pub struct WordSpec {
    /// Its name.
    pub name: &'static str,
    /// Name of its type.
    pub kind: &'static str,
}

/// Shape of an operation in the reference data.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A request to the kernel.
    Request {
        /// What is asked.
        arguments: &'static [WordSpec],
        /// What is answered.
        results: &'static [WordSpec],
    },
    /// A message between processes.
    Message,
}

/// One operation in the reference data.
#[derive(Clone, Copy, Debug)]
pub struct OperationSpec {
    /// Its name.
    pub name: &'static str,
    /// Its number within the object.
    pub number: u8,
    /// What it does; lines of documentation.
    pub documentation: &'static [&'static str],
    /// What the capability must allow.
    pub rights: Rights,
    /// Arguments and results.
    pub form: Form,
}

/// One object in the reference data.
#[derive(Clone, Copy, Debug)]
pub struct ObjectSpec {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub number: u8,
    /// What it is; lines of documentation.
    pub documentation: &'static [&'static str],
    /// Its operations in ascending order.
    pub operations: &'static [OperationSpec],
}

/// Operation word of operation `number` of object `object`.
pub const fn operation_word(object: u8, number: u8) -> u64 {
    ((object as u64) << 8) | number as u64
}

/// Bits of the operation word that say what is to be done; the upper ones are an argument.
pub const OPERATION_MASK: u64 = 0xffff;

/// Where the reply slot stands in the operation word of `receive` and `reply_receive`.
pub const REPLY_SLOT_SHIFT: u32 = 16;

/// Takes argument `number` (from 1) out of the words.
fn argument<T: Word>(words: &[u64; MESSAGE_REGISTERS], number: u8) -> Result<T, Error> {
    words
        .get(usize::from(number) - 1)
        .and_then(|word| T::from_word(*word))
        .ok_or(Error::new(Reason::InvalidArgument, Culprit::argument(number)))
}

/// A `Form` of an operation.
macro_rules! form {
    (message) => {
        Form::Message
    };
    ($(($($argument:ident: $argument_type:ident),+))?
        -> ($($result:ident: $result_type:ident),*)) => {
        Form::Request {
            arguments: &[$($(WordSpec {
                name: stringify!($argument),
                kind: <$argument_type as Word>::NAME,
            }),+)?],
            results: &[$(WordSpec {
                name: stringify!($result),
                kind: <$result_type as Word>::NAME,
            }),*],
        }
    };
}

macro_rules! table {
    ($(
        $(#[doc = $doc:literal])*
        object $module:ident $object:ident = $number:literal {
            $(
                $(#[doc = $op_doc:literal])*
                $function:ident $operation:ident = $op_number:literal [$($right:ident)?]
                    $(($($argument:ident: $argument_type:ident),+))?
                    $(-> ($($result:ident: $result_type:ident),*))?
                    $($message:ident)?;
            )*
        }
    )*) => {
        /// Types of objects. Numbers are part of the interface.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ObjectType {
            $($(#[doc = $doc])* $object = $number,)*
        }

        impl ObjectType {
            /// Every type, in order of number.
            pub const ALL: &[Self] = &[$(Self::$object),*];

            /// The type with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$object),)*
                    _ => None,
                }
            }
        }

        $(
            $(#[doc = $doc])*
            pub mod $module {
                #[allow(unused_imports, reason = "not every object needs all of them")]
                use super::*;

                /// Operation words.
                pub mod word {
                    $(
                        $(#[doc = $op_doc])*
                        #[allow(non_upper_case_globals, reason = "named as the variant")]
                        pub const $operation: u64 = super::operation_word($number, $op_number);
                    )*
                }

                /// Its operations with decoded arguments.
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub enum Operation {
                    $(
                        $(#[doc = $op_doc])*
                        $operation $({ $(
                            #[allow(missing_docs, reason = "the operation's text says it")]
                            $argument: $argument_type,
                        )+ })?,
                    )*
                }

                impl Operation {
                    /// Decodes operation `number` with its arguments. Total: no input panics.
                    #[allow(unused_variables, reason = "some objects have no arguments")]
                    #[allow(unused_mut, unused_assignments, reason = "the last count is not read")]
                    pub fn decode(
                        number: u8,
                        words: &[u64; MESSAGE_REGISTERS],
                    ) -> Result<Self, Error> {
                        match number {
                            $($op_number => {
                                let mut position = 0;
                                Ok(Self::$operation $({ $(
                                    $argument: {
                                        position += 1;
                                        argument::<$argument_type>(words, position)?
                                    },
                                )+ })?)
                            })*
                            _ => Err(Error::new(Reason::IllegalOperation, Culprit::OPERATION)),
                        }
                    }

                    /// What the capability must allow.
                    pub fn rights(self) -> Rights {
                        match self {
                            $(Self::$operation { .. } => Rights::empty() $(| Rights::$right)?,)*
                        }
                    }
                }
            }
        )*

        /// A decoded operation word with its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Invocation {
            $($(#[doc = $doc])* $object($module::Operation),)*
        }

        impl Invocation {
            /// Decodes an operation word and its arguments. Total: no input panics. The upper part
            /// of the word, the reply slot, is not looked at.
            pub fn decode(
                operation: u64,
                words: &[u64; MESSAGE_REGISTERS],
            ) -> Result<Self, Error> {
                let [number, object, ..] = operation.to_le_bytes();
                match object {
                    $($number => Ok(Self::$object($module::Operation::decode(number, words)?)),)*
                    _ => Err(Error::new(Reason::IllegalOperation, Culprit::OPERATION)),
                }
            }
        }

        /// The interface as data, for the manual and for fuzzers.
        pub const OBJECTS: &[ObjectSpec] = &[$(
            ObjectSpec {
                name: stringify!($object),
                number: $number,
                documentation: &[$($doc),*],
                operations: &[$(
                    OperationSpec {
                        name: stringify!($function),
                        number: $op_number,
                        documentation: &[$($op_doc),*],
                        rights: Rights::empty() $(.union(Rights::$right))?,
                        form: form!($(($($argument: $argument_type),+))?
                            $(-> ($($result: $result_type),*))? $($message)?),
                    },
                )*],
            },
        )*];
    };
}

crate::interface!(table);

/// Identifies this version of the interface: a hash over names, numbers and types in the table.
pub const ABI_HASH: u64 = hash_objects(crate::FNV_OFFSET);

const fn hash_objects(mut state: u64) -> u64 {
    let mut i = 0;
    while i < OBJECTS.len() {
        let object = &OBJECTS[i];
        state = fnv1a(state, object.name.as_bytes());
        state = fnv1a(state, &[object.number, object.operations.len() as u8]);
        let mut j = 0;
        while j < object.operations.len() {
            let operation = &object.operations[j];
            state = fnv1a(state, operation.name.as_bytes());
            state = fnv1a(state, &[operation.number, operation.rights.bits()]);
            if let Form::Request { arguments, results } = operation.form {
                state = hash_words(state, arguments);
                state = hash_words(state, results);
            }
            j += 1;
        }
        i += 1;
    }
    state
}

const fn hash_words(mut state: u64, words: &[WordSpec]) -> u64 {
    let mut i = 0;
    while i < words.len() {
        state = fnv1a(state, words[i].name.as_bytes());
        state = fnv1a(state, words[i].kind.as_bytes());
        i += 1;
    }
    fnv1a(state, &[words.len() as u8])
}
