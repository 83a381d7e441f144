//! Responses of real sockets.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use super::*;

/// Accepts one connection, writes these bytes, and returns the address.
fn responds(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert_ne!(connection.read(&mut [0; 1024]).unwrap(), 0);
        connection.write_all(bytes).unwrap();
        // Read to the end: closing with unread data resets the connection and loses the response.
        drop(connection.shutdown(std::net::Shutdown::Write));
        drop(connection.read_to_end(&mut Vec::new()));
    });
    address
}

async fn get(url: &str) -> Result<Response, ProbeError> {
    HttpClient::new().get(url, &Credentials::default()).await
}

#[tokio::test(flavor = "current_thread")]
async fn a_response_has_its_body_and_the_clock_offset() {
    let address = responds(
        b"HTTP/1.1 200 OK\r\nDate: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 2\r\n\r\nhi",
    );
    let response = get(&format!("http://{address}")).await.unwrap();
    assert_eq!(response.body, "hi");
    // Years behind.
    assert!(response.clock_ahead.unwrap() < -800_000_000.0, "{:?}", response.clock_ahead);
}

#[tokio::test(flavor = "current_thread")]
async fn a_non_success_status_is_an_error_with_the_body() {
    let address = responds(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!");
    let error = get(&format!("http://{address}")).await.unwrap_err();
    assert_eq!(error, ProbeError::Status { code: 403, message: "no!".to_owned() });
    assert!(error.is_access_denied() && !error.is_unreachable());
}

#[tokio::test(flavor = "current_thread")]
async fn a_closed_port_differs_from_another_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::Refused);

    // The first frame of an HTTP/2 server.
    let address = responds(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64");
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::OtherProtocol);
}

#[tokio::test(flavor = "current_thread")]
async fn a_go_server_with_tls_is_recognized() {
    let address = responds(
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    );
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::TlsRequired);
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_tls_is_recognized() {
    let address = responds(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let error = get(&format!("https://{address}")).await.unwrap_err();
    let expected = if cfg!(feature = "tls") { ProbeError::NoTls } else { ProbeError::TlsNotBuilt };
    assert_eq!(error, expected);
}
