//! Rewrites the body: it runs in the span, and its end is recorded.
//!
//! The body becomes a closure or an async block, so that `return` and `?` end there and the value
//! is known before the function returns it.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Block, Expr, ItemFn, Path, Stmt, Token};

use super::returns::{Output, async_tail, declared, declared_future};

/// The recording at the end of the body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// The type of a returned error.
    Stage,
    /// Nothing.
    Unobserved,
    /// The outcome, even if the body does not return.
    Request,
}

/// How a body is measured.
pub(crate) struct Instrumentation {
    /// The expression that opens the span.
    pub(crate) span: TokenStream,
    pub(crate) ending: Ending,
    /// The path that generated code starts at.
    pub(crate) private: Path,
}

// === impl Instrumentation ===

impl Instrumentation {
    /// Rewrites `function` so that its body runs in the span.
    ///
    /// # Errors
    ///
    /// If the function returns a future created elsewhere: only its creation could be measured.
    pub(crate) fn apply(&self, mut function: ItemFn) -> syn::Result<ItemFn> {
        let output = declared(&function.sig.output);
        let future = declared_future(&function.sig.output);

        if function.sig.asyncness.is_some() {
            let capture = Some(<Token![move]>::default());
            self.asynchronous(&mut function.block, capture, &output);
        } else if let Some(tail) = async_tail(&mut function.block.stmts) {
            let output = future.unwrap_or(Output::Unknown);
            self.asynchronous(&mut tail.block, tail.capture, &output);
        } else if future.is_some() {
            return Err(syn::Error::new_spanned(
                &function.sig.output,
                "only the creation of this future could be measured: make the function `async`, \
                 or end it with `async move { … }` or `Box::pin(async move { … })`",
            ));
        } else {
            self.synchronous(&mut function.block, &output);
        }
        Ok(function)
    }

    /// Moves the statements of `block` into an async block.
    fn asynchronous(&self, block: &mut Block, capture: Option<Token![move]>, output: &Output) {
        let Self { span, private, .. } = self;
        let at = hygienic(block);
        let guard = self.guard(at);
        let returns = return_of_type(at, output);
        let stmts = &block.stmts;
        let end = self.end(
            at,
            output,
            &quote_spanned!(at=> #private::tracing::instrument::Instrumented::span(&future)),
        );
        // Pinned here instead of moved into the `await`, so that the span is accessible after it
        // without a clone. The guard is declared before the future: drops of a cancelled future
        // belong to the request, and come before its end.
        let body = quote_spanned! {at=>
            let span = #span;
            #guard
            let mut future = ::core::pin::pin!(
                #private::tracing::Instrument::instrument(
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

    /// Moves the statements of `block` into a closure, unless they do not return.
    fn synchronous(&self, block: &mut Block, output: &Output) {
        let Self { span, private, .. } = self;
        let at = hygienic(block);
        let guard = self.guard(at);
        let stmts = &block.stmts;
        let open = quote_spanned! {at=>
            let span = #span;
            #guard
            let _entered = #private::tracing::Span::enter(&span);
        };
        let body = if let Output::Never = output {
            // There is no value, and clippy warns about a `let` without one.
            quote_spanned!(at=> #open #(#stmts)*)
        } else {
            let returns = return_of_type(at, output);
            let end = self.end(at, output, &quote_spanned!(at=> &span));
            quote_spanned! {at=>
                #open
                let returned = #private::call_once(move || { #returns #(#stmts)* });
                #end
                returned
            }
        };
        replace(block, body);
    }

    /// Returns the code before the body.
    fn guard(&self, at: Span) -> TokenStream {
        let private = &self.private;
        match self.ending {
            Ending::Request => quote_spanned! {at=>
                let guard = #private::RequestGuard::new(::core::clone::Clone::clone(&span));
            },
            Ending::Stage | Ending::Unobserved => TokenStream::new(),
        }
    }

    /// Returns the code after the body; `span` is a reference to its span.
    fn end(&self, at: Span, output: &Output, span: &TokenStream) -> TokenStream {
        let private = &self.private;
        if let Output::Never = output {
            return TokenStream::new();
        }
        let error_type = quote_spanned! {at=> {
            #[allow(unused_imports, reason = "one of them is used")]
            use #private::{ByErrorType as _, ByTypeName as _, NotAnError as _};
            (&&&#private::Returned::new(&returned)).__stagelight_error_type()
        }};
        match self.ending {
            Ending::Stage => quote_spanned! {at=>
                #private::record_error(#span, #error_type);
            },
            Ending::Unobserved => TokenStream::new(),
            Ending::Request => quote_spanned! {at=>
                #private::RequestGuard::finish(guard, #error_type);
            },
        }
    }
}

/// Returns an unreachable `return` that gives the compiler the type before the user's first `?` or
/// `return`. There is no other way to annotate an async block, or a closure with an `impl Trait` in
/// its type.
fn return_of_type(at: Span, output: &Output) -> TokenStream {
    let Output::Type(output) = output else { return TokenStream::new() };
    quote_spanned! {at=>
        #[allow(unreachable_code, clippy::all, reason = "never reached; it declares a type")]
        if false {
            let returned: #output = loop {};
            return returned;
        }
    }
}

/// Replaces all statements of `block`.
fn replace(block: &mut Block, stmts: TokenStream) {
    block.stmts = vec![Stmt::Expr(Expr::Verbatim(stmts), None)];
}

/// Returns the span of generated code: located at the user's block, for the compiler's messages,
/// with names that the user's code cannot see.
fn hygienic(block: &Block) -> Span {
    Span::mixed_site().located_at(block.span())
}
