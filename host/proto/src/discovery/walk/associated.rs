//! URI templates of DoH servers by the ways that the draft and its slides name and that were given up since: TXT records at a name of
//! special use (draft-ietf-doh-resolver-associated-doh-03), and a RESINFO record in JSON at another (draft-sah-resinfo-doh-00), from
//! before RFC 9606 gave the type another form. Each is off unless it is asked for.
//!
//! They come from the resolver that is asked, which is not trusted. So they say the path of a server that was found otherwise, and
//! name no server.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde::Deserialize;

use super::{Host, NoteCode, Trail, Walk};
use crate::{
    discovery::{
        DomainName, Kind, Question, Template,
        record::{Data, Record, strings},
    },
    json,
};

/// Where the records are.
const NAME: &str = "resolver-associated-doh.arpa.";
/// The draft's section that describes them.
const REFERENCE: &str = "draft-ietf-doh-resolver-associated-doh-03";
/// Where the record in JSON is, and what describes it.
const INVENTORY: &str = "resolver-info.arpa.";
const INVENTORY_REFERENCE: &str = "draft-sah-resinfo-doh-00 3";
/// Templates of one record that are looked at.
const TEMPLATES: usize = 16;
/// The port of a URI that says none.
const HTTPS: u16 = 443;
const SCHEME: &[u8] = b"https://";

impl<'a> Walk<'a> {
    /// The path that a record says of this host and port, and what it rests on.
    pub(super) fn associated(
        &mut self,
        host: &Host<'a>,
        trail: &Trail,
    ) -> Option<(Template, Trail)> {
        let plan = &self.resolution.plan;
        let (texts, inventory) = (plan.associated_templates, plan.legacy_resolver_info);
        // Both are asked before either answers.
        let by_text = texts.then(|| self.by_text(host, trail)).flatten();
        let by_inventory = inventory.then(|| self.by_inventory(host, trail)).flatten();
        by_text.or(by_inventory)
    }

    /// By an object in JSON, of which there is one (draft-sah-resolver-information-00 section 3).
    fn by_inventory(&mut self, host: &Host<'a>, trail: &Trail) -> Option<(Template, Trail)> {
        let question = Question {
            name: DomainName::parse(INVENTORY).ok()?,
            kind: Kind::Resinfo,
        };
        let (answer, at) = self.found(&question)?;
        let [record] = answer.records.as_slice() else {
            let message = format!("{} records, expected one", answer.records.len());
            self.note(
                NoteCode::MalformedRecord,
                &question.name,
                message,
                INVENTORY_REFERENCE,
            );
            return None;
        };
        let templates = match templates(&record.rdata) {
            Ok(templates) => templates,
            Err(problem) => {
                self.note(
                    NoteCode::MalformedRecord,
                    &question.name,
                    problem,
                    INVENTORY_REFERENCE,
                );
                return None;
            }
        };
        for text in templates.iter().take(TEMPLATES) {
            match read(text.as_bytes()) {
                Ok((name, port, template)) if name == *host.name && port == host.port => {
                    return Some((template, self.keep(trail, record, at)?));
                }
                Ok(_) | Err(None) => {}
                Err(Some(problem)) => self.note(
                    NoteCode::MalformedRecord,
                    &question.name,
                    problem,
                    INVENTORY_REFERENCE,
                ),
            }
        }
        None
    }

    fn by_text(&mut self, host: &Host<'a>, trail: &Trail) -> Option<(Template, Trail)> {
        let question = Question {
            name: DomainName::parse(NAME).ok()?,
            kind: Kind::Txt,
        };
        let (answer, at) = self.found(&question)?;
        let mut found: Option<(&Record, Template)> = None;
        for record in &answer.records {
            let Data::Text(text) = &record.data else {
                continue;
            };
            match read(text) {
                Ok((name, port, template)) if name == *host.name && port == host.port => {
                    found.get_or_insert((record, template));
                }
                // A single empty string says that there is no such server.
                Ok(_) | Err(None) => {}
                Err(Some(problem)) => {
                    self.note(
                        NoteCode::MalformedRecord,
                        &question.name,
                        problem,
                        REFERENCE,
                    );
                }
            }
        }
        let (record, template) = found?;
        Some((template, self.keep(trail, record, at)?))
    }
}

