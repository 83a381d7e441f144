//! The attributed function, rewritten so that its body runs in a span.
//!
//! All names that the generated code binds are hygienic (`Span::mixed_site`), so that no variable
//! of the user's can collide with them, and every path starts at `::stagelight::__private`, so
//! that the user needs no other dependency.

mod body;
mod returns;
mod span;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Item, ItemFn, TraitItemFn};

use crate::args::{RequestArgs, StageArgs};
use body::Ending;

/// Expands `#[stage(args)] item`.
pub(crate) fn stage(args: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded =
        both(StageArgs::parse(args), function("stage", item)).and_then(|(args, function)| {
            let span = span::of_stage(&args, &function.sig.ident);
            let ending = if args.records_errors { Ending::Stage } else { Ending::Unobserved };
            body::measured(function, &span, ending)
        });
    or_item(expanded, item)
}

/// Expands `#[request(args)] item`.
pub(crate) fn request(args: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded =
        both(RequestArgs::parse(args), function("request", item)).and_then(|(args, function)| {
            let span = span::of_request(&args, &function.sig.ident);
            body::measured(function, &span, Ending::Request)
        });
    or_item(expanded, item)
}

/// Reads the function that the attribute stands on.
fn function(attribute: &str, item: &TokenStream) -> syn::Result<ItemFn> {
    let function: ItemFn =
        syn::parse2(item.clone()).map_err(|error| misplaced(attribute, item, error))?;
    match function.sig.constness {
        None => Ok(function),
        Some(constness) => {
            let message = format!(
                "`#[{attribute}]` cannot be on a `const fn`: it may run in the compiler, where there is no clock"
            );
            Err(syn::Error::new_spanned(constness, message))
        }
    }
}

/// Says why `item`, which is not a function with a body, is refused.
fn misplaced(attribute: &str, item: &TokenStream, error: syn::Error) -> syn::Error {
    if let Ok(declared) = syn::parse2::<TraitItemFn>(item.clone()) {
        let message =
            format!("`#[{attribute}]` needs a function with a body; put it on the implementation");
        return syn::Error::new_spanned(declared.sig, message);
    }
    let message = format!("`#[{attribute}]` goes on a function");
    match syn::parse2::<Item>(item.clone()) {
        // A function that does not parse: what is wrong inside is what the user wants to know.
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

/// Returns the expanded function, or the errors and the item as it was: without it, every use of
/// the function would be an error too and hide the one that matters.
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
