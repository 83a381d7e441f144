//! Exports over TLS to a rustls server.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http", feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Exporter, Pipeline};
use tempfile::TempDir;

/// The negotiated protocol and the first line of a request, as seen by the server.
type Seen = (Option<String>, String);

/// PEM files for a server and a client that trust each other.
struct Files {
    folder: TempDir,
}

// === impl Files ===

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["server", "client"] {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(files.path(name, "pem"), cert.pem()).unwrap();
            fs::write(files.path(name, "key"), signing_key.serialize_pem()).unwrap();
        }
        files
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.path().join(name).with_extension(extension)
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(name, "pem")).unwrap()
    }
}

/// Serves connections one after the other; responds to each request with an empty 200.
fn serve(files: &Files) -> (String, mpsc::Receiver<Seen>) {
    let mut clients = RootCertStore::empty();
    clients.add(files.certificate("client")).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![files.certificate("server")],
            PrivateKeyDer::from_pem_file(files.path("server", "key")).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let (sender, seen) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut head = [0; 24];
            if stream.read_exact(&mut head).is_err() {
                continue;
            }
            let protocol = stream.conn.alpn_protocol();
            let protocol = protocol.map(|it| String::from_utf8_lossy(it).into_owned());
            let line = String::from_utf8_lossy(&head).into_owned();
            if sender.send((protocol, line)).is_err() {
                return;
            }
            // The rest of the request is discarded with the connection.
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // The client may have disconnected.
            drop(stream.write_all(response));
            drop(stream.flush());
            thread::sleep(Duration::from_millis(200));
        }
    });
    (endpoint, seen)
}

fn pipeline(endpoint: &str, protocol: &str, files: &[(&str, PathBuf)]) -> Pipeline {
    let fixed = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("STAGELIGHT_SHUTDOWN_TIMEOUT", "2000".to_owned()),
    ];
    let files = files.iter().map(|(name, path)| (*name, path.to_str().unwrap().to_owned()));
    let environment = Environment::from_pairs(fixed.into_iter().chain(files));
    let mut config = Config::from_env(&environment);
    config.traces_exporter = Exporter::None;
    Pipeline::start(&Engine::new(), config).unwrap()
}

fn trusted(files: &Files) -> [(&'static str, PathBuf); 3] {
    [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", files.path("server", "pem")),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", files.path("client", "pem")),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", files.path("client", "key")),
    ]
}

#[test]
fn http_uses_mutual_tls() {
    let files = Files::new();
    let (endpoint, seen) = serve(&files);
    pipeline(&endpoint, "http/protobuf", &trusted(&files)).shutdown().unwrap();
    let (_, line) = seen.recv().unwrap();
    assert!(line.starts_with("POST /v1/metrics HTTP/1"), "{line}");
}

#[test]
fn grpc_negotiates_http_2_over_tls() {
    let files = Files::new();
    let (endpoint, seen) = serve(&files);
    // The server speaks HTTP/1 only, so the export fails; only the client's preface matters.
    pipeline(&endpoint, "grpc", &trusted(&files)).shutdown().unwrap_err();
    let (protocol, line) = seen.recv().unwrap();
    assert_eq!((protocol.as_deref(), line.trim()), (Some("h2"), "PRI * HTTP/2.0\r\n\r\nSM"));
}

#[test]
fn an_untrusted_server_receives_nothing() {
    let files = Files::new();
    let (endpoint, seen) = serve(&files);
    let unknown = [("OTEL_EXPORTER_OTLP_CERTIFICATE", files.path("client", "pem"))];
    let error = pipeline(&endpoint, "http/protobuf", &unknown).shutdown().unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert!(seen.try_recv().is_err());
}

#[test]
fn a_client_without_a_certificate_is_rejected() {
    let files = Files::new();
    let (endpoint, _seen) = serve(&files);
    pipeline(&endpoint, "http/protobuf", &trusted(&files)[..1]).shutdown().unwrap_err();
}
