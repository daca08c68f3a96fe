//! What a case asks for: each check that does not hold ends its case, and says what was found.

/// Fails the case unless the condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            let text = format_args!("not so: {}", stringify!($condition));
            return Err($crate::Failure::new(file!(), line!(), text));
        }
    };
}

/// Fails the case unless both are equal.
#[macro_export]
macro_rules! check_eq {
    ($left:expr, $right:expr $(,)?) => {
        match (&$left, &$right) {
            (left, right) => {
                if *left != *right {
                    let text = format_args!("{} is {left:?}, not {right:?}", stringify!($left));
                    return Err($crate::Failure::new(file!(), line!(), text));
                }
            }
        }
    };
}

/// Fails the case unless the result is a refusal for this reason, because of this: `the
/// capability`, an argument by number, or a [`Culprit`](nun::Culprit).
#[macro_export]
macro_rules! check_refused {
    ($result:expr, $reason:ident, $argument:literal) => {
        $crate::check_refused!($result, $reason, nun::Culprit::argument($argument))
    };
    ($result:expr, $reason:ident, $culprit:expr) => {
        match &$result {
            result => {
                let wanted = nun::Error::new(nun::Reason::$reason, $culprit);
                if result.as_ref().err() != Some(&wanted) {
                    let text =
                        format_args!("{} is {result:?}, not {wanted:?}", stringify!($result));
                    return Err($crate::Failure::new(file!(), line!(), text));
                }
            }
        }
    };
}
