//! TLS to a server behind `wss://`: rustls, with the certificates that the system trusts.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
pub(super) use tokio_rustls::rustls::RootCertStore as Roots;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;

/// The certificates that the system trusts; read anew each time, so that one added now counts now.
pub(super) fn system_roots() -> io::Result<Roots> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = Roots::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    Err(match found.errors.into_iter().next() {
        Some(error) => io::Error::other(error),
        None => io::Error::other("the system trusts no certificate"),
    })
}

pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    roots: Roots,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    // The provider is named: another crate of the program may bring in a second one.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}
