//! Writes a service's server trait, dispatcher and client.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Type};

use crate::interface::{Interface, Method, Output, Retry};

/// All items that stand in the trait's place.
pub fn service(interface: &Interface) -> TokenStream {
    let server = server_trait(interface);
    let dispatcher = dispatcher(interface);
    let client = client(interface);
    let asynchronous = asynchronous_client(interface);
    quote! { #server #dispatcher #client #asynchronous }
}

/// The trait that a server implements.
fn server_trait(interface: &Interface) -> TokenStream {
    let Interface { attributes, visibility, name, .. } = interface;
    let methods = interface.methods.iter().map(|method| {
        let Method { documentation, name, arguments, .. } = method;
        let arguments = arguments.iter().map(|(name, kind)| quote!(#name: #kind));
        let output = returned(&method.output);
        let output = match method.waits {
            true => quote!(impl ::core::future::Future<Output = #output>),
            false => output,
        };
        quote! {
            #(#documentation)*
            fn #name(&self, caller: ::nun::service::Caller, #(#arguments),*) -> #output;
        }
    });
    quote! {
        #(#attributes)*
        #visibility trait #name { #(#methods)* }
    }
}

/// The type that turns messages into calls of the server's methods.
fn dispatcher(interface: &Interface) -> TokenStream {
    let Interface { visibility, name, version, .. } = interface;
    let dispatcher = format_ident!("{name}Server");
    let text = format!("Answers calls of [`{name}`] by its methods.");
    let label = name.to_string();
    let fingerprint = interface.fingerprint();
    let waits = interface.methods.iter().any(|method| method.waits);
    let now = interface.methods.iter().map(|method| {
        let ordinal = method.ordinal;
        if method.waits {
            return quote!(#ordinal => ::core::option::Option::None,);
        }
        let answer = answer(interface, method);
        quote!(#ordinal => ::core::option::Option::Some(#answer),)
    });
    let later = interface.methods.iter().filter(|method| method.waits).map(|method| {
        let ordinal = method.ordinal;
        let answer = answer(interface, method);
        quote!(#ordinal => #answer,)
    });
    quote! {
        #[doc = #text]
        #visibility struct #dispatcher<S>(pub S);

        impl<S> ::nun::service::Interface for #dispatcher<S> {
            const NAME: &'static str = #label;
            const VERSION: u32 = #version;
            const FINGERPRINT: u64 = #fingerprint;
        }

        impl<S: #name> ::nun::service::Service for #dispatcher<S> {
            const WAITS: bool = #waits;

            #[inline(always)]
            fn answer(
                &self,
                caller: ::nun::service::Caller,
                ordinal: u16,
                request: &::nun::Message,
            ) -> ::core::option::Option<::nun::Message> {
                match ordinal {
                    #(#now)*
                    _ => ::core::option::Option::Some(::nun::service::UNKNOWN_METHOD),
                }
            }

            async fn wait(
                &self,
                caller: ::nun::service::Caller,
                ordinal: u16,
                request: ::nun::Message,
            ) -> ::nun::Message {
                let (_, request) = (caller, &request);
                match ordinal {
                    #(#later)*
                    _ => ::nun::service::UNKNOWN_METHOD,
                }
            }
        }
    }
}

/// Decodes a request, calls the method and encodes its answer.
fn answer(interface: &Interface, method: &Method) -> TokenStream {
    let service = &interface.name;
    let name = &method.name;
    let bindings: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
    let types = method.arguments.iter().map(|(_, kind)| kind);
    let wait = method.waits.then(|| quote!(.await));
    let encode = match method.output.error {
        None => quote!(::nun::service::value),
        Some(_) => quote!(::nun::service::outcome),
    };
    quote! {
        match ::nun::service::decode::<(#(#types,)*)>(*request) {
            ::core::option::Option::Some((#(#bindings,)*)) => {
                #encode(#service::#name(&self.0, caller, #(#bindings),*)#wait)
            }
            ::core::option::Option::None => ::nun::service::MALFORMED,
        }
    }
}

/// The client that waits for its answers.
fn client(interface: &Interface) -> TokenStream {
    let Interface { visibility, name, .. } = interface;
    let client = format_ident!("{name}Client");
    let dispatcher = format_ident!("{name}Server");
    let text = format!("Calls a server of [`{name}`].");
    let methods = interface.methods.iter().map(|method| {
        let Client { names, types, value, error, decode, retry } = Client::of(method);
        let Method { documentation, name, ordinal, .. } = method;
        quote! {
            #(#documentation)*
            #[inline]
            pub fn #name(
                &self,
                #(#names: #types),*
            ) -> ::core::result::Result<#value, ::nun::service::Failure<#error>> {
                const {
                    ::nun::service::assert_fits::<(#(#types,)*)>();
                    ::nun::service::assert_fits::<#value>();
                    ::nun::service::assert_fits::<#error>();
                }
                let arguments = (#(#names,)*);
                self.session.call::<#dispatcher<()>, _, _, _>(#ordinal, #retry, arguments, #decode)
            }
        }
    });
    quote! {
        #[doc = #text]
        #[derive(Debug)]
        #visibility struct #client {
            session: ::nun::service::Session,
        }

        impl #client {
            /// A client of the service behind `port`. The session opens with the first call.
            pub const fn new(port: ::nun::IpcPort) -> Self {
                Self { session: ::nun::service::Session::new(port) }
            }

            /// Its session.
            pub const fn session(&self) -> &::nun::service::Session {
                &self.session
            }

            #(#methods)*
        }
    }
}

/// The client that goes on while its answers are on their way. Its methods are generic, by the
/// memory of the channel, so what is too large for a channel is refused only where it is used.
fn asynchronous_client(interface: &Interface) -> TokenStream {
    let Interface { visibility, name, .. } = interface;
    let client = format_ident!("{name}Async");
    let dispatcher = format_ident!("{name}Server");
    let text = format!("Calls a server of [`{name}`] through a channel, without waiting.");
    let methods = interface.methods.iter().map(|method| {
        let Client { names, types, value, error, decode, retry } = Client::of(method);
        let Method { documentation, name, ordinal, .. } = method;
        quote! {
            #(#documentation)*
            pub async fn #name(
                self,
                #(#names: #types),*
            ) -> ::core::result::Result<#value, ::nun::service::Failure<#error>> {
                const {
                    ::nun::channel::assert_fits::<#value>();
                    ::nun::channel::assert_fits::<#error>();
                }
                let arguments = (#(#names,)*);
                let call = self.end.call::<#dispatcher<()>, _>(#ordinal, #retry, arguments);
                #decode(&call.await?)
            }
        }
    });
    quote! {
        #[doc = #text]
        #[derive(Debug)]
        #visibility struct #client<'a, M = ::nun::mapped::Mapped> {
            end: &'a ::nun::channel::ClientEnd<M>,
        }

        impl<M> ::core::clone::Clone for #client<'_, M> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<M> ::core::marker::Copy for #client<'_, M> {}

        impl<'a, M: ::nun::channel::SharedMemory> #client<'a, M> {
            /// A client of the service at the other end. The session opens with the first call.
            pub const fn new(end: &'a ::nun::channel::ClientEnd<M>) -> Self {
                Self { end }
            }

            #(#methods)*
        }
    }
}

/// What both clients say of a method.
struct Client<'a> {
    names: Vec<&'a Ident>,
    types: Vec<&'a Type>,
    value: &'a Type,
    error: TokenStream,
    /// The function that takes an answer apart.
    decode: TokenStream,
    retry: TokenStream,
}

impl<'a> Client<'a> {
    fn of(method: &'a Method) -> Self {
        let (error, decode) = match &method.output.error {
            None => (quote!(::core::convert::Infallible), quote!(::nun::service::read_value)),
            Some(error) => (quote!(#error), quote!(::nun::service::read_outcome)),
        };
        let retry = match method.retry {
            Retry::Idempotent => quote!(::nun::service::Retry::Idempotent),
            Retry::AtMostOnce => quote!(::nun::service::Retry::AtMostOnce),
        };
        let names = method.arguments.iter().map(|(name, _)| name).collect();
        let types = method.arguments.iter().map(|(_, kind)| kind).collect();
        Self { names, types, value: &method.output.value, error, decode, retry }
    }
}

/// The type that a server's method returns.
fn returned(Output { value, error }: &Output) -> TokenStream {
    match error {
        None => quote!(#value),
        Some(error) => quote!(::core::result::Result<#value, #error>),
    }
}
