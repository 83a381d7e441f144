//! The body, put into the span and watched for its end.
//!
//! The body becomes a closure or an async block of its own, so that `return` and `?` end there and
//! the value is seen before the function returns it.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Block, Expr, ItemFn, Stmt, Token};

use super::returns::{Output, async_tail, declared, declared_future};

/// What is recorded when the body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// The type of a returned error.
    Stage,
    /// Nothing.
    Unobserved,
    /// The outcome, also if the body does not return.
    Request,
}

/// Rewrites `function` so that its body runs in `span`.
///
/// # Errors
///
/// A function that returns a future made elsewhere: only the making of it could be measured.
pub(crate) fn measured(
    mut function: ItemFn,
    span: &TokenStream,
    ending: Ending,
) -> syn::Result<ItemFn> {
    let output = declared(&function.sig.output);
    let future = declared_future(&function.sig.output);

    if function.sig.asyncness.is_some() {
        let capture = Some(<Token![move]>::default());
        asynchronous(&mut function.block, capture, &output, span, ending);
    } else if let Some(tail) = async_tail(&mut function.block.stmts) {
        let output = future.unwrap_or(Output::Unknown);
        asynchronous(&mut tail.block, tail.capture, &output, span, ending);
    } else if future.is_some() {
        return Err(syn::Error::new_spanned(
            &function.sig.output,
            "only the making of this future could be measured; make the function `async`, or end \
             it with `async move { … }` or `Box::pin(async move { … })`",
        ));
    } else {
        synchronous(&mut function.block, &output, span, ending);
    }
    Ok(function)
}

/// Puts `block` into an async block of its own.
fn asynchronous(
    block: &mut Block,
    capture: Option<Token![move]>,
    output: &Output,
    span: &TokenStream,
    ending: Ending,
) {
    let at = hygienic(block);
    let guard = ending.guard(at);
    let returns = return_of_type(at, output);
    let stmts = &block.stmts;
    let end = ending.end(
        at,
        output,
        &quote_spanned! {at=>
            ::stagelight::__private::tracing::instrument::Instrumented::span(&future)
        },
    );
    // Pinned here instead of moved into the `await`, so that the span can still be reached after
    // it without a clone. The guard stands above the future: what the future drops when it is
    // cancelled belongs to the request, and comes before its end.
    let body = quote_spanned! {at=>
        let span = #span;
        #guard
        let mut future = ::core::pin::pin!(
            ::stagelight::__private::tracing::Instrument::instrument(
                async #capture { #returns #(#stmts)* },
                span,
            )
        );
        let returned = ::core::pin::Pin::as_mut(&mut future).await;
        #end
        returned
    };
    replace(block, body);
}

/// Puts `block` into a closure, or leaves it where it is if it does not return.
fn synchronous(block: &mut Block, output: &Output, span: &TokenStream, ending: Ending) {
    let at = hygienic(block);
    let guard = ending.guard(at);
    let stmts = &block.stmts;
    let open = quote_spanned! {at=>
        let span = #span;
        #guard
        let _entered = ::stagelight::__private::tracing::Span::enter(&span);
    };
    let body = if let Output::Never = output {
        // There is no value to look at, and clippy warns the user of a `let` that binds none.
        quote_spanned!(at=> #open #(#stmts)*)
    } else {
        let returns = return_of_type(at, output);
        let end = ending.end(at, output, &quote_spanned!(at=> &span));
        quote_spanned! {at=>
            #open
            let returned = ::stagelight::__private::call_once(move || { #returns #(#stmts)* });
            #end
            returned
        }
    };
    replace(block, body);
}

/// Returns a `return` that is never reached, but tells the compiler the type before it meets the
/// first `?` or `return` of the user's: an async block cannot be annotated otherwise, nor can a
/// closure whose type has an `impl Trait` in it.
fn return_of_type(at: Span, output: &Output) -> TokenStream {
    let Output::Type(output) = output else { return TokenStream::new() };
    quote_spanned! {at=>
        #[allow(unreachable_code, clippy::all, reason = "never reached; it is here for its type")]
        if false {
            let returned: #output = loop {};
            return returned;
        }
    }
}

/// Puts the tokens of statements in the place of all statements of `block`.
fn replace(block: &mut Block, stmts: TokenStream) {
    block.stmts = vec![Stmt::Expr(Expr::Verbatim(stmts), None)];
}

/// Returns where generated code says it is: at the user's block, for the compiler's messages, and
/// with names that the user's code cannot see.
fn hygienic(block: &Block) -> Span {
    Span::mixed_site().located_at(block.span())
}

// === impl Ending ===

impl Ending {
    /// Returns what stands before the body.
    fn guard(self, at: Span) -> TokenStream {
        match self {
            Self::Request => quote_spanned! {at=>
                let guard = ::stagelight::__private::RequestGuard::new(
                    ::core::clone::Clone::clone(&span),
                );
            },
            Self::Stage | Self::Unobserved => TokenStream::new(),
        }
    }

    /// Returns what stands after the body; `span` is a reference to its span.
    fn end(self, at: Span, output: &Output, span: &TokenStream) -> TokenStream {
        if let Output::Never = output {
            return TokenStream::new();
        }
        let error_type = quote_spanned! {at=> {
            #[allow(unused_imports, reason = "one of them answers")]
            use ::stagelight::__private::{ByErrorType as _, ByTypeName as _, NotAnError as _};
            (&&&::stagelight::__private::Returned::new(&returned)).__stagelight_error_type()
        }};
        match self {
            Self::Stage => quote_spanned! {at=>
                ::stagelight::__private::record_error(#span, #error_type);
            },
            Self::Unobserved => TokenStream::new(),
            Self::Request => quote_spanned! {at=>
                ::stagelight::__private::RequestGuard::finish(guard, #error_type);
            },
        }
    }
}
