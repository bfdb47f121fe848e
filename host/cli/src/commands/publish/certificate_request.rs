//! `resolvet publish certificate-request`: what the DNS server's administrator gives to the authority.

use std::path::{Path, PathBuf};

use resolvet::enrolment::{KeyLocation, server_key, server_request};
use resolvet_proto::{
    certificate::{SrvId, privacy::PrivacyStatement},
    discovery::DomainName,
    enrolment::est::ServerNames,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::statement;
use crate::{
    args::CertificateRequest,
    config,
    exit::{Exit, UsageError},
    files::write_new,
    journey::domain_name,
    keys,
    output::Output,
    pem::pem,
    report::VERSION,
};

/// What is asked for.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RequestReport {
    version: u32,
    /// PKCS #10 in PEM.
    request: String,
    dns_ids: Vec<String>,
    srv_id: String,
    ip_ids: Vec<std::net::IpAddr>,
    privacy: Option<PrivacyStatement>,
    privacy_oid: Option<String>,
    /// The key's file; none for one in a token.
    key: Option<PathBuf>,
    key_is_new: bool,
}

pub(super) fn run(arguments: &CertificateRequest, output: &Output) -> anyhow::Result<Exit> {
    let domain = domain_name(&arguments.domain)?;
    let dns_ids = arguments
        .dns_id
        .iter()
        .map(|name| domain_name(name))
        .collect::<Result<Vec<DomainName>, _>>()?;
    let privacy = arguments.privacy.as_deref().map(statement::read);
    let privacy = privacy.transpose()?;
    let mut names = ServerNames::new(domain.clone())
        .with_dns_ids(dns_ids.iter().cloned())
        .with_ip_ids(arguments.ip_id.iter().copied());
    if let Some(statement) = &privacy {
        names = names.stating(&arguments.privacy_oid, statement.clone());
    }
    let (request, key) = match &arguments.key {
        Some(key) => {
            let keys = keys::store(&config::Keys::default(), &arguments.token, None)?;
            let location: KeyLocation = key
                .parse()
                .map_err(|error| UsageError(format!("--key: {error}")))?;
            let opened = keys.open(&location);
            let key = opened.map_err(|error| UsageError(format!("--key: {error}")))?;
            let file = match location {
                KeyLocation::File(file) => Some(file),
                _ => None,
            };
            (server_request(&names, &key)?, file)
        }
        None => {
            let file = arguments.new_key.clone();
            let file = file.unwrap_or_else(|| format!("{}.key", domain.without_dot()).into());
            let (key, pkcs8) = server_key()?;
            // A request that cannot be made leaves no key behind.
            let request = server_request(&names, &key)?;
            keep(&file, &pkcs8)?;
            (request, Some(file))
        }
    };
    let request = pem("CERTIFICATE REQUEST", request.der());
    if output.is_json() {
        let dns_ids = [domain.clone()].into_iter().chain(dns_ids);
        output.document(&RequestReport {
            version: VERSION,
            request,
            dns_ids: dns_ids.map(|name| name.without_dot().to_owned()).collect(),
            srv_id: SrvId::domain_s(domain.without_dot())?.to_string(),
            ip_ids: arguments.ip_id.clone(),
            privacy_oid: privacy.is_some().then(|| arguments.privacy_oid.clone()),
            privacy,
            key_is_new: arguments.key.is_none(),
            key,
        })?;
        return Ok(Exit::Done);
    }
    output.line(&request)?;
    if let (None, Some(key)) = (&arguments.key, key) {
        output.remark(&format!(
            "the key is in `{}`: whoever has it can stand in for the server",
            key.display()
        ));
    }
    Ok(Exit::Done)
}

/// Writes a private key that only this user may read, where there is no file yet.
fn keep(path: &Path, pkcs8: &[u8]) -> anyhow::Result<()> {
    let mut text = Zeroizing::new(pem("PRIVATE KEY", pkcs8));
    // There is room for it: no copy of the key stays behind.
    text.push('\n');
    let instead = format!(
        "take its key with `--key {}`, or name another file with --new-key",
        path.display()
    );
    write_new(path, text.as_bytes(), 0o600, &instead)
}
