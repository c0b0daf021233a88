//! Landing pages behind TLS: what a visitor would be warned of is refused, with its reason.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use greenlit::ship::landing::{LandingError, check_landing};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Certificates for this machine that nobody vouches for, with their keys, which open nothing.
const SELF_SIGNED: &[u8] = include_bytes!("tls/self-signed.pem");
const OWN_AUTHORITY: &[u8] = include_bytes!("tls/self-signed-authority.pem");

/// A page that is fine in everything but its certificate.
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
            // Fails where the visitor turns away.
            if stream.read(&mut [0; 2048]).is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    base
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_with_its_reason() {
    // Neither of the two ways to allow more makes a bad certificate a good one.
    for allow_private in [false, true] {
        for (pem, why) in [(SELF_SIGNED, "vouches"), (OWN_AUTHORITY, "authority's own")] {
            let error = check_landing(&site(pem), allow_private).await.unwrap_err();
            assert!(matches!(error, LandingError::Certificate { .. }), "{error:?}");
            let said = error.to_string();
            assert!(said.contains("certificate is not accepted") && said.contains(why), "{said}");
        }
    }
}

#[tokio::test]
async fn a_page_that_nobody_serves_says_what_went_wrong() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = check_landing(&base, false).await.unwrap_err();
    assert!(matches!(&error, LandingError::Unreachable { why, .. } if why.contains("refused")), "{error}");
}
