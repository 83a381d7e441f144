//! Rewrites a function so that its body runs in a span.
//!
//! Names bound by generated code are hygienic (`Span::mixed_site`), so that they cannot collide
//! with the user's variables. Every path starts at `::stagelight::__private`, or at the path of
//! `crate = …`, so that the user needs no other dependency.

mod body;
mod returns;
mod span;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Item, ItemFn, TraitItemFn};

use crate::args::{RequestArgs, StageArgs};
use body::{Ending, Instrumentation};

/// Expands `#[stage(args)] item`.
pub(crate) fn stage(args: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded =
        both(StageArgs::parse(args), function("stage", item)).and_then(|(args, function)| {
            let span = span::of_stage(&args, &function.sig.ident);
            let ending = if args.records_errors { Ending::Stage } else { Ending::Unobserved };
            Instrumentation { span, ending, private: args.span.private() }.apply(function)
        });
    or_item(expanded, item)
}

/// Expands `#[request(args)] item`.
pub(crate) fn request(args: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded =
        both(RequestArgs::parse(args), function("request", item)).and_then(|(args, function)| {
            let span = span::of_request(&args, &function.sig.ident);
            let private = args.span.private();
            Instrumentation { span, ending: Ending::Request, private }.apply(function)
        });
    or_item(expanded, item)
}

/// Parses the function that the attribute is on.
fn function(attribute: &str, item: &TokenStream) -> syn::Result<ItemFn> {
    let function: ItemFn =
        syn::parse2(item.clone()).map_err(|error| misplaced(attribute, item, error))?;
    match function.sig.constness {
        None => Ok(function),
        Some(constness) => {
            let message = format!(
                "`#[{attribute}]` cannot be used on a `const fn`, which may run at compile time"
            );
            Err(syn::Error::new_spanned(constness, message))
        }
    }
}

/// Returns the error for an item that is not a function with a body.
fn misplaced(attribute: &str, item: &TokenStream, error: syn::Error) -> syn::Error {
    if let Ok(declared) = syn::parse2::<TraitItemFn>(item.clone()) {
        let message =
            format!("`#[{attribute}]` requires a function body: move it to the implementation");
        return syn::Error::new_spanned(declared.sig, message);
    }
    let message = format!("`#[{attribute}]` can only be used on functions");
    match syn::parse2::<Item>(item.clone()) {
        // A function that does not parse: the syntax error is more useful.
        Ok(Item::Verbatim(_)) | Err(_) => error,
        Ok(item) => syn::Error::new_spanned(item, message),
    }
}

/// Returns both values, or the errors of both.
fn both<A, B>(a: syn::Result<A>, b: syn::Result<B>) -> syn::Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            Err(error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Returns the expanded function, or the errors and the unchanged item: without the item, each use
/// of the function would be a further error.
fn or_item(expanded: syn::Result<ItemFn>, item: &TokenStream) -> TokenStream {
    match expanded {
        Ok(function) => function.into_token_stream(),
        Err(error) => {
            let errors = error.into_compile_error();
            quote!(#errors #item)
        }
    }
}

#[cfg(test)]
mod tests;
