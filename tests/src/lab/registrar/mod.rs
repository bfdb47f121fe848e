//! A registrar on loopback (RFC 8995 section 5): it passes pledges' requests on to their MASA, hears how they fare, and
//! enrols them by EST.

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use resolvet_proto::enrolment::brski::{
    ContentKind, ENROL_STATUS, REQUEST_VOUCHER, VOUCHER_CMS, VOUCHER_STATUS,
    examine_pledge_request, masa_endpoint, parse_status, registrar_request,
};
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::judgement::Der;
use rustls_pki_types::CertificateDer;

use super::ca::{Authority, Identity};
use super::dns::lock;
use super::dot::Versions;
use super::est::{Entry, EstFault, EstOptions, Operations};
use super::https::server::Presenter;
use super::https::{Client, Connection, Handler, Request, Response, Server};
use super::masa::{algorithms, sign_with, voucher_of};

/// What the registrar does wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrarFault {
    /// Nothing.
    #[default]
    None,
    /// So many requests for vouchers are answered by 202 with this Retry-After, in seconds; the next one is served.
    Pending {
        /// What Retry-After says.
        retry_after: String,
        /// How many; `u32::MAX` is for ever.
        times: u32,
    },
    /// Every request for a voucher is answered with this status.
    Status(u16),
    /// The first request for a voucher is answered by 202, its connection is closed, and who comes again finds another
    /// certificate of the same name and authority.
    ChangesCertificate,
    /// The voucher that was issued first is sent again, whoever asks.
    Replays,
    /// The voucher is sent as base64, as some registrars do.
    Base64,
    /// Whoever asks for a voucher is asked for a password (HTTP Basic).
    AsksForAPassword,
}

/// What a pledge told (RFC 8995 sections 5.7 and 5.9.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The path: voucher status or enrolment status.
    pub path: String,
    /// The number of the connection that it came over.
    pub connection: usize,
    /// The client's certificate on that connection, DER.
    pub client: Option<Vec<u8>>,
    /// Whether it went well.
    pub ok: bool,
    /// The reason.
    pub reason: Option<String>,
}

/// A registrar; dropping it stops it.
#[derive(Debug)]
pub struct Registrar {
    desk: Arc<Desk>,
    server: Server,
}

#[derive(Debug)]
struct Desk {
    operations: Operations,
    identity: Identity,
    other: Identity,
    root: CertificateDer<'static>,
    manufacturer: CertificateDer<'static>,
    presenter: OnceLock<Presenter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fault: RegistrarFault,
    first: Option<Vec<u8>>,
    requests: Vec<Vec<u8>>,
    refusals: Vec<String>,
    told: Vec<Told>,
    authorizations: Vec<String>,
}

impl Registrar {
    /// Starts a registrar of the domain that `options` names on a free port, with the DNS-IDs `registrar.<domain>` and
    /// `localhost`. It knows devices by the manufacturer's anchor, and conveys these certificates by `/eecerts`.
    ///
    /// # Errors
    /// When keys, certificates, a port or a thread are not to be had.
    pub fn start(
        authority: &Arc<Authority>,
        conveyed: Vec<CertificateDer<'static>>,
        manufacturer: &CertificateDer<'static>,
        options: &EstOptions,
    ) -> Result<Self> {
        let names = [
            format!("registrar.{}", options.domain),
            "localhost".to_owned(),
        ];
        let desk = Arc::new(Desk {
            operations: Operations::new(Arc::clone(authority), conveyed, options.clone())?,
            identity: authority.issue_registrar(&names)?,
            other: authority.issue_registrar(&names)?,
            root: authority.root().clone(),
            manufacturer: manufacturer.clone(),
            presenter: OnceLock::new(),
            state: Mutex::default(),
        });
        let clients = [
            authority.root().clone(),
            authority.intermediate().clone(),
            manufacturer.clone(),
        ];
        let handler = Arc::clone(&desk);
        let server = Server::start(
            "lab-registrar",
            &desk.identity,
            Versions::Both,
            &clients,
            handler,
        )?;
        let _ = desk.presenter.set(server.presenter());
        Ok(Self { desk, server })
    }

    /// Where it listens: 127.0.0.1 first, then ::1 where there is one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Its URL: `https://localhost:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.server.port())
    }

    /// What it presented at its start.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.desk.identity
    }

    /// Does this wrong from now on.
    pub fn fail(&self, fault: RegistrarFault) {
        lock(&self.desk.state).fault = fault;
    }

    /// Does this wrong from now on, at one operation of EST.
    pub fn fail_at(&self, operation: Operation, fault: EstFault) {
        self.desk.operations.fail_at(operation, fault);
    }

    /// The pledges' requests for vouchers, CMS, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Vec<u8>> {
        lock(&self.desk.state).requests.clone()
    }

    /// Why requests for vouchers were refused.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        lock(&self.desk.state).refusals.clone()
    }

    /// The values of Authorization that came with requests for vouchers.
    #[must_use]
    pub fn authorizations(&self) -> Vec<String> {
        lock(&self.desk.state).authorizations.clone()
    }

    /// What pledges told, in order.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        lock(&self.desk.state).told.clone()
    }

    /// The requests for EST that it got, in their order.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.desk.operations.journal()
    }

    /// The certificates that it had issued, in their order.
    #[must_use]
    pub fn issued(&self) -> Vec<CertificateDer<'static>> {
        self.desk.operations.issued()
    }
}

