//! The delay before a retry that a gRPC server requests in the details of a status.

use std::time::Duration;

use prost::Message;

const TYPE_NAME: &str = "google.rpc.RetryInfo";

/// `google.rpc.Status`, reduced to its details.
#[derive(Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Returns the delay in the encoded details, if there is one. Negative delays are 0.
pub(super) fn delay(details: &[u8]) -> Option<Duration> {
    let details = Status::decode(details).ok()?.details;
    let info = details.iter().find(|it| it.type_url.rsplit('/').next() == Some(TYPE_NAME))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    let seconds = Duration::from_secs(u64::try_from(delay.seconds).unwrap_or(0));
    let nanos = Duration::from_nanos(u64::try_from(delay.nanos).unwrap_or(0));
    Some(seconds.saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(type_url: &str, seconds: i64, nanos: i32) -> Vec<u8> {
        let info = RetryInfo { retry_delay: Some(ProtoDuration { seconds, nanos }) };
        let other = Any { type_url: "type.googleapis.com/other".to_owned(), value: vec![1] };
        let info = Any { type_url: type_url.to_owned(), value: info.encode_to_vec() };
        Status { details: vec![other, info] }.encode_to_vec()
    }

    #[test]
    fn the_delay_is_found_among_other_details() {
        let url = "type.googleapis.com/google.rpc.RetryInfo";
        let cases = [
            (details(url, 2, 5), Some(Duration::new(2, 5))),
            (details(url, -1, -1), Some(Duration::ZERO)),
            (
                details(url, i64::MAX, i32::MAX),
                Some(Duration::new(i64::MAX as u64 + 2, 147_483_647)),
            ),
            (details("type.googleapis.com/google.rpc.ErrorInfo", 2, 5), None),
            (Vec::new(), None),
            (vec![0xff; 9], None),
        ];
        for (details, expected) in cases {
            assert_eq!(delay(&details), expected, "{details:?}");
        }
    }
}
