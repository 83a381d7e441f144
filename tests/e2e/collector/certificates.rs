//! Certificates for a test's collectors.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use testbed::Fleet;

/// A certificate authority that writes files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    name: &'static str,
}

// === impl Authority ===

impl Authority {
    /// Creates an authority and writes its certificate to `<name>.pem`.
    fn new(folder: &Path, name: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem())
            .unwrap();
        Self { issuer: Issuer::new(params, key), name }
    }

    /// Signs a certificate for servers and clients on loopback.
    fn sign(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{name}.{}.pem", self.name)), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.{}.key", self.name)), key.serialize_pem()).unwrap();
    }
}

/// Creates two authorities, `ours` and `theirs`, each with certificates for a gateway and an agent.
pub(super) fn certificates(fleet: &Fleet) {
    for name in ["ours", "theirs"] {
        let authority = Authority::new(fleet.folder(), name);
        authority.sign(fleet.folder(), "gateway");
        authority.sign(fleet.folder(), "agent");
    }
}
