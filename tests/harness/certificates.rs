//! The certificates of one control plane: an authority of its own, which makes any user at any time.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// A certificate and its private key, as PEM files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate.
    pub certificate: PathBuf,

    /// The private key that belongs to it.
    pub key: PathBuf,
}

/// A certificate authority that writes what it signs into one folder.
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Creates the authority; its own certificate is the file [`Authority::certificate`].
    pub fn new(folder: &Path) -> Result<Self> {
        let mut parameters = parameters("driftmend test authority", &[])?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
            .context("failed to make the certificate authority")?;
        let authority = Self {
            folder: folder.to_owned(),
            issuer,
        };
        write(&authority.certificate(), &authority.issuer.pem())?;
        Ok(authority)
    }

    /// Returns the file that holds the authority's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    /// Signs a server's certificate for these names and addresses.
    pub fn server(&self, name: &str, dns_names: &[&str], addresses: &[IpAddr]) -> Result<Files> {
        let mut parameters = parameters(name, &[])?;
        for dns_name in dns_names {
            parameters
                .subject_alt_names
                .push(SanType::DnsName((*dns_name).try_into()?));
        }
        parameters
            .subject_alt_names
            .extend(addresses.iter().copied().map(SanType::IpAddress));
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&parameters, name)
    }

    /// Signs a client's certificate: the API server reads the user's name from its common name and the groups from its
    /// organisations.
    pub fn client(&self, user: &str, groups: &[&str], file: &str) -> Result<Files> {
        let mut parameters = parameters(user, groups)?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&parameters, file)
    }

    fn sign(&self, parameters: &CertificateParams, file: &str) -> Result<Files> {
        let key = KeyPair::generate()?;
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .with_context(|| format!("failed to sign the certificate {file}"))?;
        let files = Files {
            certificate: self.folder.join(format!("{file}.crt")),
            key: self.folder.join(format!("{file}.key")),
        };
        write(&files.certificate, &certificate.pem())?;
        write(&files.key, &key.serialize_pem())?;
        Ok(files)
    }
}

/// Writes the key pair with which ServiceAccount tokens are signed; here `certificate` holds the bare public key.
pub fn token_signing_key(folder: &Path) -> Result<Files> {
    let key = KeyPair::generate()?;
    let files = Files {
        certificate: folder.join("service-account.pub"),
        key: folder.join("service-account.key"),
    };
    write(&files.certificate, &key.public_key_pem())?;
    write(&files.key, &key.serialize_pem())?;
    Ok(files)
}

fn parameters(common_name: &str, organisations: &[&str]) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::<String>::new())?;
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    for organisation in organisations {
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, *organisation);
    }
    Ok(parameters)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
