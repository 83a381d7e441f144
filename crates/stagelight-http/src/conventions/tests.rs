use super::*;

#[test]
fn only_registered_methods_become_labels() {
    for known in
        ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"]
    {
        let method = Method::from_bytes(known.as_bytes()).unwrap();
        assert_eq!(method_label(&method), known);
    }
    for unknown in ["get", "BREW", "PROPFIND"] {
        let method = Method::from_bytes(unknown.as_bytes()).unwrap();
        assert_eq!(method_label(&method), "_OTHER");
        assert_eq!(method_in_span_name(method_label(&method)), "HTTP");
    }
}

#[track_caller]
fn check_host(authority: &str, host: &str, port: Option<u16>) {
    assert_eq!(host_and_port(authority), (host, port));
}

#[test]
fn a_host_is_split_from_its_port() {
    check_host("example.com", "example.com", None);
    check_host("example.com:8080", "example.com", Some(8080));
    check_host("[::1]:8080", "::1", Some(8080));
    check_host("[::1]", "::1", None);
    check_host("example.com:no", "example.com", None);
    check_host("", "", None);
}

#[test]
fn answers_without_a_body_are_known() {
    assert!(has_no_body("HEAD", StatusCode::OK));
    assert!(has_no_body("GET", StatusCode::NO_CONTENT));
    assert!(has_no_body("GET", StatusCode::NOT_MODIFIED));
    assert!(has_no_body("GET", StatusCode::SWITCHING_PROTOCOLS));
    assert!(has_no_body("CONNECT", StatusCode::OK));
    assert!(!has_no_body("CONNECT", StatusCode::BAD_GATEWAY));
    assert!(!has_no_body("GET", StatusCode::OK));
    assert!(!has_no_body("POST", StatusCode::RESET_CONTENT));
}

#[test]
fn versions_are_written_as_the_conventions_do() {
    let written =
        [Version::HTTP_09, Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3]
            .map(version_label);
    assert_eq!(written, ["0.9", "1.0", "1.1", "2", "3"]);
}
