//! `#[derive(Wire)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Error, Fields, Index, Member, Result};

/// The implementation for the type in `item`.
pub fn expand(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    if let Some(parameter) = item.generics.params.first() {
        return Err(Error::new(parameter.span(), "`Wire` is derived for types without generics"));
    }
    let name = &item.ident;
    let body = match &item.data {
        Data::Struct(data) => of_struct(data),
        Data::Enum(data) => of_enum(data)?,
        Data::Union(_) => return Err(Error::new(name.span(), "a union has no `Wire` form")),
    };
    Ok(quote! {
        impl ::nun::service::Wire for #name { #body }
    })
}

/// Field after field.
fn of_struct(data: &DataStruct) -> TokenStream {
    let types: Vec<_> = data.fields.iter().map(|field| &field.ty).collect();
    let members: Vec<Member> = data
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index::from(index)),
        })
        .collect();
    quote! {
        const WORDS: usize = 0 #(+ <#types as ::nun::service::Wire>::WORDS)*;

        #[inline]
        fn put(&self, to: &mut ::nun::service::Writer) {
            #(::nun::service::Wire::put(&self.#members, to);)*
        }

        #[inline]
        fn take(from: &mut ::nun::service::Reader<'_>) -> ::core::option::Option<Self> {
            ::core::option::Option::Some(Self {
                #(#members: ::nun::service::Wire::take(from)?,)*
            })
        }
    }
}

/// The number that the source gives to each variant.
fn of_enum(data: &DataEnum) -> Result<TokenStream> {
    let mut arms = vec![];
    let mut numbers = vec![];
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(variant.span(), "a variant of a `Wire` enum has no fields"));
        }
        let Some((_, number)) = &variant.discriminant else {
            return Err(Error::new(
                variant.span(),
                "give every variant a number that never changes: `Name = N`",
            ));
        };
        arms.push(&variant.ident);
        numbers.push(number);
    }
    Ok(quote! {
        const WORDS: usize = 1;

        #[inline]
        fn put(&self, to: &mut ::nun::service::Writer) {
            to.word(match self { #(Self::#arms => #numbers,)* });
        }

        #[inline]
        fn take(from: &mut ::nun::service::Reader<'_>) -> ::core::option::Option<Self> {
            #[allow(unreachable_patterns, reason = "an enum may name every number")]
            match from.word() {
                #(#numbers => ::core::option::Option::Some(Self::#arms),)*
                _ => ::core::option::Option::None,
            }
        }
    })
}
