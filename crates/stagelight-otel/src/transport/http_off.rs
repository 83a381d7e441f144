//! No OTLP over http/protobuf, because the feature `http` is off.

use crate::{
    start_error::StartError,
    transport::{Route, Transport},
};

pub(super) fn open(_route: Route<'_>) -> Result<Box<dyn Transport>, StartError> {
    Err(StartError::FeatureOff { wanted: "the protocol http/protobuf".to_owned(), feature: "http" })
}
