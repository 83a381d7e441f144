//! `fields(…)`, with the grammar of `tracing::instrument`.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Token, braced, parenthesized, token};

use super::values::Key;

/// A field of the span: `provider = %p`, `user.tier = 3`, `?request`, `model`.
pub(crate) struct Field {
    pub(crate) name: FieldName,
    /// `%` or `?`, if given.
    pub(crate) format: Option<TokenStream>,
    /// `None` for an empty field, which is recorded later.
    pub(crate) value: Option<Expr>,
}

/// The name of a field.
pub(crate) enum FieldName {
    /// `user.tier`, `r#type` or `"user.tier"`.
    Literal(LitStr),
    /// `{USER_TIER}`, a constant in braces.
    Constant(Expr),
}

// === impl Field ===

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let shorthand = parse_format(input)?;
        if shorthand.is_some() {
            // `%user.name` is both the field's name and its value.
            let value: Expr = input.fork().parse()?;
            let name = input.parse()?;
            return Ok(Self { name, format: shorthand, value: Some(value) });
        }
        let name = input.parse()?;
        if !input.peek(Token![=]) {
            return Ok(Self { name, format: None, value: None });
        }
        input.parse::<Token![=]>()?;
        let format = parse_format(input)?;
        Ok(Self { name, format, value: Some(input.parse()?) })
    }
}

fn parse_format(input: ParseStream<'_>) -> syn::Result<Option<TokenStream>> {
    if input.peek(Token![%]) {
        return Ok(Some(input.parse::<Token![%]>()?.into_token_stream()));
    }
    if input.peek(Token![?]) {
        return Ok(Some(input.parse::<Token![?]>()?.into_token_stream()));
    }
    Ok(None)
}

// === impl FieldName ===

impl FieldName {
    fn span(&self) -> Span {
        match self {
            Self::Literal(name) => name.span(),
            Self::Constant(expr) => syn::spanned::Spanned::span(expr),
        }
    }

    /// Returns the name, unless it is a constant.
    fn known(&self) -> Option<String> {
        match self {
            Self::Literal(name) => Some(name.value()),
            Self::Constant(_) => None,
        }
    }
}

impl Parse for FieldName {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(token::Brace) {
            let content;
            braced!(content in input);
            return content.parse().map(Self::Constant);
        }
        if input.peek(LitStr) {
            return input.parse().map(Self::Literal);
        }
        let parts =
            Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with(input, Ident::parse_any)?;
        let span = parts.first().map_or_else(Span::call_site, Ident::span);
        // `r#type` is the field `type`.
        let names: Vec<_> = parts.iter().map(|it| it.unraw().to_string()).collect();
        Ok(Self::Literal(LitStr::new(&names.join("."), span)))
    }
}

impl ToTokens for FieldName {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(name) => name.to_tokens(tokens),
            Self::Constant(expr) => {
                token::Brace::default().surround(tokens, |it| expr.to_tokens(it));
            }
        }
    }
}

/// Parses the list. The attribute itself sets the fields `own`.
pub(super) fn parse(key: &Key, input: ParseStream<'_>, own: &[&str]) -> syn::Result<Vec<Field>> {
    if !input.peek(token::Paren) {
        let message = format!("invalid `{key}`: expected `{key}(provider = %provider, model)`");
        return Err(syn::Error::new(key.span(), message));
    }
    let content;
    parenthesized!(content in input);
    let fields = content.parse_terminated(Field::parse, Token![,])?;

    let mut seen = Vec::new();
    for field in &fields {
        let Some(name) = field.name.known() else { continue };
        let fault = if own.contains(&name.as_str()) {
            format!("the field `{name}` is reserved: the attribute sets it")
        } else if seen.contains(&name) {
            format!("duplicate field `{name}`")
        } else {
            seen.push(name);
            continue;
        };
        return Err(syn::Error::new(field.name.span(), fault));
    }
    Ok(fields.into_iter().collect())
}
