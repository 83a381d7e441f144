//! Reads metrics pages.

use super::{Timed, targets::Target};
use crate::doctor::{
    http::{HttpClient, ProbeError},
    page::Page,
};

/// Reads a page once.
pub(super) async fn read(http: &HttpClient, place: &Target) -> Timed<Page> {
    match http.get(&place.url, &place.credentials).await {
        Ok(answer) => {
            let page = Page::parse(&answer.body);
            (page.ok_or(ProbeError::UnexpectedBody("a metrics page")), answer.clock_ahead)
        }
        Err(error) => (Err(error), None),
    }
}
