//! The resource: the attributes exported with all telemetry.

use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    resource::TelemetryResourceDetector,
    trace::{IdGenerator, RandomIdGenerator},
};

/// Builds the resource of all signals. The last of several `attributes` with the same name wins;
/// all of them override the defaults.
pub(crate) fn build(attributes: &[(String, String)]) -> Resource {
    let attributes =
        attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", format!("unknown_service:{}", program_name())),
            KeyValue::new("service.instance.id", random_uuid()),
            KeyValue::new("telemetry.distro.name", "stagelight"),
            KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")),
        ])
        .with_attributes(attributes)
        .build()
}

/// Returns the file name of the executable.
fn program_name() -> String {
    let file = std::env::current_exe().ok();
    let name = file.as_deref().and_then(|it| it.file_name());
    name.map_or_else(|| "rust".to_owned(), |it| it.to_string_lossy().into_owned())
}

/// Generates a version 4 UUID from a trace id, which also has 128 random bits.
fn random_uuid() -> String {
    let mut bytes = RandomIdGenerator::default().new_trace_id().to_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    fn value(resource: &Resource, name: &'static str) -> String {
        resource.get(&Key::new(name)).unwrap().to_string()
    }

    #[test]
    fn the_service_name_defaults_to_the_executable() {
        let name = value(&build(&[]), "service.name");
        assert!(name.starts_with("unknown_service:stagelight_otel"), "{name}");
    }

    #[test]
    fn a_later_attribute_overrides_an_earlier_one() {
        let given = [("service.name", "first"), ("service.name", "second")];
        let resource = build(&given.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(value(&resource, "service.name"), "second");
    }

    #[test]
    fn each_process_has_its_own_instance_id() {
        let [one, other] = [random_uuid(), random_uuid()];
        assert_ne!(one, other);
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!((&one[14..15], "89ab".contains(&one[19..20])), ("4", true));
    }

    #[test]
    fn the_resource_names_the_sdk() {
        assert_eq!(value(&build(&[]), "telemetry.sdk.language"), "rust");
    }
}
