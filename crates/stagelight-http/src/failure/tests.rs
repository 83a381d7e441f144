use super::*;

/// An error with another one behind it.
#[derive(Debug)]
struct Outer(io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("outer")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn boxed(kind: io::ErrorKind) -> BoxError {
    Box::new(Outer(kind.into()))
}

#[test]
fn a_time_limit_is_found_behind_a_boxed_error() {
    assert_eq!(Failure::of(&boxed(io::ErrorKind::TimedOut), Failure::Body), Failure::Timeout);
    assert_eq!(Failure::of(&boxed(io::ErrorKind::BrokenPipe), Failure::Body), Failure::Body);
}

#[test]
fn a_plain_io_error_is_seen_without_a_box() {
    let error = io::Error::from(io::ErrorKind::TimedOut);
    assert_eq!(Failure::of(&error, Failure::Service), Failure::Timeout);
}

#[test]
fn an_error_of_an_unknown_type_is_not_a_time_limit() {
    assert_eq!(Failure::of(&"timed out", Failure::Service), Failure::Service);
}

#[test]
fn a_refused_connection_is_not_a_broken_request() {
    let refused = boxed(io::ErrorKind::ConnectionRefused);
    assert_eq!(Failure::of_sending(&refused), Failure::Connect);
    assert_eq!(Failure::of_sending(&boxed(io::ErrorKind::TimedOut)), Failure::Timeout);
    assert_eq!(Failure::of_sending(&boxed(io::ErrorKind::BrokenPipe)), Failure::Request);
}

#[cfg(feature = "timeout")]
#[tokio::test]
async fn the_errors_of_tower_and_tokio_are_time_limits() {
    let tower: BoxError = Box::new(tower::timeout::error::Elapsed::new());
    assert_eq!(Failure::of(&tower, Failure::Service), Failure::Timeout);

    let never = std::future::pending::<()>();
    let tokio = tokio::time::timeout(std::time::Duration::ZERO, never).await.unwrap_err();
    assert_eq!(Failure::of(&tokio, Failure::Service), Failure::Timeout);
}

#[cfg(feature = "axum")]
#[test]
fn the_cause_of_an_axum_body_error_is_found() {
    let error = axum::Error::new(boxed(io::ErrorKind::TimedOut));
    assert_eq!(Failure::of(&error, Failure::Body), Failure::Timeout);
}
