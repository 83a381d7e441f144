//! What stands between the parentheses of `#[stage(…)]` and `#[request(…)]`.
//!
//! Every argument is read even after one was refused, so that all mistakes are told at once.

mod fields;
mod values;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitBool, Token};

pub(crate) use fields::Field;
pub(crate) use values::Text;
use values::{Key, endpoint, group, level, stage_name, text};

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
    pub(crate) endpoint: Expr,
    pub(crate) span: SpanArgs,
}

/// What both attributes can say about their span.
#[derive(Default)]
pub(crate) struct SpanArgs {
    /// Defaults to the function's name.
    pub(crate) name: Option<Text>,
    /// The name of a constant of `tracing::Level`. Defaults to `INFO`.
    pub(crate) level: Option<Ident>,
    /// Defaults to the path of the module.
    pub(crate) target: Option<Text>,
    pub(crate) fields: Option<Vec<Field>>,
}

/// All errors found so far, as one.
#[derive(Default)]
struct Errors(Option<syn::Error>);

// === impl StageArgs ===

impl StageArgs {
    const KEYS: &str = "`name`, `group`, `level`, `target`, `fields` and `err`";
    const OWN_FIELDS: &[&str] = &["stage", "stage.group", "error.type"];

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// All mistakes, as one error.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut stage = None;
        let mut is_named = false;
        let mut group_of = None;
        let mut records_errors = None;
        let mut span = SpanArgs::default();
        let mut errors = Errors::default();

        errors.each_argument(tokens, |input| {
            if !Key::is_next(input, is_named) {
                if is_named {
                    return Err(input.error("the stage's name is given twice"));
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
            let missing = "the stage has no name; write `#[stage(\"its_name\")]`";
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
    const KEYS: &str = "`endpoint`, `name`, `level`, `target` and `fields`";
    const OWN_FIELDS: &[&str] = &["stagelight.endpoint", "outcome", "error.type"];

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// All mistakes, as one error.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut endpoint_of = None;
        let mut is_named = false;
        let mut span = SpanArgs::default();
        let mut errors = Errors::default();

        errors.each_argument(tokens, |input| {
            if !input.peek(Ident::peek_any) {
                return Err(input.error("the endpoint is named: `endpoint = \"its_name\"`"));
            }
            let key: Key = input.parse()?;
            match key.as_str() {
                "endpoint" => {
                    is_named = true;
                    set_once(&mut endpoint_of, &key, endpoint(&key, input)?)
                }
                _ => span.set(&key, input, Self::OWN_FIELDS, Self::KEYS),
            }
        });

        let Some(endpoint) = endpoint_of else {
            let missing =
                "the request has no endpoint; write `#[request(endpoint = \"its_name\")]`";
            return Err(errors.or_missing(is_named, missing));
        };
        errors.finish(Self { endpoint, span })
    }
}

// === impl SpanArgs ===

impl SpanArgs {
    /// Takes the argument of `key`; `own_fields` are those that the attribute itself sets.
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
            "skip" | "skip_all" => {
                let message = format!(
                    "`{key}` is not needed: no argument is recorded unless `fields` says so"
                );
                Err(syn::Error::new(key.span(), message))
            }
            _ => {
                let message = format!("unknown argument `{key}`; expected are {keys}");
                Err(syn::Error::new(key.span(), message))
            }
        }
    }
}

// === impl Errors ===

impl Errors {
    /// Calls `read` for each argument of a list; after a mistake it goes on behind the next comma.
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

    /// Returns `value` if nothing was wrong.
    fn finish<T>(self, value: T) -> syn::Result<T> {
        self.0.map_or(Ok(value), Err)
    }

    /// Returns the errors, with that of a missing argument unless it was given and refused.
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

/// Fills `slot`. The one place that refuses an argument given twice.
fn set_once<T>(slot: &mut Option<T>, key: &Key, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(syn::Error::new(key.span(), format!("`{key}` is given twice"))),
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
        .map_err(|_| syn::Error::new(at, "expected `,` between two arguments"))
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
