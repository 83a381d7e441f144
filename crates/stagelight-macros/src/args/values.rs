//! The values of arguments, and the errors for invalid ones.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Path, Token, token};

/// The values of `group`, in the order of a request.
pub(super) const GROUPS: [&str; 4] =
    ["frontend_processing", "backend_response", "stream_processing", "other"];

/// The values of `level`, each with its constant of `tracing::Level`.
const LEVELS: [(&str, &str); 5] = [
    ("trace", "TRACE"),
    ("debug", "DEBUG"),
    ("info", "INFO"),
    ("warn", "WARN"),
    ("error", "ERROR"),
];

/// Longest name of a stage, in bytes: `stagelight_core::stage::MAX_NAME_BYTES`, as a test checks.
pub(super) const STAGE_NAME_MAX: usize = 64;

/// Longest route, in bytes. Route templates are well below it, raw paths may not be.
const ROUTE_MAX: usize = 128;

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
    /// Returns whether the next token is an argument's name, not the name of the stage.
    ///
    /// `AUTH` alone is the path of a constant while the stage has no name; `group` alone is an
    /// argument without its value.
    pub(super) fn follows_stage(input: ParseStream<'_>, stage_is_named: bool) -> bool {
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

    /// Returns whether the next token is an argument's name, not an expression for the route.
    pub(super) fn follows_route(input: ParseStream<'_>, route_is_given: bool) -> bool {
        let ahead = input.fork();
        let Ok(ident) = ahead.call(Ident::parse_any) else { return false };
        let has_value = ahead.peek(Token![=]) && !ahead.peek(Token![==]);
        let is_list = ident == "fields" && ahead.peek(token::Paren);
        route_is_given || has_value || is_list || ident == "skip_all"
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) fn span(&self) -> Span {
        self.ident.span()
    }

    /// Parses `= value`; `allowed` describes the values in error messages.
    pub(super) fn value<T: Parse>(&self, input: ParseStream<'_>, allowed: &str) -> syn::Result<T> {
        if !input.peek(Token![=]) {
            let message = format!("`{self}` has no value: expected `{self} = …` with {allowed}");
            return Err(syn::Error::new(self.span(), message));
        }
        input.parse::<Token![=]>()?;
        let at = if input.is_empty() { self.span() } else { input.span() };
        input
            .parse()
            .map_err(|_| syn::Error::new(at, format!("invalid `{self}`: expected {allowed}")))
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

/// Parses the value of `name` or `target`.
pub(super) fn text(key: &Key, input: ParseStream<'_>) -> syn::Result<Text> {
    let text = key.value(input, "a string or the path of a constant")?;
    match &text {
        Text::Literal(literal) if literal.value().is_empty() => {
            Err(syn::Error::new(literal.span(), format!("`{key}` is empty")))
        }
        _ => Ok(text),
    }
}

/// Parses the value of `crate`: the path of the facade, plain or as a string.
pub(super) fn crate_path(key: &Key, input: ParseStream<'_>) -> syn::Result<Path> {
    const ALLOWED: &str = "the path of stagelight: `crate = \"my_stagelight\"`";

    let at = input.fork();
    let path = match key.value(input, ALLOWED)? {
        Text::Literal(literal) => {
            return literal.parse_with(Path::parse_mod_style).map_err(|_| {
                syn::Error::new(literal.span(), format!("invalid `{key}`: expected {ALLOWED}"))
            });
        }
        Text::Constant(path) => path,
    };
    match path.qself {
        None => Ok(path.path),
        Some(_) => Err(at.error(format!("invalid `{key}`: expected {ALLOWED}"))),
    }
}

/// Parses the value of `level` into the name of a constant of `tracing::Level`.
pub(super) fn level(key: &Key, input: ParseStream<'_>) -> syn::Result<Ident> {
    let literal: LitStr =
        key.value(input, "a string: `trace`, `debug`, `info`, `warn` or `error`")?;
    let given = literal.value();
    match LEVELS.iter().find(|(level, _)| given.eq_ignore_ascii_case(level)) {
        Some((_, constant)) => Ok(Ident::new(constant, literal.span())),
        None => Err(syn::Error::new(
            literal.span(),
            format!(
                "unknown level {given:?}: expected `trace`, `debug`, `info`, `warn` or `error`"
            ),
        )),
    }
}

/// Parses the value of `group`.
pub(super) fn group(key: &Key, input: ParseStream<'_>) -> syn::Result<&'static str> {
    let [frontend, backend, stream, other] = GROUPS;
    let allowed = format!("`{frontend}`, `{backend}`, `{stream}` or `{other}`");
    let literal: LitStr = key.value(input, &format!("a string: {allowed}"))?;
    let given = literal.value();
    GROUPS.into_iter().find(|it| *it == given).ok_or_else(|| {
        let message = format!("unknown group {given:?}: expected {allowed}");
        syn::Error::new(literal.span(), message)
    })
}

/// Parses the name of a stage. A constant is checked where it is evaluated.
pub(super) fn stage_name(input: ParseStream<'_>) -> syn::Result<Text> {
    let at = input.span();
    let text: Text = input.parse().map_err(|_| {
        syn::Error::new(at, "invalid stage name: expected a string or the path of a constant")
    })?;
    if let Text::Literal(literal) = &text
        && let Some(fault) = stage_name_fault(&literal.value())
    {
        return Err(syn::Error::new(literal.span(), fault));
    }
    Ok(text)
}

fn stage_name_fault(name: &str) -> Option<String> {
    let allowed = format!("expected 1 to {STAGE_NAME_MAX} of `A-Z a-z 0-9 _ . -`");
    if name.is_empty() {
        return Some(format!("the stage name is empty: {allowed}"));
    }
    if name == "unattributed" {
        return Some(
            "the stage name `unattributed` is reserved for the time outside of all stages".into(),
        );
    }
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-');
    if let Some(bad) = name.chars().find(|it| !is_allowed(*it)) {
        return Some(format!("the stage name {name:?} contains {bad:?}: {allowed}"));
    }
    let length = name.len();
    (STAGE_NAME_MAX < length).then(|| format!("the stage name has {length} characters: {allowed}"))
}

/// Parses the route. Only literals are validated.
pub(super) fn route(input: ParseStream<'_>) -> syn::Result<Expr> {
    let invalid = "invalid route: expected a string, or an expression of the type `&str`";
    let at = input.span();
    let expr: Expr = input.parse().map_err(|_| syn::Error::new(at, invalid))?;
    let Expr::Lit(ExprLit { lit, .. }) = &expr else { return Ok(expr) };
    let Lit::Str(literal) = lit else { return Err(syn::Error::new(lit.span(), invalid)) };
    match route_fault(&literal.value()) {
        Some(fault) => Err(syn::Error::new(literal.span(), fault)),
        None => Ok(expr),
    }
}

fn route_fault(route: &str) -> Option<String> {
    let length = route.len();
    if route.trim().is_empty() {
        return Some(
            "the route is empty: expected the name of a job or queue, or a route template".into(),
        );
    }
    if route.contains('?') {
        return Some(format!(
            "the route {route:?} has a query: expected a name or a route template, not a raw path"
        ));
    }
    if let Some(bad) = route.chars().find(|it| it.is_control()) {
        return Some(format!("the route {route:?} contains the control character {bad:?}"));
    }
    (ROUTE_MAX < length)
        .then(|| format!("the route has {length} bytes: expected at most {ROUTE_MAX}"))
}
