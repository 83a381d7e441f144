//! The `span!` that opens a stage or a request.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Ident, Path};

use crate::args::{Field, RequestArgs, SpanArgs, StageArgs, Text};

/// Returns the expression that opens a stage's span.
pub(crate) fn of_stage(args: &StageArgs, function: &Ident) -> TokenStream {
    let private = args.span.private();
    let stage = match &args.stage {
        Text::Literal(name) => name.into_token_stream(),
        // In parentheses: `span!` takes expressions of an edition without `const` blocks.
        Text::Constant(name) => quote!((const { #private::stage_name(#name) })),
    };
    let group = args.group.map(|it| quote!("stage.group" = #it,));
    let own_fields = quote! { "stage" = #stage, #group };
    open(&args.span, function, &own_fields)
}

/// Returns the expression that opens a request's span.
pub(crate) fn of_request(args: &RequestArgs, function: &Ident) -> TokenStream {
    let private = args.span.private();
    let route = &args.route;
    let own_fields = quote! {
        // A value of another type would not be recognised as a route.
        "stagelight.endpoint" = ::core::convert::identity::<&str>(#route),
        "outcome" = #private::tracing::field::Empty,
    };
    open(&args.span, function, &own_fields)
}

fn open(args: &SpanArgs, function: &Ident, own_fields: &TokenStream) -> TokenStream {
    let private = args.private();
    let name = args
        .name
        .as_ref()
        .map_or_else(|| function.to_string().into_token_stream(), ToTokens::to_token_stream);
    let target = args
        .target
        .as_ref()
        .map_or_else(|| quote!(::core::module_path!()), ToTokens::to_token_stream);
    let level = args.level.as_ref().map_or_else(|| quote!(INFO), ToTokens::to_token_stream);
    let fields = args.fields.iter().flatten().map(|it| field(it, &private));
    quote! {
        #private::tracing::span!(
            target: #target,
            #private::tracing::Level::#level,
            #name,
            #own_fields
            "error.type" = #private::tracing::field::Empty,
            #(#fields,)*
        )
    }
}

fn field(field: &Field, private: &Path) -> TokenStream {
    let Field { name, format, value } = field;
    match value {
        Some(value) => quote!(#name = #format #value),
        None => quote!(#name = #private::tracing::field::Empty),
    }
}
