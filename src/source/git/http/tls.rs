//! TLS to a Git server, by OpenSSL as before: what it trusts is what an administrator set up for it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream};
use openssl::x509::X509VerifyResult;

static AUTHORITIES: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Why no TLS connection was made.
pub(super) enum TlsFailure {
    /// The certificate is not trusted, or is another host's.
    Untrusted(String),

    /// Anything else: the server speaks no TLS, or none that is understood, or not in time.
    NoTls(String),
}

/// Names a file of authorities that are trusted besides the system's; the first call counts.
pub(in crate::source::git) fn trust_also(certificates: Option<&Path>) {
    AUTHORITIES.get_or_init(|| certificates.map(Path::to_owned));
}

fn connector() -> Result<SslConnector, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    // OpenSSL's own places are those of the machine that it was built on.
    let system = openssl_probe::probe();
    for file in system.cert_file.iter().chain(AUTHORITIES.get().into_iter().flatten()) {
        builder.set_ca_file(file)?;
    }
    if let Some(folder) = &system.cert_dir {
        builder.load_verify_locations(None, Some(folder))?;
    }
    Ok(builder.build())
}

/// Wraps a connection; the certificate must be of this host.
pub(super) fn wrap(stream: TcpStream, host: &str) -> Result<SslStream<TcpStream>, TlsFailure> {
    // Made when it is needed first: it reads some hundred certificates.
    static CONNECTOR: OnceLock<Result<SslConnector, String>> = OnceLock::new();
    let made = CONNECTOR.get_or_init(|| connector().map_err(|error| error.to_string()));
    made.as_ref()
        .map_err(|reason| TlsFailure::NoTls(reason.clone()))?
        .connect(host, stream)
        .map_err(|error| match error {
            HandshakeError::Failure(failed) if failed.ssl().verify_result() != X509VerifyResult::OK => {
                TlsFailure::Untrusted(failed.ssl().verify_result().error_string().to_owned())
            }
            HandshakeError::Failure(failed) => TlsFailure::NoTls(failed.error().to_string()),
            HandshakeError::WouldBlock(_) => TlsFailure::NoTls("no answer in time".to_owned()),
            HandshakeError::SetupFailure(error) => TlsFailure::NoTls(error.to_string()),
        })
}
