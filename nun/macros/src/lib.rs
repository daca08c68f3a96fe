//! The macros of Nun: a service from a trait, a message from a type.
//!
//! What they mean is documented where Nun exports them, in `nun::service`. Here is only how they
//! are made: `interface` reads the trait, `generate` writes client and server, `wire` writes
//! implementations of `Wire`. All of it works on token streams that tests can make as well.

mod generate;
mod interface;
#[cfg(test)]
mod tests;
mod wire;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;

/// Makes client, server and message layout of a service from a trait; see `nun::service`.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    finish(expand_service(arguments.into(), item.into()))
}

/// Lets a struct of `Wire` fields, or an enum without fields, travel in messages.
#[proc_macro_derive(Wire)]
pub fn derive_wire(item: TokenStream) -> TokenStream {
    finish(wire::expand(item.into()))
}

fn expand_service(arguments: Tokens, item: Tokens) -> syn::Result<Tokens> {
    Ok(generate::service(&interface::Interface::parse(arguments, item)?))
}

fn finish(expanded: syn::Result<Tokens>) -> TokenStream {
    expanded.unwrap_or_else(|error| error.into_compile_error()).into()
}
