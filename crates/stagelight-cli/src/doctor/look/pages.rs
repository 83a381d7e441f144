//! Reads metrics pages.

use super::{Timed, places::Asked};
use crate::doctor::{
    http::{AskError, Http},
    page::Page,
};

/// Reads a page once.
pub(super) async fn read(http: &Http, place: &Asked) -> Timed<Page> {
    match http.get(&place.url, &place.credentials).await {
        Ok(answer) => {
            let page = Page::parse(&answer.body);
            (page.ok_or(AskError::Unreadable("a metrics page")), answer.clock_ahead)
        }
        Err(error) => (Err(error), None),
    }
}
