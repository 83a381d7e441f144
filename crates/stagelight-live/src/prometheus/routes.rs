//! The metrics page as an axum handler.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};

use super::{Format, MetricsPage};

/// Returns a handler for `GET` that renders a page in the format the scraper accepts.
///
/// ```
/// use axum::Router;
/// use stagelight_core::Engine;
/// use stagelight_live::prometheus::{MetricsPage, handler};
///
/// let page = MetricsPage::new(&Engine::new());
/// let app: Router = Router::new().route("/metrics", handler(page));
/// ```
///
/// Serve it on an address of its own to keep it away from the service's clients. In the service's
/// own router, add the route after the HTTP layer, so that scrapes are not measured as requests.
pub fn handler<S>(page: MetricsPage) -> MethodRouter<S, Infallible>
where
    S: Clone + Send + Sync + 'static,
{
    get(metrics).with_state(Arc::new(page))
}

/// Renders the page in the format that the scraper accepts.
async fn metrics(State(page): State<Arc<MetricsPage>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    let format = accept.map(Format::for_accept).unwrap_or_default();
    ([(CONTENT_TYPE, format.content_type())], page.render(format)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{self, Body},
        http::{Method, Request, StatusCode},
    };
    use stagelight_core::{Engine, Outcome, Point, Series, catalog};
    use tower::ServiceExt;

    use super::*;

    fn router(page: MetricsPage) -> Router {
        Router::new().route("/metrics", handler(page)).fallback(async || "the app's fallback")
    }

    async fn send(page: MetricsPage, method: Method) -> Response {
        let request = Request::builder().method(method).uri("/metrics").body(Body::empty());
        router(page).oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_page_has_its_content_type_and_the_recorded_values() {
        let engine = Engine::new();
        engine.start_request("/v1/jobs").end(Outcome::Ok);
        let response = send(MetricsPage::new(&engine), Method::GET).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = str::from_utf8(&body).unwrap();
        let count = r#"request_duration_seconds_count{endpoint="/v1/jobs",outcome="ok"} 1"#;
        assert!(text.lines().any(|it| it == count), "{text}");
        assert!(text.contains(catalog::STAGE_PERCENTAGE.metric().prometheus_name), "{text}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_scraper_gets_the_format_that_it_accepts() {
        let engine = Engine::new();
        engine.start_request("/v1/jobs").end(Outcome::Ok);
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
        let request = Request::builder().uri("/metrics").header(ACCEPT, accept);
        let request = request.body(Body::empty()).unwrap();
        let response = router(MetricsPage::new(&engine)).oneshot(request).await.unwrap();
        let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(response.headers()[CONTENT_TYPE], format);
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(body.ends_with(b"# EOF\n"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_page_can_have_series_that_the_engine_does_not_keep() {
        let page = MetricsPage::new(&Engine::new()).with_collector(|snapshot| {
            let family = &catalog::DROPPED;
            let (values, points) = (vec!["elsewhere".into(), "".into()], vec![Point::Counter(7)]);
            snapshot.series.push(Series { family, values, points });
        });
        let response = send(page, Method::GET).await;
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = str::from_utf8(&body).unwrap();
        let count = r#"stagelight_dropped_total{reason="elsewhere"} 7"#;
        assert!(text.lines().any(|it| it == count), "{text}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_page_is_read_only() {
        let response = send(MetricsPage::new(&Engine::new()), Method::POST).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
