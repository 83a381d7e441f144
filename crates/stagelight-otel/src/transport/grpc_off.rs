//! No OTLP over grpc, because the feature `grpc` is off.

use crate::{
    start_error::StartError,
    transport::{Route, Transport},
};

pub(super) fn open(_route: Route<'_>) -> Result<Box<dyn Transport>, StartError> {
    Err(StartError::FeatureOff { wanted: "the protocol grpc".to_owned(), feature: "grpc" })
}
