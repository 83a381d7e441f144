//! The arguments of `#[stage(…)]` and `#[request(…)]`.
//!
//! Parsing continues after an invalid argument, so that all errors are reported at once.

mod fields;
mod values;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitBool, Path, Token, parse_quote};

pub(crate) use fields::Field;
pub(crate) use values::Text;
use values::{Key, crate_path, group, level, route, stage_name, text};

/// The arguments of `#[stage(…)]`.
pub(crate) struct StageArgs {
    pub(crate) stage: Text,
    /// One of [`values::GROUPS`], if given.
    pub(crate) group: Option<&'static str>,
    /// Whether a returned error is recorded. Defaults to true.
    pub(crate) records_errors: bool,
    pub(crate) span: SpanArgs,
}

/// The arguments of `#[request(…)]`.
pub(crate) struct RequestArgs {
    pub(crate) route: Expr,
    pub(crate) span: SpanArgs,
}

/// The arguments that both attributes take.
#[derive(Default)]
pub(crate) struct SpanArgs {
    /// Defaults to the function's name.
    pub(crate) name: Option<Text>,
    /// The name of a constant of `tracing::Level`. Defaults to `INFO`.
    pub(crate) level: Option<Ident>,
    /// Defaults to the path of the module.
    pub(crate) target: Option<Text>,
    pub(crate) fields: Option<Vec<Field>>,
    /// The path of the facade. Defaults to `::stagelight`.
    pub(crate) krate: Option<Path>,
}

/// All errors found so far, as one.
#[derive(Default)]
struct Errors(Option<syn::Error>);

// === impl StageArgs ===

impl StageArgs {
    const KEYS: &str = "`group`, `name`, `level`, `target`, `fields`, `err` and `crate`";
    const OWN_FIELDS: &[&str] = &["stage", "stage.group", "error.type"];

    /// Parses the arguments.
    ///
    /// # Errors
    ///
    /// All errors, combined into one.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut stage = None;
        let mut is_named = false;
        let mut group_of = None;
        let mut records_errors = None;
        let mut span = SpanArgs::default();
        let mut errors = Errors::default();

        errors.each_argument(tokens, |input| {
            if !Key::follows_stage(input, is_named) {
                if is_named {
                    return Err(input.error("duplicate stage name"));
                }
                is_named = true;
                stage = Some(stage_name(input)?);
                return Ok(());
            }
            let key: Key = input.parse()?;
            match key.as_str() {
                "group" => set_once(&mut group_of, &key, group(&key, input)?),
                "err" => {
                    let value: LitBool = key.value(input, "`true` or `false`")?;
                    set_once(&mut records_errors, &key, value.value)
                }
                _ => span.set(&key, input, Self::OWN_FIELDS, Self::KEYS),
            }
        });

        let Some(stage) = stage else {
            let missing = "missing stage name: write `#[stage(\"auth_validation\")]`";
            return Err(errors.or_missing(is_named, missing));
        };
        errors.finish(Self {
            stage,
            group: group_of,
            records_errors: records_errors.unwrap_or(true),
            span,
        })
    }
}

// === impl RequestArgs ===

impl RequestArgs {
    const KEYS: &str = "`name`, `level`, `target`, `fields` and `crate`";
    const OWN_FIELDS: &[&str] = &["stagelight.endpoint", "outcome", "error.type"];

    /// Parses the arguments.
    ///
    /// # Errors
    ///
    /// All errors, combined into one.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut route_of = None;
        let mut is_named = false;
        let mut span = SpanArgs::default();
        let mut errors = Errors::default();

        errors.each_argument(tokens, |input| {
            if !Key::follows_route(input, is_named) {
                if is_named {
                    return Err(input.error("duplicate route"));
                }
                is_named = true;
                route_of = Some(route(input)?);
                return Ok(());
            }
            let key: Key = input.parse()?;
            if let "endpoint" | "route" = key.as_str() {
                is_named = true;
                let message = format!(
                    "the route is the first argument, without `{key} =`: write \
                     `#[request(\"nightly_reindex\")]`"
                );
                return Err(syn::Error::new(key.span(), message));
            }
            span.set(&key, input, Self::OWN_FIELDS, Self::KEYS)
        });

        let Some(route) = route_of else {
            let missing = "missing route: write `#[request(\"nightly_reindex\")]`";
            return Err(errors.or_missing(is_named, missing));
        };
        errors.finish(Self { route, span })
    }
}

// === impl SpanArgs ===

impl SpanArgs {
    /// Returns the path that generated code starts at.
    pub(crate) fn private(&self) -> Path {
        match &self.krate {
            Some(path) => parse_quote!(#path::__private),
            None => parse_quote!(::stagelight::__private),
        }
    }

    /// Sets the argument of `key`. The attribute itself sets `own_fields`.
    fn set(
        &mut self,
        key: &Key,
        input: ParseStream<'_>,
        own_fields: &[&str],
        keys: &str,
    ) -> syn::Result<()> {
        match key.as_str() {
            "name" => set_once(&mut self.name, key, text(key, input)?),
            "level" => set_once(&mut self.level, key, level(key, input)?),
            "target" => set_once(&mut self.target, key, text(key, input)?),
            "fields" => set_once(&mut self.fields, key, fields::parse(key, input, own_fields)?),
            "crate" => set_once(&mut self.krate, key, crate_path(key, input)?),
            "skip" | "skip_all" => {
                let message =
                    format!("`{key}` is not needed: only arguments named in `fields` are recorded");
                Err(syn::Error::new(key.span(), message))
            }
            _ => {
                let message = format!("unknown argument `{key}`: expected {keys}");
                Err(syn::Error::new(key.span(), message))
            }
        }
    }
}

// === impl Errors ===

impl Errors {
    /// Calls `read` for each argument of a list. After an error, continues behind the next comma.
    fn each_argument(
        &mut self,
        tokens: TokenStream,
        mut read: impl FnMut(ParseStream<'_>) -> syn::Result<()>,
    ) {
        let list = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let read = read(input).and_then(|()| end_of_argument(input));
                if let Err(error) = read {
                    self.push(error);
                    skip_argument(input)?;
                }
            }
            Ok(())
        };
        if let Err(error) = list.parse2(tokens) {
            self.push(error);
        }
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Returns `value`, or the errors if there are any.
    fn finish<T>(self, value: T) -> syn::Result<T> {
        self.0.map_or(Ok(value), Err)
    }

    /// Returns the errors, including a missing argument unless it was given and invalid.
    fn or_missing(mut self, was_given: bool, message: &str) -> syn::Error {
        let missing = syn::Error::new(Span::call_site(), message);
        match self.0.take() {
            Some(errors) if was_given => errors,
            Some(mut errors) => {
                errors.combine(missing);
                errors
            }
            None => missing,
        }
    }
}

/// Sets an argument, or returns an error if it was set before.
fn set_once<T>(slot: &mut Option<T>, key: &Key, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(syn::Error::new(key.span(), format!("duplicate argument `{key}`"))),
    }
}

fn end_of_argument(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let at = input.span();
    input
        .parse::<Token![,]>()
        .map(drop)
        .map_err(|_| syn::Error::new(at, "expected `,` between arguments"))
}

fn skip_argument(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
