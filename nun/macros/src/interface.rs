//! What a service's trait says, checked.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ItemTrait, LitInt, Pat, PathArguments,
    ReceiverKind, Result, ReturnType, TraitItem, TraitItemFn, Type, Visibility, parse_quote,
};

/// The highest ordinal; what is above it is the protocol's own.
const LAST_ORDINAL: u16 = 0xfeff;

/// Tuples of so many are values that can travel.
const MOST_ARGUMENTS: usize = 6;

/// A service.
pub struct Interface {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub name: Ident,
    pub version: u32,
    pub methods: Vec<Method>,
}

/// One of its methods.
pub struct Method {
    pub documentation: Vec<Attribute>,
    pub name: Ident,
    pub ordinal: u16,
    pub retry: Retry,
    /// Whether its answer may have to wait for something.
    pub waits: bool,
    pub arguments: Vec<(Ident, Type)>,
    pub output: Output,
}

/// What a client may do when it does not know whether a call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Idempotent,
    AtMostOnce,
}

/// What a method answers.
pub struct Output {
    /// A value.
    pub value: Type,
    /// Or an error of the service's own.
    pub error: Option<Type>,
}

impl Interface {
    /// Reads `#[service(arguments)] item`.
    pub fn parse(arguments: TokenStream, item: TokenStream) -> Result<Self> {
        let version = parse_version(arguments)?;
        let item: ItemTrait = syn::parse2(item)?;
        refuse(item.generics.params.first(), "a service has no generic parameters")?;
        refuse(item.supertraits.first(), "a service has no supertraits")?;
        let methods: Vec<Method> =
            item.items.iter().map(|item| Method::parse(method(item)?)).collect::<Result<_>>()?;
        check_ordinals(&methods)?;
        Ok(Self {
            attributes: item.attrs,
            visibility: item.vis,
            name: item.ident,
            version,
            methods,
        })
    }

    /// A hash over all that a client and a server have to agree upon.
    pub fn fingerprint(&self) -> u64 {
        let mut text = self.name.to_string();
        for method in &self.methods {
            text += &format!("\n{} {} {}", method.ordinal, method.name, method.waits);
            for (_, kind) in &method.arguments {
                text += &format!(" {}", kind.to_token_stream());
            }
            let Output { value, error } = &method.output;
            text += &format!(" -> {} | {}", value.to_token_stream(), error.to_token_stream());
        }
        // FNV-1a, as for the kernel's own interface.
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }
}

impl Method {
    fn parse(item: &TraitItemFn) -> Result<Self> {
        let signature = &item.sig;
        refuse(signature.generics.params.first(), "a method of a service has no generics")?;
        refuse(signature.asyncness.as_ref(), "say `waits` in #[method] instead of `async`")?;
        refuse(item.default.as_ref(), "a method of a service has no body here")?;
        let mut inputs = signature.inputs.iter();
        match inputs.next() {
            Some(FnArg::Receiver(receiver))
                if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
            _ => return Err(Error::new(signature.span(), "the first argument must be `&self`")),
        }
        let arguments: Vec<_> = inputs.map(argument).collect::<Result<_>>()?;
        if arguments.len() > MOST_ARGUMENTS {
            let text = "a method has at most six arguments: put them into a struct with \
                        `#[derive(nun::service::Wire)]`";
            return Err(Error::new(signature.inputs.span(), text));
        }
        if signature.ident == "new" || signature.ident == "session" {
            return Err(Error::new(signature.ident.span(), "every client has this method already"));
        }
        let options = Options::parse(item)?;
        Ok(Self {
            documentation: documentation(&item.attrs),
            name: signature.ident.clone(),
            ordinal: options.ordinal,
            retry: options.retry,
            waits: options.waits,
            arguments,
            output: output(&signature.output)?,
        })
    }
}

/// What stands in `#[method(...)]`.
struct Options {
    ordinal: u16,
    retry: Retry,
    waits: bool,
}

