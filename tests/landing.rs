//! Landing pages behind TLS: an invalid certificate is rejected with its reason.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use greenlit::ship::landing::{LandingError, check_landing};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Self-signed certificates for localhost, with keys that are used only here.
const SELF_SIGNED: &[u8] = include_bytes!("tls/self-signed.pem");
const OWN_AUTHORITY: &[u8] = include_bytes!("tls/self-signed-authority.pem");

/// Serves a page in which only the certificate is invalid, and returns its address.
fn site(pem: &[u8]) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(pem).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, socket.unwrap());
            // Fails if the client ends the handshake.
            if stream.read(&mut [0; 2048]).is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    base
}

#[tokio::test]
async fn a_self_signed_certificate_is_rejected_with_its_reason() {
    for (pem, why) in
        [(SELF_SIGNED, "issuer not trusted"), (OWN_AUTHORITY, "marked as a certificate authority")]
    {
        // `allow_private` does not affect certificates.
        let error = check_landing(&site(pem), true).await.unwrap_err();
        assert!(matches!(error, LandingError::Certificate { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("certificate not accepted") && message.contains(why), "{message}");
    }
}

#[tokio::test]
async fn an_unreachable_page_reports_the_connection_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = check_landing(&base, true).await.unwrap_err();
    assert!(matches!(&error, LandingError::Unreachable { why, .. } if why.contains("refused")), "{error}");
}
