//! What real sockets answer.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use super::*;

/// Answers one connection with these bytes, whatever is asked, and returns the address.
fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert_ne!(connection.read(&mut [0; 1024]).unwrap(), 0);
        connection.write_all(bytes).unwrap();
        // Read to the end, so that the answer is not lost by a reset.
        drop(connection.shutdown(std::net::Shutdown::Write));
        drop(connection.read_to_end(&mut Vec::new()));
    });
    address
}

async fn get(url: &str) -> Result<Response, ProbeError> {
    HttpClient::new().get(url, &Credentials::default()).await
}

#[tokio::test(flavor = "current_thread")]
async fn an_answer_has_its_body_and_how_far_the_clock_is_ahead() {
    let address = answers(
        b"HTTP/1.1 200 OK\r\nDate: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 2\r\n\r\nhi",
    );
    let answer = get(&format!("http://{address}")).await.unwrap();
    assert_eq!(answer.body, "hi");
    // Long ago.
    assert!(answer.clock_ahead.unwrap() < -800_000_000.0, "{:?}", answer.clock_ahead);
}

#[tokio::test(flavor = "current_thread")]
async fn a_status_that_is_no_success_is_an_error_with_what_was_said() {
    let address = answers(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!");
    let error = get(&format!("http://{address}")).await.unwrap_err();
    assert_eq!(error, ProbeError::Status { code: 403, says: "no!".to_owned() });
    assert!(error.is_access_denied() && !error.is_unreachable());
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_there_is_told_from_somebody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::Refused);

    // What a server says that speaks HTTP/2 only.
    let address = answers(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64");
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::OtherProtocol);
}

#[tokio::test(flavor = "current_thread")]
async fn a_tls_server_in_go_says_that_it_is_one() {
    let address = answers(
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    );
    assert_eq!(get(&format!("http://{address}")).await.unwrap_err(), ProbeError::TlsRequired);
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_tls_is_told_from_one_with() {
    let address = answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let error = get(&format!("https://{address}")).await.unwrap_err();
    let expected = if cfg!(feature = "tls") { ProbeError::NoTls } else { ProbeError::TlsNotBuilt };
    assert_eq!(error, expected);
}