/// What a resolver says about itself, as far as it is of use.
#[derive(Deserialize)]
struct Inventory {
    /// What it says anything about; it must be there.
    #[serde(rename = "inventory")]
    _names: Vec<String>,
    #[serde(default)]
    doh: Option<Doh>,
}

#[derive(Deserialize)]
struct Doh {
    /// None: there is no such server. With which names to match certificates, others decide here.
    templates: Vec<String>,
}

/// The templates of a record's data: I-JSON (RFC 7493) as it is, or in character-strings.
fn templates(rdata: &[u8]) -> Result<Vec<String>, String> {
    let text = match rdata.first() {
        Some(b'{') => rdata.to_vec(),
        _ => strings(rdata).ok_or("it is neither JSON nor character-strings")?,
    };
    let text = core::str::from_utf8(&text).map_err(|_| "it is no UTF-8")?;
    let read: Inventory = json::read(text).map_err(|error| error.to_string())?;
    Ok(read.doh.map(|doh| doh.templates).unwrap_or_default())
}

/// Host, port and path of a template with a host; no error where there is nothing.
fn read(text: &[u8]) -> Result<(DomainName, u16, Template), Option<String>> {
    if text.is_empty() {
        return Err(None);
    }
    let wrong = || {
        let text = text.escape_ascii().to_string();
        let shown: String = text.chars().take(200).collect();
        Some(format!(
            "`{shown}` is no URI template of a DoH server, expected `https://`, a host name and a path"
        ))
    };
    let (scheme, rest) = text.split_at_checked(SCHEME.len()).ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(wrong());
    }
    let end = rest.iter().position(|octet| *octet == b'/');
    let (authority, path) = rest.split_at(end.ok_or_else(wrong)?);
    let parts: Vec<&[u8]> = authority.split(|octet| *octet == b':').collect();
    let (name, port) = match parts.as_slice() {
        [name] => (*name, HTTPS),
        [name, port] => {
            let port = core::str::from_utf8(port)
                .ok()
                .and_then(|port| port.parse().ok());
            (*name, port.ok_or_else(wrong)?)
        }
        _ => return Err(wrong()),
    };
    let name = core::str::from_utf8(name).map_err(|_| wrong())?;
    let name = DomainName::parse(name).map_err(|_| wrong())?;
    let template = Template::from_octets(path).map_err(|error| Some(error.to_string()))?;
    Ok((name, port, template))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_a_host_and_a_path() {
        for (text, expected) in [
            ("https://doh.example.net/dns-query{?dns}", Some(443)),
            ("HTTPS://DOH.example.net:8443/dns-query{?dns}", Some(8443)),
            ("http://doh.example.net/dns-query{?dns}", None),
            ("https://doh.example.net", None),
            ("https://doh.example.net/dns-query", None),
            ("https://user@doh.example.net/dns-query{?dns}", None),
            ("https://192.0.2.1/dns-query{?dns}", None),
            ("https://[2001:db8::1]/dns-query{?dns}", None),
            ("https://doh.example.net:x/dns-query{?dns}", None),
            ("https:///dns-query{?dns}", None),
            ("https", None),
        ] {
            let read = read(text.as_bytes());
            let found = read.as_ref().ok().map(|(name, port, template)| {
                assert_eq!(name.as_str(), "doh.example.net.");
                assert_eq!(template.as_str(), "/dns-query{?dns}");
                *port
            });
            assert_eq!(found, expected, "{text}: {read:?}");
        }
        assert_eq!(read(b""), Err(None));
    }
}
