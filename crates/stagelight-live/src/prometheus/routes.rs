//! A page behind a route.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use stagelight_core::Engine;

use super::{Format, MetricsPage};

/// Makes a router with one route, `GET /metrics`, which answers with the engine's metrics.
///
/// To be merged into a service's own router or served on an address of its own; the latter keeps it from whoever can
/// reach the service. Add it after the HTTP layer, or scrapes are counted as requests.
///
/// It holds every metric of the catalogue that the engine keeps; [`router_of`] serves a page that has more. Instruments of your own
/// OpenTelemetry `Meter` travel by OTLP only and are not on it.
///
/// ```
/// use stagelight_core::Engine;
///
/// let engine = Engine::new();
/// let app: axum::Router = axum::Router::new().merge(stagelight_live::prometheus::router(&engine));
/// ```
pub fn router(engine: &Engine) -> Router {
    router_of(MetricsPage::new(engine))
}

/// Makes a router as [`router`] does, for a page of your own making.
pub fn router_of(page: MetricsPage) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(Arc::new(page))
}

/// Answers in the format that the scraper asks for.
async fn metrics(State(page): State<Arc<MetricsPage>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    let format = accept.map(Format::for_accept).unwrap_or_default();
    ([(CONTENT_TYPE, format.content_type())], page.render(format)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{self, Body},
        http::{Method, Request, StatusCode},
    };
    use stagelight_core::{Outcome, Point, Series, catalog};
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: Router, method: Method) -> Response {
        let request = Request::builder().method(method).uri("/metrics").body(Body::empty());
        router.oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_page_says_its_format_and_shows_what_was_recorded() {
        let engine = Engine::new();
        engine.start_request("/v1/jobs").end(Outcome::Ok);
        let response = ask(router(&engine), Method::GET).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = str::from_utf8(&body).unwrap();
        let count = r#"request_duration_seconds_count{endpoint="/v1/jobs",outcome="ok"} 1"#;
        assert!(text.lines().any(|it| it == count), "{text}");
        assert!(text.contains(&catalog::PERCENTAGE.metrics[0].prometheus_name()), "{text}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_scraper_gets_the_format_that_it_asks_for() {
        let engine = Engine::new();
        engine.start_request("/v1/jobs").end(Outcome::Ok);
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
        let request = Request::builder().uri("/metrics").header(ACCEPT, accept);
        let request = request.body(Body::empty()).unwrap();
        let response = router(&engine).oneshot(request).await.unwrap();
        let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(response.headers()[CONTENT_TYPE], format);
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(body.ends_with(b"# EOF\n"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_page_can_show_what_the_engine_does_not_keep() {
        let page = MetricsPage::new(&Engine::new()).with_collector(|snapshot| {
            let family = &catalog::DROPPED;
            let (values, points) = (vec!["elsewhere".into()], vec![Point::Counter(7)]);
            snapshot.series.push(Series { family, values, points });
        });
        let response = ask(router_of(page), Method::GET).await;
        let body = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = str::from_utf8(&body).unwrap();
        let count = r#"stagelight_dropped_total{reason="elsewhere"} 7"#;
        assert!(text.lines().any(|it| it == count), "{text}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_page_can_only_be_read() {
        let response = ask(router(&Engine::new()), Method::POST).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
