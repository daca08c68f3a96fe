//! A type for each kind of kernel object, with a method for each operation on it.
//!
//! All of it comes from the interface table ([`a9n_abi::interface!`]); documentation, arguments
//! and results are the table's. A value is only the *name* of a capability, a [`Descriptor`]: it
//! can be copied, can be wrong, and grants nothing by itself. Where an argument is a descriptor,
//! any of these types will do.
//!
//! A method fails with the kernel's [`Error`], which says what was wrong with which argument
//! (counted from 1); then nothing was changed.

use a9n_abi::{Access, Descriptor, Error, MemoryType, ObjectType, Rights, StateGroups, Word};

use crate::syscall::{request, result};

/// What all of these types have in common.
pub trait Capability: Copy + Into<Descriptor> {
    /// Type of the object.
    const TYPE: ObjectType;

    /// The capability at `descriptor`.
    fn named(descriptor: Descriptor) -> Self;
}

/// Type of a parameter: for a descriptor, anything that names a capability.
macro_rules! parameter {
    (Descriptor) => { impl Into<Descriptor> };
    ($other:ident) => { $other };
}

/// One operation, if it is a request to the kernel. Messages are in `port`.
macro_rules! operation {
    ($docs:tt $module:ident $operation:ident $function:ident $self:tt $arguments:tt [] [message]) => {};
    (
        [$($doc:literal)*] $module:ident $operation:ident $function:ident
        [$($receiver:ident)?: $target:expr]
        [$($argument:ident: $argument_type:ident),*]
        [($($result:ident: $result_type:ident),*)] []
    ) => {
        $(#[doc = $doc])*
        #[allow(unused_parens, clippy::needless_question_mark, reason = "one result is no tuple")]
        #[inline]
        pub fn $function(
            $($receiver,)?
            $($argument: parameter!($argument_type)),*
        ) -> Result<($($result_type),*), Error> {
            let [$($result,)* ..] = request(
                a9n_abi::$module::word::$operation,
                $target,
                [$(Word::into_word(Into::<$argument_type>::into($argument))),*],
            )?;
            Ok(($(result::<$result_type>($result)?),*))
        }
    };
}

/// One object.
macro_rules! object {
    // What needs no capability becomes free functions.
    ($docs:tt kernel Kernel {
        $(
            $(#[doc = $doc:literal])*
            $function:ident $operation:ident = $number:literal []
                $(($($argument:ident: $argument_type:ident),+))?
                -> ($($result:ident: $result_type:ident),*);
        )*
    }) => {
        $(operation! {
            [$($doc)*] kernel $operation $function [: Descriptor::NULL]
            [$($($argument: $argument_type),+)?] [($($result: $result_type),*)] []
        })*
    };
    ([$($object_doc:literal)*] $module:ident $object:ident {
        $(
            $(#[doc = $doc:literal])*
            $function:ident $operation:ident = $number:literal [$($right:ident)?]
                $(($($argument:ident: $argument_type:ident),+))?
                $(-> ($($result:ident: $result_type:ident),*))?
                $($message:ident)?;
        )*
    }) => {
        $(#[doc = $object_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $object(Descriptor);

        impl $object {
            /// The capability at `descriptor`.
            pub const fn at(descriptor: Descriptor) -> Self {
                Self(descriptor)
            }

            /// The capability in slot `index` of the root node.
            pub const fn slot(index: u64) -> Self {
                Self(Descriptor::slot(index))
            }

            /// Where it is.
            pub const fn descriptor(self) -> Descriptor {
                self.0
            }

            $(operation! {
                [$($doc)*] $module $operation $function [self: self.0]
                [$($($argument: $argument_type),+)?] [$(($($result: $result_type),*))?]
                [$($message)?]
            })*
        }

        impl Capability for $object {
            const TYPE: ObjectType = ObjectType::$object;

            fn named(descriptor: Descriptor) -> Self {
                Self(descriptor)
            }
        }

        impl From<$object> for Descriptor {
            fn from(capability: $object) -> Self {
                capability.0
            }
        }
    };
}

macro_rules! objects {
    ($(
        $(#[doc = $doc:literal])*
        object $module:ident $object:ident = $number:literal $operations:tt
    )*) => {
        $(object! { [$($doc)*] $module $object $operations })*
    };
}

a9n_abi::interface!(objects);
