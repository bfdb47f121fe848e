//! What an EST server does with a request: the operations of RFC 7030 and RFC 8295, and their faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use resolvet_proto::enrolment::est::{Method, Operation, certs_only, challenge_password, decode};
use resolvet_proto::enrolment::opaque::{Challenge, Credential};
use resolvet_proto::judgement::Der;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::fault::{EstFault, HUGE};
use super::layout::Layout;
use super::users::{Access, Granted, Users};
use super::{Entry, EstOptions};
use crate::lab::ca::{Authority, Fault, Leaf, Requested};
use crate::lab::dns::lock;
use crate::lab::https::{Connection, Handler, Request, Response};

/// Where the operations are.
const WELL_KNOWN: &str = "/.well-known/est/";
/// Octets of a request that are decoded.
const REQUEST_OCTETS: usize = 1 << 16;
const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";

/// The server behind its TLS.
#[derive(Debug)]
pub(crate) struct Operations {
    authority: Arc<Authority>,
    options: EstOptions,
    users: Users,
    pub(super) state: Mutex<State>,
}

/// What changes while it runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) conveyed: Vec<CertificateDer<'static>>,
    pub(super) crls: Vec<Vec<u8>>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// Bodies that were made elsewhere, which take the place of our own.
    pub(super) given: Vec<(Operation, Vec<u8>)>,
    pub(super) layout: Layout,
    pub(super) faults: Vec<(Option<Operation>, EstFault)>,
    pub(super) journal: Vec<Entry>,
    pub(super) issued: Vec<CertificateDer<'static>>,
    /// Requests that were answered with 202, DER.
    pending: Vec<Vec<u8>>,
    proved: Option<Response>,
    ke2: Option<String>,
}

impl Operations {
    pub(crate) fn new(
        authority: Arc<Authority>,
        conveyed: Vec<CertificateDer<'static>>,
        options: EstOptions,
    ) -> Result<Self> {
        let state = State {
            conveyed,
            crls: authority.crls(&[])?.into(),
            authorities: vec![authority.root().clone(), authority.intermediate().clone()],
            layout: options.layout,
            ..State::default()
        };
        Ok(Self {
            authority,
            users: Users::new(&options)?,
            options,
            state: Mutex::new(state),
        })
    }

    /// Does this wrong from now on, at one operation.
    pub(crate) fn fail_at(&self, operation: Operation, fault: EstFault) {
        let mut state = lock(&self.state);
        state.faults.retain(|(of, _)| *of != Some(operation));
        state.faults.insert(0, (Some(operation), fault));
    }

    /// The requests so far.
    pub(crate) fn journal(&self) -> Vec<Entry> {
        lock(&self.state).journal.clone()
    }

