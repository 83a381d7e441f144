//! The output of a function, according to its signature and its last expression.

use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    Expr, ExprAsync, ExprCall, ExprMethodCall, GenericArgument, Path, PathArguments, ReturnType,
    Stmt, Type, TypeParamBound, parse_quote,
};

/// The output of a body.
pub(super) enum Output {
    /// A value of this type, with `_` for each `impl Trait`.
    Type(Box<Type>),
    /// It does not return.
    Never,
    /// Not in the signature.
    Unknown,
}

/// Returns the output that a signature declares.
pub(super) fn declared(output: &ReturnType) -> Output {
    match output {
        ReturnType::Default => Output::Type(Box::new(parse_quote!(()))),
        ReturnType::Type(_, declared) => Output::of(declared),
    }
}

/// Returns the output of the declared future, or `None` if the signature declares none.
///
/// Futures are `impl Future`, a boxed one, and the `BoxFuture`s of the futures crate.
pub(super) fn declared_future(output: &ReturnType) -> Option<Output> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, declared) => future_in_type(declared),
    }
}

/// Returns the async block that a function without `async` returns as its last expression.
pub(super) fn async_tail(stmts: &mut [Stmt]) -> Option<&mut ExprAsync> {
    match stmts.last_mut()? {
        Stmt::Expr(tail, None) => async_block(tail),
        _ => None,
    }
}

/// Replaces types that cannot be named outside a signature by `_`.
struct ImplTraitToInfer;

// === impl Output ===

impl Output {
    fn of(declared: &Type) -> Self {
        if matches!(declared, Type::Never(_)) {
            return Self::Never;
        }
        let mut nameable = Box::new(declared.clone());
        ImplTraitToInfer.visit_type_mut(&mut nameable);
        Self::Type(nameable)
    }
}

// === impl ImplTraitToInfer ===

impl VisitMut for ImplTraitToInfer {
    fn visit_type_mut(&mut self, of: &mut Type) {
        if matches!(of, Type::ImplTrait(_)) {
            *of = parse_quote!(_);
        } else {
            visit_type_mut(self, of);
        }
    }
}

fn future_in_type(declared: &Type) -> Option<Output> {
    match declared {
        Type::Paren(it) => future_in_type(&it.elem),
        Type::Group(it) => future_in_type(&it.elem),
        Type::ImplTrait(it) => it.bounds.iter().find_map(future_in_bound),
        Type::TraitObject(it) => it.bounds.iter().find_map(future_in_bound),
        Type::Path(it) => future_in_path(&it.path),
        _ => None,
    }
}

fn future_in_path(path: &Path) -> Option<Output> {
    let last = path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|it| match it {
        GenericArgument::Type(it) => Some(it),
        _ => None,
    });
    match last.ident.to_string().as_str() {
        "Pin" | "Box" => future_in_type(types.next()?),
        "BoxFuture" | "LocalBoxFuture" => Some(types.next().map_or(Output::Unknown, Output::of)),
        _ => None,
    }
}

fn future_in_bound(bound: &TypeParamBound) -> Option<Output> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let last = bound.path.segments.last().filter(|it| it.ident == "Future")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some(Output::Unknown);
    };
    let output = arguments.args.iter().find_map(|it| match it {
        GenericArgument::AssocType(it) if it.ident == "Output" => Some(Output::of(&it.ty)),
        _ => None,
    });
    Some(output.unwrap_or(Output::Unknown))
}

/// Returns the async block inside of boxes, casts and parentheses: `Box::pin(…)`, `….boxed()`.
fn async_block(tail: &mut Expr) -> Option<&mut ExprAsync> {
    match tail {
        Expr::Async(block) => Some(block),
        Expr::Paren(it) => async_block(&mut it.expr),
        Expr::Group(it) => async_block(&mut it.expr),
        Expr::Cast(it) => async_block(&mut it.expr),
        Expr::Call(ExprCall { func, args, .. }) if is_box_pin(func) => {
            async_block(args.first_mut()?)
        }
        Expr::MethodCall(ExprMethodCall { receiver, method, .. })
            if method == "boxed" || method == "boxed_local" =>
        {
            async_block(receiver)
        }
        _ => None,
    }
}

fn is_box_pin(func: &Expr) -> bool {
    let Expr::Path(func) = func else { return false };
    let mut names = func.path.segments.iter().rev().map(|it| &it.ident);
    names.next().is_some_and(|it| it == "pin") && names.next().is_some_and(|it| it == "Box")
}
