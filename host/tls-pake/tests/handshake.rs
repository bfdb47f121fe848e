//! Real handshakes over loopback, with a server that speaks BoringSSL too, and EST over what comes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use resolvet_tls_pake::{Acceptor, Connection, HandshakeError, Names, Registration, connect};
use tokio::net::{TcpListener, TcpStream};

const SERVER: &str = "est.example.net";
const USER: &str = "alice";
const PASSWORD: &str = "correct horse battery staple";
/// The published `/cacerts` of RFC 7030 appendix A.1.
const CA_CERTS: &[u8] = include_bytes!("../../../tests/vectors/rfc7030/cacerts.p7.b64");
/// How often a password may be tried in vain.
const GUESSES: u32 = 3;
const LABEL: &str = "EXPORTER-Channel-Binding";

/// What a server knows, and what it saw.
struct Server {
    address: SocketAddr,
    /// Handshakes that were completed, and the exporter's value of each.
    exported: Arc<Mutex<Vec<[u8; 32]>>>,
    /// Handshakes that failed.
    failed: Arc<AtomicUsize>,
}

fn names<'a>(client: &'a str, server: &'a str) -> Names<'a> {
    Names {
        client: client.as_bytes(),
        server: server.as_bytes(),
    }
}

impl Server {
    /// A server that knows one user. For whomever else it makes a record of a password that nobody has, so that nothing
    /// tells a stranger who is known.
    async fn start() -> Self {
        let known = Registration::new(PASSWORD.as_bytes(), names(USER, SERVER)).unwrap();
        let (certificate, key) = certificate();
        let own = (&[certificate.as_slice()][..], key.as_slice());
        let acceptor = Acceptor::new(SERVER, &[(USER, &known)], GUESSES, own, b"http/1.1").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            exported: Arc::default(),
            failed: Arc::default(),
        };
        let (exported, failed) = (Arc::clone(&server.exported), Arc::clone(&server.failed));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match acceptor.accept(stream).await {
                    Err(_) => {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(stream) => {
                        let octets = stream.exporter(LABEL).unwrap();
                        exported.lock().unwrap().push(octets);
                        let connection = hyper::server::conn::http1::Builder::new();
                        let served =
                            connection.serve_connection(TokioIo::new(stream), service_fn(answer));
                        tokio::spawn(served);
                    }
                }
            }
        });
        server
    }

    async fn connect(
        &self,
        user: &str,
        server: &str,
        password: &str,
    ) -> Result<Connection<TcpStream>, HandshakeError> {
        let names = names(user, server);
        let registration = Registration::new(password.as_bytes(), names)?;
        let stream = TcpStream::connect(self.address).await?;
        connect(stream, &registration, names, b"http/1.1").await
    }
}

/// A certificate and its key, DER.
fn certificate() -> (Vec<u8>, Vec<u8>) {
    use boring::{asn1::Asn1Time, bn::BigNum, ec, hash::MessageDigest, nid::Nid, pkey::PKey, x509};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut certificate = x509::X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    certificate.set_serial_number(&serial).unwrap();
    let (from, until) = (Asn1Time::days_from_now(0), Asn1Time::days_from_now(1));
    certificate.set_not_before(&from.unwrap()).unwrap();
    certificate.set_not_after(&until.unwrap()).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = certificate.build().to_der().unwrap();
    (certificate, key.private_key_to_der_pkcs8().unwrap())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match request.uri().path() {
        "/.well-known/est/cacerts" | "/.well-known/est/eecerts" => (200, CA_CERTS),
        _ => (404, b"".as_slice()),
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/pkcs7-mime");
    Ok(response.body(Full::from(body)).unwrap())
}

#[tokio::test]
async fn est_runs_over_a_password_that_both_know() {
    let server = Server::start().await;
    let connection = server.connect(USER, SERVER, PASSWORD).await.unwrap();
    let own = connection.exporter(LABEL).unwrap();
    let (mut sender, running) = hyper::client::conn::http1::handshake(TokioIo::new(connection))
        .await
        .unwrap();
    tokio::spawn(running);
    for operation in ["cacerts", "eecerts"] {
        let request = Request::get(format!("/.well-known/est/{operation}"))
            .header("host", SERVER)
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, CA_CERTS);
    }
    // Both ends export the same, so that a request can be bound to the connection.
    assert_eq!(*server.exported.lock().unwrap(), [own]);
    assert_ne!(own, [0; 32]);
}

#[tokio::test]
async fn every_connection_exports_something_else() {
    let server = Server::start().await;
    let first = server.connect(USER, SERVER, PASSWORD).await.unwrap();
    let second = server.connect(USER, SERVER, PASSWORD).await.unwrap();
    assert_ne!(
        first.exporter(LABEL).unwrap(),
        second.exporter(LABEL).unwrap()
    );
}

#[tokio::test]
async fn an_unknown_user_is_told_what_a_wrong_password_is_told() {
    let server = Server::start().await;
    let wrong = server.connect(USER, SERVER, "wrong").await.unwrap_err();
    assert!(matches!(wrong, HandshakeError::Password), "{wrong}");
    let unknown = server
        .connect("mallory", SERVER, PASSWORD)
        .await
        .unwrap_err();
    assert!(matches!(unknown, HandshakeError::Password), "{unknown}");
    assert_eq!(wrong.to_string(), unknown.to_string());
    assert!(server.exported.lock().unwrap().is_empty());
    // The server is as good as it was.
    server.connect(USER, SERVER, PASSWORD).await.unwrap();
    assert_eq!(server.failed.load(Ordering::SeqCst), 2);
}

/// Guesses are counted for each user over all connections, and then not even the right password helps.
#[tokio::test]
async fn guessing_ends() {
    let server = Server::start().await;
    for _ in 0..GUESSES {
        let wrong = server.connect(USER, SERVER, "wrong").await.unwrap_err();
        assert!(matches!(wrong, HandshakeError::Password), "{wrong}");
    }
    server.connect(USER, SERVER, PASSWORD).await.unwrap_err();
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let server = Server::start().await;
    let other = server.connect(USER, "est.example.org", PASSWORD).await;
    let other = other.unwrap_err();
    assert!(
        matches!(other, HandshakeError::NotOffered { .. }),
        "{other}"
    );
}

/// A server that speaks TLS by certificate alone never gets that far: no certificate stands in for the password.
#[tokio::test]
async fn a_server_without_a_pake_is_refused() {
    let (certificate, key) = certificate();
    let own = (&[certificate.as_slice()][..], key.as_slice());
    // It has another name, under which nobody is asked for a password.
    let acceptor = Acceptor::new("est.example.org", &[], GUESSES, own, b"http/1.1").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _refused = acceptor.accept(stream).await;
    });
    let names = names(USER, SERVER);
    let registration = Registration::new(PASSWORD.as_bytes(), names).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let error = connect(stream, &registration, names, b"http/1.1")
        .await
        .unwrap_err();
    assert!(
        matches!(error, HandshakeError::NotOffered { .. }),
        "{error}"
    );
}