impl Options {
    fn parse(item: &TraitItemFn) -> Result<Self> {
        let name = &item.sig.ident;
        let Some(attribute) = item.attrs.iter().find(|it| it.path().is_ident("method")) else {
            return Err(Error::new(
                name.span(),
                "write #[method(ordinal = N, retry = idempotent | at_most_once)] above it",
            ));
        };
        let (mut ordinal, mut retry, mut waits) = (None, None, false);
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("ordinal") {
                ordinal = Some(parse_ordinal(&meta.value()?.parse()?)?);
            } else if meta.path.is_ident("retry") {
                retry = Some(parse_retry(&meta.value()?.parse()?)?);
            } else if meta.path.is_ident("waits") {
                waits = true;
            } else {
                return Err(meta.error("expected `ordinal`, `retry` or `waits`"));
            }
            Ok(())
        })?;
        let missing = |what: &str| Error::new(attribute.span(), what);
        Ok(Self {
            ordinal: ordinal.ok_or_else(|| {
                missing("`ordinal = N` is missing: it numbers the method for good")
            })?,
            retry: retry.ok_or_else(|| {
                missing(
                    "`retry` is missing: `idempotent` if doing it twice does no harm, else \
                     `at_most_once`",
                )
            })?,
            waits,
        })
    }
}

fn parse_version(arguments: TokenStream) -> Result<u32> {
    let mut version = None;
    let parser = syn::meta::parser(|meta| {
        if !meta.path.is_ident("version") {
            return Err(meta.error("expected `version = N`"));
        }
        version = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
        Ok(())
    });
    syn::parse::Parser::parse2(parser, arguments)?;
    version.ok_or_else(|| Error::new(Span::call_site(), "write #[service(version = N)]"))
}

fn parse_ordinal(number: &LitInt) -> Result<u16> {
    match number.base10_parse() {
        Ok(ordinal @ 1..=LAST_ORDINAL) => Ok(ordinal),
        _ => Err(Error::new(number.span(), format!("an ordinal is 1 to {LAST_ORDINAL}"))),
    }
}

fn parse_retry(word: &Ident) -> Result<Retry> {
    if word == "idempotent" {
        Ok(Retry::Idempotent)
    } else if word == "at_most_once" {
        Ok(Retry::AtMostOnce)
    } else {
        Err(Error::new(word.span(), "`retry` is `idempotent` or `at_most_once`"))
    }
}

fn check_ordinals(methods: &[Method]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for method in methods {
        if let Some(first) = seen.insert(method.ordinal, &method.name) {
            let ordinal = method.ordinal;
            let text = format!("ordinal {ordinal} is taken by `{first}`; every method has its own");
            return Err(Error::new(method.name.span(), text));
        }
    }
    Ok(())
}

fn method(item: &TraitItem) -> Result<&TraitItemFn> {
    match item {
        TraitItem::Fn(method) => Ok(method),
        other => Err(Error::new(other.span(), "a service has methods and nothing else")),
    }
}

fn argument(input: &FnArg) -> Result<(Ident, Type)> {
    let FnArg::Typed(typed) = input else {
        return Err(Error::new(input.span(), "`&self` comes first"));
    };
    if let Type::Reference(reference) = &*typed.ty {
        let text = "nothing travels by reference: use a type with `Wire`, such as \
                    `nun::service::String<N>` for text";
        return Err(Error::new(reference.span(), text));
    }
    match &*typed.pat {
        Pat::Ident(name) => Ok((name.ident.clone(), (*typed.ty).clone())),
        other => Err(Error::new(other.span(), "an argument has a plain name")),
    }
}

fn output(output: &ReturnType) -> Result<Output> {
    let ReturnType::Type(_, kind) = output else {
        return Ok(Output { value: parse_quote!(()), error: None });
    };
    if let Type::Path(path) = &**kind
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
    {
        let PathArguments::AngleBracketed(parameters) = &last.arguments else {
            return Err(Error::new(last.span(), "write `Result<VALUE, ERROR>`"));
        };
        let types: Vec<&Type> = parameters
            .args
            .iter()
            .filter_map(|it| match it {
                GenericArgument::Type(kind) => Some(kind),
                _ => None,
            })
            .collect();
        return match types[..] {
            [value, error] => Ok(Output { value: value.clone(), error: Some(error.clone()) }),
            _ => Err(Error::new(last.span(), "write `Result<VALUE, ERROR>`")),
        };
    }
    Ok(Output { value: (**kind).clone(), error: None })
}

fn documentation(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|it| it.path().is_ident("doc")).cloned().collect()
}

fn refuse<T: ToTokens>(found: Option<&T>, why: &str) -> Result<()> {
    found.map_or(Ok(()), |found| Err(Error::new(found.span(), why)))
}