    /// The certificates that were issued so far.
    pub(crate) fn issued(&self) -> Vec<CertificateDer<'static>> {
        lock(&self.state).issued.clone()
    }

    /// Label and operation of a path.
    fn route(&self, path: &str) -> Option<Operation> {
        let rest = path.strip_prefix(WELL_KNOWN)?;
        let name = match rest.split_once('/') {
            Some((label, name)) => {
                let is_known = self.options.labels.iter().any(|known| known == label);
                is_known.then_some(name)?
            }
            None => rest,
        };
        Operation::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
    }

    /// The fault of an operation, if it has one.
    fn fault(&self, operation: Operation) -> Option<EstFault> {
        let mut state = lock(&self.state);
        let (_, fault) = state
            .faults
            .iter_mut()
            .find(|(of, _)| of.is_none_or(|of| of == operation))?;
        match fault {
            EstFault::Pending { times: 0, .. } => None,
            EstFault::Pending { times, .. } if *times < u32::MAX => {
                *times -= 1;
                Some(fault.clone())
            }
            other => Some(other.clone()),
        }
    }

    /// Serves an operation for somebody who may ask.
    fn serve(
        &self,
        operation: Operation,
        fault: Option<&EstFault>,
        connection: &Connection,
        request: &Request,
    ) -> Response {
        match fault {
            Some(EstFault::Status(status)) => {
                return Response::text(*status, "as it was told to be");
            }
            Some(EstFault::Redirect(uri)) => {
                return Response::status(302).with("location", uri.clone());
            }
            _ => {}
        }
        let enrols = matches!(
            operation,
            Operation::SimpleEnroll | Operation::SimpleReenroll
        );
        if let (true, Some(EstFault::Pending { retry_after, .. })) = (enrols, fault) {
            // Whoever sends it again may come over another connection: what binds it to this one is verified now.
            match self.requested(connection, request) {
                Ok((_, der)) => lock(&self.state).pending.push(der),
                Err(error) => return Response::text(400, &format!("{error:#}")),
            }
            return Response::text(202, "somebody has to look at it")
                .with("retry-after", retry_after.clone());
        }
        if !self.options.reads.accepts(&request.body) {
            return Response::text(400, "the base64 of this request cannot be read");
        }
        let mut given = lock(&self.state).given.clone().into_iter();
        if let Some((_, body)) = given.find(|(of, _)| *of == operation) {
            return Response::ok(operation.accept(), body);
        }
        if operation == Operation::Pal {
            return self.availability();
        }
        if operation == Operation::ServerKeyGen {
            let generated = self.generated(fault, connection, request);
            return generated.unwrap_or_else(|error| Response::text(400, &format!("{error:#}")));
        }
        let body = match operation {
            Operation::CsrAttrs => match &self.options.csr_attributes {
                Some(attributes) => Ok(attributes.clone()),
                None => return Response::status(204),
            },
            Operation::CaCerts => self.ca_certificates(),
            Operation::EeCerts => self.end_entities(fault),
            Operation::Crls => certs_only(&[], &ders(&lock(&self.state).crls)).map_err(Into::into),
            Operation::SimpleEnroll | Operation::SimpleReenroll => {
                self.enrol(operation, fault, connection, request)
            }
            _ => return Response::text(501, "this server does not do that"),
        };
        let body = match (fault, body) {
            (_, Err(error)) => return Response::text(400, &format!("{error:#}")),
            (Some(EstFault::NoCertificates), Ok(_)) => match certs_only(&[], &[]) {
                Ok(empty) => empty,
                Err(error) => return Response::text(500, &error.to_string()),
            },
            (_, Ok(body)) => body,
        };
        let mut body = lock(&self.state).layout.write(&body);
        match fault {
            Some(EstFault::Truncated) => body.truncate(body.len() / 2),
            Some(EstFault::Huge) => body = vec![b'A'; HUGE],
            Some(EstFault::NoBase64) => body = b"<html>welcome</html>\n".to_vec(),
            _ => {}
        }
        let media_type = match operation {
            Operation::CsrAttrs => "application/csrattrs",
            _ => CERTS_ONLY,
        };
        Response::ok(media_type, body).with("content-transfer-encoding", "base64")
    }

    /// Where what is (RFC 8295 section 2.1.3): below the first label, so that whoever read it shows.
    fn availability(&self) -> Response {
        let label = self.options.labels.first().map(|label| format!("{label}/"));
        let label = label.unwrap_or_default();
        let entries = [("0005", Operation::Crls), ("0003", Operation::EeCerts)];
        let entries = entries.map(|(kind, operation)| {
            let uri = format!("{WELL_KNOWN}{label}{}", operation.name());
            serde_json::json!({"type": kind, "size": 1, "info": {"uri": uri}})
        });
        let body = serde_json::Value::from(entries.to_vec()).to_string();
        Response::ok("application/json", body.into_bytes())
    }

    fn ca_certificates(&self) -> Result<Vec<u8>> {
        Ok(certs_only(&ders(&lock(&self.state).authorities), &[])?)
    }

    fn end_entities(&self, fault: Option<&EstFault>) -> Result<Vec<u8>> {
        let mut certificates = lock(&self.state).conveyed.clone();
        match fault {
            Some(EstFault::NotAnchored) => {
                let leaf = Leaf::good(&self.options.domain).with(Fault::WrongIssuer);
                certificates = vec![self.authority.issue(&leaf)?.conveyed().clone()];
            }
            Some(EstFault::TwoDnsServers) => {
                let other = self.authority.issue(&Leaf::good("elsewhere.example"))?;
                certificates.push(other.conveyed().clone());
            }
            _ => {}
        }
        Ok(certs_only(&ders(&certificates), &[])?)
    }

    /// A request, with its DER, and bound to this connection unless it was seen before.
    fn requested(
        &self,
        connection: &Connection,
        request: &Request,
    ) -> Result<(Requested, Vec<u8>)> {
        let media_type = request.header("content-type").unwrap_or_default();
        if !media_type.starts_with("application/pkcs10") {
            bail!("content type `{media_type}`, expected `application/pkcs10` (RFC 7030 4.2.1)");
        }
        let der = decode(&request.body, REQUEST_OCTETS)?;
        let requested = Requested::read(&der)?;
        if lock(&self.state).pending.contains(&der) {
            return Ok((requested, der));
        }
        match requested.challenge_password() {
            None if self.options.demands_binding => {
                bail!("the request has no challengePassword (RFC 7030 3.5)")
            }
            None => {}
            Some(presented) => {
                let exporter = connection
                    .exporter
                    .context("only TLS 1.3 gives this server what names a connection")?;
                if presented != challenge_password(&exporter)? {
                    bail!("the challengePassword is not that of this connection (RFC 7030 3.5)");
                }
            }
        }
        Ok((requested, der))
    }

    fn enrol(
        &self,
        operation: Operation,
        fault: Option<&EstFault>,
        connection: &Connection,
        request: &Request,
    ) -> Result<Vec<u8>> {
        let (requested, _) = self.requested(connection, request)?;
        if operation == Operation::SimpleReenroll {
            let old = connection
                .client_certificates
                .first()
                .context("a renewal needs the old certificate as the client's (RFC 7030 4.2.2)")?;
            let (_, old) = X509Certificate::from_der(old)?;
            let subject = old.subject().to_string();
            if subject != requested.subject() {
                let asked = requested.subject();
                bail!("subject `{asked}`, expected `{subject}` (RFC 7030 4.2.2)");
            }
        }
        let certificate = match fault {
            Some(EstFault::EndsSoon) => {
                let six_hours = Duration::from_secs(6 * 3_600);
                self.authority.certify_request_for(&requested, six_hours)?
            }
            _ => self.authority.certify_request(&requested)?,
        };
        lock(&self.state).issued.push(certificate.clone());
        Ok(certs_only(&ders(&[certificate]), &[])?)
    }

    /// A key that is made here, and its certificate, one part each (RFC 7030 section 4.4.2).
    fn generated(
        &self,
        fault: Option<&EstFault>,
        connection: &Connection,
        request: &Request,
    ) -> Result<Response> {
        const BOUNDARY: &str = "lab-boundary";
        let (requested, der) = self.requested(connection, request)?;
        let (certificate, mut key) = self.authority.generate_for(requested)?;
        if fault == Some(&EstFault::OtherKey) {
            key = self.authority.generate_for(Requested::read(&der)?)?.1;
        }
        lock(&self.state).issued.push(certificate.clone());
        let key_type = match fault {
            Some(EstFault::EncryptedKey) => {
                "application/pkcs7-mime; smime-type=server-generated-key"
            }
            _ => "application/pkcs8",
        };
        let certificates = certs_only(&ders(&[certificate]), &[])?;
        let layout = lock(&self.state).layout;
        let mut body = Vec::new();
        for (media_type, der) in [(key_type, key), (CERTS_ONLY, certificates)] {
            body.extend(format!("--{BOUNDARY}\r\nContent-Type: {media_type}\r\n").bytes());
            body.extend(b"Content-Transfer-Encoding: base64\r\n\r\n");
            body.extend(layout.write(&der));
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        let media_type = format!("multipart/mixed; boundary={BOUNDARY}");
        Ok(Response::ok(&media_type, body))
    }

    /// Adds what proves the server, or spoils it.
    fn prove(
        &self,
        mut response: Response,
        granted: &Granted,
        fault: Option<&EstFault>,
    ) -> Response {
        let Some(info) = &granted.authentication_info else {
            return response;
        };
        let info = match fault {
            Some(EstFault::WrongProof) => spoil(info),
            _ => info.clone(),
        };
        response = response.with("authentication-info", info);
        if fault == Some(&EstFault::Closes) {
            response = response.with("connection", "close");
        }
        let mut state = lock(&self.state);
        let first = state.proved.get_or_insert_with(|| response.clone());
        if fault == Some(&EstFault::Replayed) {
            response = first.clone();
        }
        response
    }

    /// Spoils KE2 of OPAQUE, if the response has one and it is to be spoilt.
    fn challenge(
        &self,
        mut response: Response,
        request: &Request,
        fault: Option<&EstFault>,
    ) -> Response {
        let is_ke2 = |value: &str| value.starts_with("OPAQUE ") && value.contains("ke2=");
        let mut fields = response.headers.iter_mut();
        let field = fields.find(|(name, value)| name == "www-authenticate" && is_ke2(value));
        let Some((_, ke2)) = field else {
            return response;
        };
        let mut state = lock(&self.state);
        let first = state.ke2.get_or_insert_with(|| ke2.clone());
        match fault {
            Some(EstFault::ReplayedKe2) => ke2.clone_from(first),
            Some(EstFault::AlteredKe2) => *ke2 = meddle(ke2, None),
            Some(EstFault::ForgedKe2) => {
                *ke2 = meddle(ke2, request.header("authorization"));
            }
            _ => {}
        }
        response
    }

    fn answer(&self, connection: &Connection, request: &Request, entry: &mut Entry) -> Response {
        let Some(operation) = self.route(&request.path) else {
            return Response::text(404, "there is no such operation");
        };
        let expected = match operation.method() {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        if request.method != expected {
            return Response::status(405).with("allow", expected);
        }
        let fault = self.fault(operation);
        let open = self.options.open.contains(&operation) || fault == Some(EstFault::NotAsked);
        match self.users.admit(connection, request, open) {
            Access::Refused(response, reason) => {
                entry.diagnosis = reason;
                self.challenge(response, request, fault.as_ref())
            }
            Access::Granted(granted) => {
                entry.scheme = granted.scheme;
                entry.user.clone_from(&granted.user);
                let response = self.serve(operation, fault.as_ref(), connection, request);
                self.prove(response, &granted, fault.as_ref())
            }
        }
    }
}

impl Handler for Operations {
    fn handle(&self, connection: &Connection, request: &Request) -> Response {
        let mut entry = Entry {
            connection: connection.number,
            version: connection.version.clone(),
            method: request.method.clone(),
            path: request.path.clone(),
            ..Entry::default()
        };
        let response = self.answer(connection, request, &mut entry);
        entry.status = response.status;
        if response.status >= 400 && entry.diagnosis.is_empty() {
            entry.diagnosis = String::from_utf8_lossy(&response.body).into_owned();
        }
        lock(&self.state).journal.push(entry);
        response
    }
}

fn ders<T: AsRef<[u8]>>(values: &[T]) -> Vec<Der> {
    values.iter().map(|value| value.as_ref().into()).collect()
}

/// The same with another first digit of vks, or of the proof of OPAQUE.
fn spoil(authentication_info: &str) -> String {
    let names = ["vks=", "proof="];
    let found = names
        .iter()
        .find_map(|name| Some((name, authentication_info.split_once(name)?)));
    let Some((name, (before, after))) = found else {
        return authentication_info.to_owned();
    };
    let (quote, digits) = match after.strip_prefix('"') {
        Some(rest) => ("\"", rest),
        None => ("", after),
    };
    let mut digits = digits.chars();
    let turned = if digits.next() == Some('0') { '1' } else { '0' };
    format!("{before}{name}{quote}{turned}{}", digits.as_str())
}

/// The same with one bit of the MAC in KE2 turned, and, when KE1's field is given, with a digest that fits.
fn meddle(field: &str, ke1: Option<&str>) -> String {
    let Ok(challenges) = Challenge::read_all(&[field.as_bytes()]) else {
        return field.to_owned();
    };
    let Some(Challenge::Ke2(mut answer)) = challenges.into_iter().next() else {
        return field.to_owned();
    };
    if let Some(last) = answer.ke2.last_mut() {
        *last ^= 1;
    }
    let ke1 = ke1.and_then(|field| Credential::read(field.as_bytes()).ok().flatten());
    if let Some(Credential::Ke1(request)) = ke1 {
        answer.digest = Sha256::digest([request.ke1, answer.ke2.clone()].concat()).into();
    }
    Challenge::Ke2(answer).write()
}
