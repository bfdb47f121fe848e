//! An EST server (RFC 7030, RFC 8295) on loopback with users, certificates and faults on demand.
//!
//! It certifies by the lab's authority, conveys the certificates of the lab's DNS servers by `/eecerts`, and speaks OPAQUE
//! (RFC 9807) and HTTP Mutual (RFC 8120) for people's devices and HTTP Basic for clients of others.

mod digest;
mod fault;
mod guesses;
mod layout;
mod mutual;
mod opaque;
mod operations;
mod relay;
#[cfg(test)]
mod tests;
mod users;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use resolvet_proto::enrolment::authentication::Scheme;
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::enrolment::mutual::Algorithm;
use rustls_pki_types::CertificateDer;

pub use fault::EstFault;
pub use layout::{Layout, Reads};
pub use relay::Relay;

pub(crate) use operations::Operations;

use super::ca::{Authority, Identity, Leaf};
use super::dns::lock;
use super::dot::Versions;
use super::https::Server;

/// The user of a lab that was not told another.
pub const USER: &str = "alice";
/// The user's password: so odd that a search for it in stores, logs and outputs finds no other text.
pub const PASSWORD: &str = "Xq7-correct-horse-lab-2f9d";

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct EstOptions {
    /// The domain. The server's certificate has the DNS-IDs `est.<domain>` and `localhost`.
    pub domain: String,
    /// User names and passwords.
    pub users: Vec<(String, String)>,
    /// Labels of certification authorities: they all lead to the same one.
    pub labels: Vec<String>,
    /// The layout of responses' bodies.
    pub layout: Layout,
    /// The layouts of requests' bodies that it can read.
    pub reads: Reads,
    /// Versions of TLS.
    pub versions: Versions,
    /// What people's devices are asked for, the best liked first.
    pub schemes: Vec<Scheme>,
    /// Whether HTTP Digest is offered beside Basic, to everybody who has to say who is there.
    pub digest: bool,
    /// Algorithms of HTTP Mutual, the best liked first.
    pub algorithms: Vec<Algorithm>,
    /// Operations that everybody may ask for.
    pub open: Vec<Operation>,
    /// What `/csrattrs` answers, DER; 204 without.
    pub csr_attributes: Option<Vec<u8>>,
    /// Whether a request without a binding to its connection is refused (RFC 7030 section 3.5).
    pub demands_binding: bool,
}

impl EstOptions {
    /// One user, one label `lab`, and everything but enrolment for everybody (RFC 7030 section 4.1.1, RFC 8295 section 3).
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            users: vec![(USER.to_owned(), PASSWORD.to_owned())],
            labels: vec!["lab".to_owned()],
            layout: Layout::default(),
            reads: Reads::default(),
            versions: Versions::default(),
            schemes: Scheme::ALL.to_vec(),
            digest: false,
            algorithms: Algorithm::ALL.to_vec(),
            open: vec![
                Operation::CaCerts,
                Operation::CsrAttrs,
                Operation::EeCerts,
                Operation::Crls,
                Operation::Pal,
            ],
            csr_attributes: None,
            demands_binding: false,
        }
    }

    /// What the server's certificate says.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        let mut leaf = Leaf::good(&format!("est.{}", self.domain));
        leaf.dns_ids.push("localhost".to_owned());
        leaf.srv_ids.clear();
        leaf.privacy = None;
        leaf
    }
}

/// A request that a server got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The number of its connection.
    pub connection: usize,
    /// The connection's version of TLS, in the words of rustls.
    pub version: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The status of the response.
    pub status: u16,
    /// How the client was recognised: `opaque`, `mutual`, `basic`, `certificate`, or empty.
    pub scheme: &'static str,
    /// The user.
    pub user: Option<String>,
    /// Why it was refused.
    pub diagnosis: String,
}

/// An EST server; dropping it stops it.
#[derive(Debug)]
pub struct Est {
    operations: Arc<Operations>,
    identity: Identity,
    server: Server,
}

impl Est {
    /// Starts a server on a free port. It conveys these certificates by `/eecerts`.
    ///
    /// # Errors
    /// When keys, certificates, a port or a thread are not to be had.
    pub fn start(
        authority: &Arc<Authority>,
        conveyed: Vec<CertificateDer<'static>>,
        options: &EstOptions,
    ) -> Result<Self> {
        let identity = authority.issue(&options.leaf())?;
        let operations = Arc::new(Operations::new(
            Arc::clone(authority),
            conveyed,
            options.clone(),
        )?);
        let handler = Arc::clone(&operations);
        // A server knows its own authority: clients may leave the intermediate out.
        let clients = [authority.root().clone(), authority.intermediate().clone()];
        let server = Server::start("lab-est", &identity, options.versions, &clients, handler)?;
        Ok(Self {
            operations,
            identity,
            server,
        })
    }

    /// Where it listens: 127.0.0.1 first, then ::1 where there is one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its URL: `https://localhost:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }

    /// What it presented at its start.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Presents another identity to those who connect from now on.
    ///
    /// # Errors
    /// When rustls cannot sign with the identity's key.
    pub fn present(&self, identity: &Identity) -> Result<()> {
        self.server.present(identity)
    }

    /// Does this wrong from now on, at every operation.
    pub fn fail(&self, fault: EstFault) {
        lock(&self.operations.state).faults = vec![(None, fault)];
    }

    /// Does this wrong from now on, at one operation; other operations keep their faults.
    pub fn fail_at(&self, operation: Operation, fault: EstFault) {
        self.operations.fail_at(operation, fault);
    }

    /// Does nothing wrong any more.
    pub fn behave(&self) {
        lock(&self.operations.state).faults.clear();
    }

    /// Writes bodies in this layout from now on.
    pub fn write_as(&self, layout: Layout) {
        lock(&self.operations.state).layout = layout;
    }

    /// Conveys these certificates by `/eecerts` from now on.
    pub fn convey(&self, certificates: Vec<CertificateDer<'static>>) {
        lock(&self.operations.state).conveyed = certificates;
    }

    /// Gives these certificates of authorities by `/cacerts` from now on.
    pub fn publish_authorities(&self, certificates: Vec<CertificateDer<'static>>) {
        lock(&self.operations.state).authorities = certificates;
    }

    /// Gives the bodies that stand below a web server's root, as `resolvet publish est-content` writes them, from now on.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn serve_files(&self, root: &Path) -> Result<()> {
        let mut given = Vec::new();
        for operation in [Operation::CaCerts, Operation::EeCerts] {
            let file = root.join(operation.path(None).trim_start_matches('/'));
            let body = std::fs::read(&file).with_context(|| file.display().to_string())?;
            given.push((operation, body));
        }
        lock(&self.operations.state).given = given;
        Ok(())
    }

    /// Gives these lists, DER, by `/crls` from now on.
    pub fn publish_crls(&self, crls: Vec<Vec<u8>>) {
        lock(&self.operations.state).crls = crls;
    }

    /// The certificates that it issued, in their order.
    #[must_use]
    pub fn issued(&self) -> Vec<CertificateDer<'static>> {
        self.operations.issued()
    }

    /// The requests that it got, in their order.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.operations.journal()
    }

    /// How many connections it accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}
