//! The values that arguments take, and what is said of a wrong one.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Token};

/// The values of `group`, in the order in which a request passes through them.
pub(super) const GROUPS: [&str; 4] =
    ["frontend_processing", "backend_response", "stream_processing", "other"];

/// The values of `level` and the constants of `tracing::Level` that they stand for.
const LEVELS: [(&str, &str); 5] = [
    ("trace", "TRACE"),
    ("debug", "DEBUG"),
    ("info", "INFO"),
    ("warn", "WARN"),
    ("error", "ERROR"),
];

/// Longest name of a stage, in bytes: `stagelight_core::stage::MAX_NAME_BYTES`, as a test checks.
pub(super) const STAGE_NAME_MAX: usize = 64;

/// Longest endpoint, in bytes: the longest route template is well below, a raw path may not be.
const ENDPOINT_MAX: usize = 128;

/// The name of an argument.
pub(super) struct Key {
    ident: Ident,
    name: String,
}

/// A string literal, or the path of a string constant.
pub(crate) enum Text {
    Literal(LitStr),
    Constant(ExprPath),
}

// === impl Key ===

impl Key {
    /// Returns whether an argument's name comes next, rather than the name of the stage.
    ///
    /// `AUTH` alone is the path of a constant while no stage is named; `group` alone is an
    /// argument without its value.
    pub(super) fn is_next(input: ParseStream<'_>, stage_is_named: bool) -> bool {
        const KNOWN: [&str; 6] = ["name", "group", "level", "target", "fields", "err"];

        let ahead = input.fork();
        let Ok(ident) = ahead.call(Ident::parse_any) else { return false };
        if ahead.peek(Token![::]) {
            return false;
        }
        stage_is_named
            || !(ahead.is_empty() || ahead.peek(Token![,]))
            || KNOWN.iter().any(|it| ident == it)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) fn span(&self) -> Span {
        self.ident.span()
    }

    /// Reads `= value`; `allowed` says what the value may be.
    pub(super) fn value<T: Parse>(&self, input: ParseStream<'_>, allowed: &str) -> syn::Result<T> {
        if !input.peek(Token![=]) {
            let message = format!("`{self}` needs a value: `{self} = …`, with {allowed}");
            return Err(syn::Error::new(self.span(), message));
        }
        input.parse::<Token![=]>()?;
        let at = if input.is_empty() { self.span() } else { input.span() };
        input.parse().map_err(|_| syn::Error::new(at, format!("`{self}` takes {allowed}")))
    }
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident = input.call(Ident::parse_any)?;
        let name = ident.to_string();
        Ok(Self { ident, name })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

// === impl Text ===

impl Parse for Text {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Literal);
        }
        input.parse().map(Self::Constant)
    }
}

impl ToTokens for Text {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// Reads the value of `name` and `target`.
pub(super) fn text(key: &Key, input: ParseStream<'_>) -> syn::Result<Text> {
    let text = key.value(input, "a string or the path of a constant")?;
    match &text {
        Text::Literal(literal) if literal.value().is_empty() => {
            Err(syn::Error::new(literal.span(), format!("`{key}` is empty")))
        }
        _ => Ok(text),
    }
}

/// Reads the value of `level` as the name of a constant of `tracing::Level`.
pub(super) fn level(key: &Key, input: ParseStream<'_>) -> syn::Result<Ident> {
    let literal: LitStr =
        key.value(input, "a string: `trace`, `debug`, `info`, `warn` or `error`")?;
    let given = literal.value();
    match LEVELS.iter().find(|(level, _)| given.eq_ignore_ascii_case(level)) {
        Some((_, constant)) => Ok(Ident::new(constant, literal.span())),
        None => Err(syn::Error::new(
            literal.span(),
            format!(
                "unknown level {given:?}; allowed are `trace`, `debug`, `info`, `warn` and `error`"
            ),
        )),
    }
}

/// Reads the value of `group`.
pub(super) fn group(key: &Key, input: ParseStream<'_>) -> syn::Result<&'static str> {
    let [frontend, backend, stream, other] = GROUPS;
    let allowed = format!("`{frontend}`, `{backend}`, `{stream}`");
    let literal: LitStr = key.value(input, &format!("a string: {allowed} or `{other}`"))?;
    let given = literal.value();
    GROUPS.into_iter().find(|it| *it == given).ok_or_else(|| {
        let message = format!("unknown group {given:?}; allowed are {allowed} and `{other}`");
        syn::Error::new(literal.span(), message)
    })
}

/// Reads the name of a stage; that of a constant is checked where it is evaluated.
pub(super) fn stage_name(input: ParseStream<'_>) -> syn::Result<Text> {
    let at = input.span();
    let text: Text = input.parse().map_err(|_| {
        syn::Error::new(at, "the stage's name is a string or the path of a constant")
    })?;
    if let Text::Literal(literal) = &text
        && let Some(fault) = stage_name_fault(&literal.value())
    {
        return Err(syn::Error::new(literal.span(), fault));
    }
    Ok(text)
}

fn stage_name_fault(name: &str) -> Option<String> {
    let allowed = format!("allowed are 1 to {STAGE_NAME_MAX} of `A-Z a-z 0-9 _ . -`");
    if name.is_empty() {
        return Some(format!("the stage's name is empty; {allowed}"));
    }
    if name == "unattributed" {
        return Some(
            "`unattributed` is the time outside of all stages; choose another name".into(),
        );
    }
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-');
    if let Some(bad) = name.chars().find(|it| !is_allowed(*it)) {
        return Some(format!("the stage's name {name:?} contains {bad:?}; {allowed}"));
    }
    let length = name.len();
    (STAGE_NAME_MAX < length)
        .then(|| format!("the stage's name has {length} characters; {allowed}"))
}

/// Reads the value of `endpoint`; one that is computed is taken as it is.
pub(super) fn endpoint(key: &Key, input: ParseStream<'_>) -> syn::Result<Expr> {
    let expr: Expr = key.value(input, "a string, or an expression of the type `&str`")?;
    let Expr::Lit(ExprLit { lit, .. }) = &expr else { return Ok(expr) };
    let Lit::Str(literal) = lit else {
        let message = format!("`{key}` takes a string, or an expression of the type `&str`");
        return Err(syn::Error::new(lit.span(), message));
    };
    match endpoint_fault(&literal.value()) {
        Some(fault) => Err(syn::Error::new(literal.span(), fault)),
        None => Ok(expr),
    }
}

fn endpoint_fault(endpoint: &str) -> Option<String> {
    let length = endpoint.len();
    if endpoint.trim().is_empty() {
        return Some("the endpoint is empty; name the job, the queue or the route template".into());
    }
    if endpoint.contains('?') {
        return Some(format!(
            "the endpoint {endpoint:?} has a query; it is a name or a route template, never a raw path"
        ));
    }
    if let Some(bad) = endpoint.chars().find(|it| it.is_control()) {
        return Some(format!("the endpoint {endpoint:?} contains {bad:?}"));
    }
    (ENDPOINT_MAX < length)
        .then(|| format!("the endpoint has {length} bytes; at most {ENDPOINT_MAX} are allowed"))
}
