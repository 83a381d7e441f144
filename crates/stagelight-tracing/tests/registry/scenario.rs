//! Spans and events in regular and irregular use.

use std::thread;

use tracing::{
    Level, Span, debug, debug_span, dispatcher, error, event, field, info, info_span, trace, warn,
};

use crate::log::Log;

/// Runs everything with the current subscriber, and also logs the state that `tracing` reports.
pub(crate) fn run(log: &Log) {
    info!("outside");
    log_state(log);
    let connection = info_span!("connection", peer = 7).entered();
    request(log);
    entered_again(log);
    exited_out_of_order(log);
    explicit_parents(log);
    other_threads(log);
    leaked(log);
    deep(log);
    warn!("after");
    drop(connection);
    log_state(log);
}

/// Logs the current span and the enabled levels.
fn log_state(log: &Log) {
    let current = Span::current();
    let name = current.metadata().map(|it| it.name());
    let enabled = [tracing::enabled!(Level::WARN), tracing::enabled!(Level::TRACE)];
    log.line(&format!("current {name:?}, enabled {enabled:?}"));
}

fn request(log: &Log) {
    let request = info_span!("request", route = "/x", user = field::Empty, sizes = ?[1, 2]);
    let _request = request.enter();
    request.record("user", "ann");
    for stage in ["parse", "auth"] {
        let span = info_span!("stage", stage, part = 1.5);
        let _span = span.enter();
        info!(k = 1, "in stage");
        debug!("details");
        trace!("more");
        let _plain = debug_span!("plain", x = true).entered();
        error!("nested");
        log_state(log);
    }
    info!("in request");
}

fn entered_again(log: &Log) {
    let first = info_span!("first");
    let outer = first.enter();
    let second = info_span!("second").entered();
    let again = first.enter();
    // A second entry of the same span is not a parent.
    info_span!("child").in_scope(|| info!("in child"));
    log_state(log);
    drop(outer);
    log_state(log);
    info!("after the outer guard");
    drop(again);
    drop(second);
    log_state(log);
}

fn exited_out_of_order(log: &Log) {
    let outer = info_span!("outer").entered();
    let middle = info_span!("middle").entered();
    let inner = info_span!("inner").entered();
    drop(middle);
    log_state(log);
    info_span!("under_inner").in_scope(|| warn!("here"));
    drop(outer);
    log_state(log);
    drop(inner);
    log_state(log);
}

fn explicit_parents(log: &Log) {
    let parent = info_span!("parent");
    let _elsewhere = info_span!("elsewhere").entered();
    info!(parent: &parent, "of the parent");
    event!(parent: None, Level::INFO, "of nothing");
    let child = info_span!(parent: &parent, "child", n = 1);
    let root = info_span!(parent: None, "root");
    child.follows_from(&root);
    drop(parent);
    child.in_scope(|| {
        info!("in child");
        info_span!("grandchild").in_scope(|| log_state(log));
    });
    root.in_scope(|| info!("in root"));
}

fn other_threads(log: &Log) {
    let span = info_span!("shared");
    let _entered = span.enter();
    for _ in 0..2 {
        let (span, dispatch) = (span.clone(), dispatcher::get_default(Clone::clone));
        let work = || {
            dispatcher::with_default(&dispatch, || {
                log_state(log);
                span.in_scope(|| info_span!("there").in_scope(|| info!("on another thread")));
                log_state(log);
            });
        };
        thread::scope(|scope| scope.spawn(work).join().unwrap());
    }
    log_state(log);
}

/// A closed span with a leaked guard.
fn leaked(log: &Log) {
    let work = |dispatch: &dispatcher::Dispatch| {
        dispatcher::with_default(dispatch, || {
            let span = info_span!("leaked");
            let id = span.id();
            dispatcher::get_default(|it| id.iter().for_each(|id| it.enter(id)));
            drop(span);
            log_state(log);
            info_span!("after_it").in_scope(|| info!("in a span"));
            info!("in none");
        });
    };
    let dispatch = dispatcher::get_default(Clone::clone);
    thread::scope(|scope| scope.spawn(|| work(&dispatch)).join().unwrap());
}

fn deep(log: &Log) {
    let guards: Vec<_> = (0..100).map(|depth| info_span!("level", depth).entered()).collect();
    log_state(log);
    // Drops the outermost first.
    drop(guards);
    log_state(log);
}