impl Desk {
    /// A response instead of a voucher, if the fault says so.
    fn instead(&self) -> Result<Option<Response>> {
        let mut state = lock(&self.state);
        match &mut state.fault {
            RegistrarFault::Status(status) => {
                Ok(Some(Response::text(*status, "as it was told to be")))
            }
            RegistrarFault::Pending { retry_after, times } if *times > 0 => {
                let response = pending(retry_after);
                if *times < u32::MAX {
                    *times -= 1;
                }
                Ok(Some(response))
            }
            RegistrarFault::AsksForAPassword => {
                let response = Response::text(401, "who is there?");
                Ok(Some(
                    response.with("www-authenticate", "Basic realm=\"registrar\""),
                ))
            }
            RegistrarFault::ChangesCertificate => {
                state.fault = RegistrarFault::None;
                let presenter = self.presenter.get().context("the server has not begun")?;
                presenter.present(&self.other)?;
                Ok(Some(pending("1").with("connection", "close")))
            }
            _ => Ok(None),
        }
    }

    fn voucher(&self, connection: &Connection, request: &Request) -> Result<Response> {
        let client = connection
            .client_certificates
            .first()
            .context("the pledge showed no certificate (RFC 8995 5.1)")?;
        let authorization = request.header("authorization").map(str::to_owned);
        lock(&self.state).authorizations.extend(authorization);
        lock(&self.state).requests.push(request.body.clone());
        if let Some(response) = self.instead()? {
            return Ok(response);
        }
        let registrar = &connection.server_certificate;
        let examined = examine_pledge_request(&request.body, registrar, algorithms())?;
        if examined.signer[..] != client[..] {
            bail!("the request's signer is not the client of the connection (RFC 8995 5.3)");
        }
        let masa = masa_endpoint(client).context("the IDevID names no MASA (RFC 8995 2.3.2)")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let own = registrar_request(&examined, &request.body, Some(now)).to_json()?;
        let identity = match self.identity.end_entity() == registrar {
            true => &self.identity,
            false => &self.other,
        };
        let mut certificates: Vec<Der> = identity
            .chain()
            .iter()
            .map(|der| der.as_ref().into())
            .collect();
        certificates.push(self.root.as_ref().into());
        let signed = sign_with(
            &own,
            ContentKind::JsonVoucher,
            identity,
            &certificates,
            false,
        )?;
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, masa.port()));
        let anchors = [self.manufacturer.clone()];
        let mut client = Client::connect(server, masa.host(), Some(&anchors), None)?;
        let headers = [("content-type", VOUCHER_CMS), ("accept", VOUCHER_CMS)];
        let response = client.exchange("POST", REQUEST_VOUCHER, &headers, &signed)?;
        let mut voucher = voucher_of(response)?;
        let mut state = lock(&self.state);
        let first = state.first.get_or_insert_with(|| voucher.clone()).clone();
        match state.fault {
            RegistrarFault::Replays => voucher = first,
            RegistrarFault::Base64 => {
                voucher = super::est::Layout::Unfolded.write(&voucher);
            }
            _ => {}
        }
        Ok(Response::ok(VOUCHER_CMS, voucher))
    }

    fn hear(&self, connection: &Connection, request: &Request) -> Response {
        match parse_status(&request.body) {
            Ok((ok, reason)) => {
                lock(&self.state).told.push(Told {
                    path: request.path.clone(),
                    connection: connection.number,
                    client: connection.client_certificates.first().cloned(),
                    ok,
                    reason,
                });
                Response::status(200)
            }
            Err(error) => Response::text(400, &error.to_string()),
        }
    }
}

impl Handler for Desk {
    fn handle(&self, connection: &Connection, request: &Request) -> Response {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", REQUEST_VOUCHER) => {
                self.voucher(connection, request).unwrap_or_else(|error| {
                    let reason = format!("{error:#}");
                    lock(&self.state).refusals.push(reason.clone());
                    Response::text(403, &reason)
                })
            }
            ("POST", VOUCHER_STATUS | ENROL_STATUS) => self.hear(connection, request),
            _ => self.operations.handle(connection, request),
        }
    }
}

fn pending(retry_after: &str) -> Response {
    Response::text(202, "somebody has to look at it").with("retry-after", retry_after)
}
