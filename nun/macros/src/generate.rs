//! Writes a service's server trait, dispatcher and client.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::interface::{Interface, Method, Output, Retry};

/// All items that stand in the trait's place.
pub fn service(interface: &Interface) -> TokenStream {
    let server = server_trait(interface);
    let dispatcher = dispatcher(interface);
    let client = client(interface);
    quote! { #server #dispatcher #client }
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
        match ::nun::service::decode::<(#(#types,)*)>(request) {
            ::core::option::Option::Some((#(#bindings,)*)) => {
                #encode(#service::#name(&self.0, caller, #(#bindings),*)#wait)
            }
            ::core::option::Option::None => ::nun::service::MALFORMED,
        }
    }
}

/// The client.
fn client(interface: &Interface) -> TokenStream {
    let Interface { visibility, name, .. } = interface;
    let client = format_ident!("{name}Client");
    let dispatcher = format_ident!("{name}Server");
    let text = format!("Calls a server of [`{name}`].");
    let methods = interface.methods.iter().map(|method| {
        let Method { documentation, name, ordinal, arguments, .. } = method;
        let names: Vec<_> = arguments.iter().map(|(name, _)| name).collect();
        let types: Vec<_> = arguments.iter().map(|(_, kind)| kind).collect();
        let retry = match method.retry {
            Retry::Idempotent => quote!(Idempotent),
            Retry::AtMostOnce => quote!(AtMostOnce),
        };
        let value = &method.output.value;
        let (error, decode) = match &method.output.error {
            None => (quote!(::core::convert::Infallible), quote!(::nun::service::read_value)),
            Some(error) => (quote!(#error), quote!(::nun::service::read_outcome)),
        };
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
                let retry = ::nun::service::Retry::#retry;
                let arguments = (#(#names,)*);
                self.session.call::<#dispatcher<()>, _, _, _>(#ordinal, retry, arguments, #decode)
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

/// The type that a server's method returns.
fn returned(Output { value, error }: &Output) -> TokenStream {
    match error {
        None => quote!(#value),
        Some(error) => quote!(::core::result::Result<#value, #error>),
    }
}
