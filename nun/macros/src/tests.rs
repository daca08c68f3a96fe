//! What is refused, and in which words: each message names the place and what to write there.

use quote::quote;

use crate::interface::Interface;
use crate::{expand_service, wire};

fn refused(trait_item: proc_macro2::TokenStream) -> String {
    match expand_service(quote!(version = 1), trait_item) {
        Err(error) => error.to_string(),
        Ok(expanded) => panic!("this was accepted: {expanded}"),
    }
}

#[test]
fn a_version_is_needed() {
    let item = quote!(
        trait A {}
    );
    let message = expand_service(quote!(), item.clone()).unwrap_err().to_string();
    assert_eq!(message, "write #[service(version = N)]");
    let message = expand_service(quote!(edition = 1), item).unwrap_err().to_string();
    assert_eq!(message, "expected `version = N`");
}

#[test]
fn every_method_says_its_ordinal_and_class() {
    let message = refused(quote!(
        trait A {
            fn f(&self);
        }
    ));
    assert!(message.contains("#[method(ordinal = N, retry ="), "{message}");
    let message = refused(quote!(
        trait A {
            #[method(retry = idempotent)]
            fn f(&self);
        }
    ));
    assert!(message.contains("`ordinal = N` is missing"), "{message}");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1)]
            fn f(&self);
        }
    ));
    assert!(message.contains("`retry` is missing"), "{message}");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1, retry = maybe)]
            fn f(&self);
        }
    ));
    assert_eq!(message, "`retry` is `idempotent` or `at_most_once`");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 0, retry = idempotent)]
            fn f(&self);
        }
    ));
    assert_eq!(message, "an ordinal is 1 to 65279");
}

#[test]
fn an_ordinal_belongs_to_one_method() {
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 3, retry = idempotent)]
            fn f(&self);
            #[method(ordinal = 3, retry = idempotent)]
            fn g(&self);
        }
    ));
    assert_eq!(message, "ordinal 3 is taken by `f`; every method has its own");
}

#[test]
fn what_cannot_travel_is_refused() {
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1, retry = idempotent)]
            fn f(&self, text: &str);
        }
    ));
    assert!(message.starts_with("nothing travels by reference"), "{message}");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1, retry = idempotent)]
            fn f(text: u64);
        }
    ));
    assert_eq!(message, "the first argument must be `&self`");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1, retry = idempotent)]
            async fn f(&self);
        }
    ));
    assert_eq!(message, "say `waits` in #[method] instead of `async`");
    let message = refused(quote!(
        trait A {
            #[method(ordinal = 1, retry = idempotent)]
            fn f(&self) -> Result<u64>;
        }
    ));
    assert_eq!(message, "write `Result<VALUE, ERROR>`");
}

#[test]
fn an_enum_needs_its_numbers() {
    let message = wire::expand(quote!(
        enum A {
            B,
        }
    ));
    assert!(message.unwrap_err().to_string().starts_with("give every variant a number"));
    let message = wire::expand(quote!(
        enum A {
            B(u64) = 1,
        }
    ));
    assert_eq!(message.unwrap_err().to_string(), "a variant of a `Wire` enum has no fields");
}

#[test]
fn the_fingerprint_tells_layouts_apart() {
    let fingerprint = |argument: proc_macro2::TokenStream, ordinal: u16| {
        let item = quote!(trait A {
            #[method(ordinal = #ordinal, retry = idempotent)]
            fn f(&self, a: #argument);
        });
        Interface::parse(quote!(version = 1), item).unwrap().fingerprint()
    };
    let word = fingerprint(quote!(u64), 1);
    assert_eq!(word, fingerprint(quote!(u64), 1));
    assert_ne!(word, fingerprint(quote!(u32), 1));
    assert_ne!(word, fingerprint(quote!(u64), 2));
}

#[test]
fn documentation_is_carried_over() {
    let item = quote!(
        trait A {
            /// Adds.
            #[method(ordinal = 1, retry = idempotent)]
            fn f(&self);
        }
    );
    let expanded = expand_service(quote!(version = 1), item).unwrap().to_string();
    assert_eq!(expanded.matches("Adds.").count(), 3, "server trait and both clients: {expanded}");
}
