//! What a client sends, seen at the boundary that it cannot go around: strace shows each packet and each octet that a
//! program and its children hand to the system.
//!
//! Compared with a capture on loopback this knows whose packets they are, so servers and other tests beside it do not
//! disturb the count. What strace could miss (io_uring) or what others would send for the program (a resolver of the C
//! library behind a socket of the file system) is told as such, never as silence.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use hickory_proto::op::Message;
use resolvet_proto::dtls::Gate;

use crate::process::program;
pub(crate) use crate::strace::Transport;
use crate::strace::{Reading, Sent, read};

/// System calls that can make a program send something.
const TRACED: &str = "trace=%network,write,writev,pwritev,pwritev2,sendfile,splice,io_uring_setup";
/// Octets of a string that strace shows; a datagram and a TLS record are shorter.
const SHOWN: &str = "70000";
/// A message, or part of one, that left in clear text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InClear {
    pub(crate) to: SocketAddr,
    pub(crate) transport: Transport,
    /// The name that was asked for, as it was written, when it was a DNS query.
    pub(crate) name: Option<String>,
    /// Name and type, or what else it was.
    pub(crate) what: String,
}

impl fmt::Display for InClear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} over {:?}", self.what, self.to, self.transport)
    }
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) output: Output,
    sent: Vec<Sent>,
    /// Sockets of other resolvers that it wanted to speak to.
    resolvers: Vec<String>,
}

impl Trace {
    /// Runs a program under strace until its end.
    ///
    /// # Errors
    /// When strace is missing or cannot trace, or the program used io_uring.
    pub(crate) fn of<A: AsRef<OsStr>>(
        command: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        let strace = program("strace", "strace")?;
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("trace");
        let output = Command::new(strace)
            .args([
                "-f",
                "-qq",
                "-y",
                "-xx",
                "-s",
                SHOWN,
                "-e",
                "signal=none",
                "-e",
                TRACED,
                "-o",
            ])
            .arg(&log)
            .arg("--")
            .arg(command.as_ref())
            .args(arguments)
            .output()?;
        let text = std::fs::read_to_string(&log).with_context(|| {
            format!(
                "strace wrote nothing: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let Reading {
            sent, resolvers, ..
        } = read(&text)?;
        Ok(Self {
            output,
            sent,
            resolvers,
        })
    }

    /// What the program wrote to standard output.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What the program wrote to standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Octets of all kinds that went to this address.
    pub(crate) fn octets_to(&self, address: SocketAddr) -> usize {
        self.sent
            .iter()
            .filter(|sent| sent.to == address)
            .map(|sent| sent.octets.len())
            .sum()
    }

    /// Everything that left in clear text: each datagram, each message on a stream, and what other resolvers were asked to
    /// do. A stream or a datagram to one of the `encrypted` addresses that holds nothing but TLS or DTLS records is left out, and
    /// so are datagrams of QUIC.
    pub(crate) fn in_clear(&self, encrypted: &[SocketAddr]) -> Vec<InClear> {
        let mut found = Vec::new();
        let mut streams: BTreeMap<&str, (SocketAddr, Vec<u8>)> = BTreeMap::new();
        let mut quic: BTreeSet<(&str, SocketAddr)> = BTreeSet::new();
        for sent in &self.sent {
            match sent.transport {
                Transport::Udp if encrypted.contains(&sent.to) && is_dtls(&sent.octets) => {}
                Transport::Udp
                    if encrypted.contains(&sent.to)
                        && is_quic(&sent.octets, !quic.insert((&sent.socket, sent.to))) => {}
                Transport::Udp => found.push(describe(sent.to, Transport::Udp, &sent.octets)),
                Transport::Tcp => {
                    let stream = streams
                        .entry(&sent.socket)
                        .or_insert_with(|| (sent.to, Vec::new()));
                    stream.1.extend(&sent.octets);
                }
            }
        }
        for (to, octets) in streams.into_values() {
            if encrypted.contains(&to) && is_tls(&octets) {
                continue;
            }
            let mut rest = octets.as_slice();
            while let Some((message, after)) = split(rest) {
                found.push(describe(to, Transport::Tcp, message));
                rest = after;
            }
            if !rest.is_empty() {
                found.push(describe(to, Transport::Tcp, rest));
            }
        }
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        found.extend(self.resolvers.iter().map(|path| InClear {
            to: nowhere,
            transport: Transport::Tcp,
            name: None,
            what: format!("a lookup by another program behind `{path}`"),
        }));
        found
    }
}

/// What octets in clear text are.
fn describe(to: SocketAddr, transport: Transport, octets: &[u8]) -> InClear {
    let message = Message::from_vec(octets).ok();
    let query = message.as_ref().and_then(|message| message.queries.first());
    InClear {
        to,
        transport,
        name: query.map(|query| query.name().to_string()),
        what: query.map_or_else(
            || format!("{} octets that are no DNS query", octets.len()),
            |query| format!("{} {}", query.name(), query.query_type()),
        ),
    }
}

/// Whether octets are whole TLS records: content type, a version of three and something, length (RFC 8446 section 5.1).
fn is_tls(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let [20..=23, 3, _, high, low, record @ ..] = rest {
        match record.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Whether a datagram is whole DTLS records (RFC 6347 section 4.1).
fn is_dtls(octets: &[u8]) -> bool {
    Gate::default().admits(octets)
}

/// Whether a datagram is of QUIC: the first of a connection is an Initial packet of at least 1,200 octets (RFC 9000 section
/// 14.1), those after it are encrypted but for a few bits, and none is a DNS message.
fn is_quic(octets: &[u8], follows: bool) -> bool {
    let is_initial = octets.first().is_some_and(|first| first & 0xf0 == 0xc0);
    let begins = is_initial && octets.len() >= 1_200 && octets.get(1..5) == Some(&[0, 0, 0, 1]);
    (follows || begins) && Message::from_vec(octets).is_err()
}

/// The first message of a stream and the rest.
fn split(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = stream.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_records_are_told_from_clear_text() {
        assert!(is_tls(&[22, 3, 1, 0, 1, 0, 23, 3, 3, 0, 0]));
        assert!(!is_tls(&[22, 3, 1, 0, 2, 0]), "a record that is not whole");
        assert!(!is_tls(&[0, 29, 0x4a, 0x5c, 1, 0x20]));
        assert!(!is_tls(&[22, 3, 1, 0, 0, b'G', b'E', b'T', b' ', b'/']));
    }

    #[test]
    fn dtls_records_are_told_from_clear_text() {
        let record = [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 9, 9];
        assert!(is_dtls(&record));
        assert!(!is_dtls(&record[..14]));
        let query =
            resolvet_tests::lab::ask::query(0x17fe, "a.example", hickory_proto::rr::RecordType::A);
        assert!(!is_dtls(&query.unwrap().to_vec().unwrap()));
    }
}
