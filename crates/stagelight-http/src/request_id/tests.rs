use std::collections::HashSet;

use super::*;

#[track_caller]
fn check_given(given: &[u8], is_taken: bool) {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
    let id = RequestId::establish(&mut headers);

    assert_eq!(id.as_str().as_bytes() == given, is_taken, "{id}");
    assert_eq!(headers[HEADER], id.as_str());
    if !is_taken {
        assert_eq!(id.as_str().len(), 32);
    }
}

#[test]
fn a_safe_id_is_taken_over() {
    check_given(b"0f8fad5b-d9cb-469f-a165-70867728950e", true);
    check_given(b"Root=1-67891233-abcdef012345678912345678", true);
    check_given(b"user@host:1/a_b.c+d", true);
    check_given(b"x", true);
    check_given(&[b'a'; 128], true);
}

#[test]
fn a_bad_id_is_replaced() {
    check_given(b"", false);
    check_given(&[b'a'; 129], false);
    check_given(b"two words", false);
    check_given(b"\"quoted\"", false);
    check_given(b"a\tb", false);
    check_given(b"<script>", false);
    check_given("ünïcode".as_bytes(), false);
}

#[test]
fn a_missing_id_is_made_and_put_on_the_request() {
    let mut headers = HeaderMap::new();
    let id = RequestId::establish(&mut headers);
    assert_eq!(headers[HEADER], id.as_str());
    assert!(id.as_str().bytes().all(|it| it.is_ascii_hexdigit() && !it.is_ascii_uppercase()));
}

#[test]
fn new_ids_differ_between_calls_and_threads() {
    let make = || (0..1000).map(|_| random_bits()).collect::<Vec<_>>();
    let elsewhere = std::thread::spawn(make).join().unwrap();
    let all: HashSet<_> = make().into_iter().chain(elsewhere).collect();
    assert_eq!(all.len(), 2000);
}

#[test]
fn digits_are_written_from_the_highest() {
    assert_eq!(
        &hex(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        b"0123456789abcdef0123456789abcdef"
    );
    assert_eq!(&hex(1), b"00000000000000000000000000000001");
}
