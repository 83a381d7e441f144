//! The `span!` that opens a stage or a request.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Ident;

use crate::args::{Field, RequestArgs, SpanArgs, StageArgs, Text};

/// Returns the expression that opens a stage's span.
pub(crate) fn of_stage(args: &StageArgs, function: &Ident) -> TokenStream {
    let stage = match &args.stage {
        Text::Literal(name) => name.into_token_stream(),
        // In parentheses, because `span!` takes expressions of an edition that has no `const` ones.
        Text::Constant(name) => quote!((const { ::stagelight::__private::stage_name(#name) })),
    };
    let group = args.group.map(|it| quote!("stage.group" = #it,));
    let own_fields = quote! { "stage" = #stage, #group };
    open(&args.span, function, &own_fields)
}

/// Returns the expression that opens a request's span.
pub(crate) fn of_request(args: &RequestArgs, function: &Ident) -> TokenStream {
    let endpoint = &args.endpoint;
    let own_fields = quote! {
        // Another type would be recorded as another type, and not be seen as an endpoint.
        "stagelight.endpoint" = ::core::convert::identity::<&str>(#endpoint),
        "outcome" = ::stagelight::__private::tracing::field::Empty,
    };
    open(&args.span, function, &own_fields)
}

fn open(args: &SpanArgs, function: &Ident, own_fields: &TokenStream) -> TokenStream {
    let name = args
        .name
        .as_ref()
        .map_or_else(|| function.to_string().into_token_stream(), ToTokens::to_token_stream);
    let target = args
        .target
        .as_ref()
        .map_or_else(|| quote!(::core::module_path!()), ToTokens::to_token_stream);
    let level = args.level.as_ref().map_or_else(|| quote!(INFO), ToTokens::to_token_stream);
    let fields = args.fields.iter().flatten().map(field);
    quote! {
        ::stagelight::__private::tracing::span!(
            target: #target,
            ::stagelight::__private::tracing::Level::#level,
            #name,
            #own_fields
            "error.type" = ::stagelight::__private::tracing::field::Empty,
            #(#fields,)*
        )
    }
}

fn field(field: &Field) -> TokenStream {
    let Field { name, format, value } = field;
    match value {
        Some(value) => quote!(#name = #format #value),
        None => quote!(#name = ::stagelight::__private::tracing::field::Empty),
    }
}
