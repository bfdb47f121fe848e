//! Reads what strace writes: which octets a program handed to which socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, ensure};

/// Sockets behind which another program resolves names.
const RESOLVERS: [&str; 2] = ["nscd", "resolve"];

/// How something was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Octets that were handed to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) transport: Transport,
    pub(crate) to: SocketAddr,
    /// Which socket it was: octets of one TCP connection belong together.
    pub(crate) socket: String,
    pub(crate) octets: Vec<u8>,
}

/// What strace's lines say.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) sent: Vec<Sent>,
    /// Sockets of other resolvers that the program wanted to speak to.
    pub(crate) resolvers: Vec<String>,
    /// Transport and peer of each socket, by its number in the kernel, which no duplicate and no child changes.
    sockets: BTreeMap<String, (Transport, Option<SocketAddr>)>,
}

/// Reads strace's lines.
pub(crate) fn read(text: &str) -> Result<Reading> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut reading = Reading::default();
    for line in text.lines() {
        let (process, call) = line
            .split_once(char::is_whitespace)
            .context("strace's line has no process")?;
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(process, beginning);
            continue;
        }
        let whole = match call.split_once(" resumed>") {
            Some((_, end)) if call.starts_with("<... ") => {
                format!("{}{end}", begun.remove(process).unwrap_or_default())
            }
            _ => call.to_owned(),
        };
        reading
            .call(&whole)
            .with_context(|| format!("cannot read `{line}`"))?;
    }
    // A call that never came back may have sent what it was given.
    for beginning in begun.into_values() {
        reading.call(beginning)?;
    }
    Ok(reading)
}

impl Reading {
    /// What one system call did.
    fn call(&mut self, call: &str) -> Result<()> {
        let Some((name, arguments)) = call.split_once('(') else {
            return Ok(());
        };
        ensure!(
            name != "io_uring_setup",
            "the program used io_uring, which a trace cannot see through"
        );
        match name {
            "socket" => {
                let transport = match arguments {
                    _ if !arguments.starts_with("AF_INET") => return Ok(()),
                    _ if arguments.contains("SOCK_STREAM") => Transport::Tcp,
                    _ => Transport::Udp,
                };
                let opened = arguments
                    .rsplit_once(" = ")
                    .and_then(|(_, result)| socket(result));
                self.sockets
                    .extend(opened.map(|number| (number.to_owned(), (transport, None))));
            }
            "connect" => {
                let path = between(arguments, "sun_path=")
                    .map(unescape)
                    .transpose()?
                    .unwrap_or_default();
                let path = String::from_utf8_lossy(&path).into_owned();
                if RESOLVERS.iter().any(|resolver| path.contains(resolver)) {
                    self.resolvers.push(path);
                }
                let peer = address(arguments);
                if let Some((_, connected)) =
                    socket(arguments).and_then(|number| self.sockets.get_mut(&number))
                {
                    *connected = peer;
                }
            }
            "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" | "pwritev" | "pwritev2" => {
                self.send(name, call, arguments)?;
            }
            "sendfile" | "splice" => {
                let mut labels = arguments.split_inclusive('>').filter_map(socket);
                ensure!(
                    !labels.any(|number| self.sockets.contains_key(&number)),
                    "the program sent octets of a file or a pipe, which a trace cannot see"
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// What a call handed to a socket.
    fn send(&mut self, name: &str, call: &str, arguments: &str) -> Result<()> {
        let failed = call
            .rsplit_once(" = ")
            .is_some_and(|(_, result)| result.starts_with('-'));
        let Some(number) = socket(arguments).filter(|_| !failed) else {
            return Ok(());
        };
        // Sockets of other families stay on this machine.
        let Some((transport, connected)) = self.sockets.get(&number).copied() else {
            return Ok(());
        };
        // Each message of a sendmmsg is a datagram of its own.
        let messages: Vec<&str> = match name {
            "sendmmsg" => arguments.split("msg_hdr=").skip(1).collect(),
            _ => vec![arguments],
        };
        for message in messages {
            let octets = match name {
                "sendto" | "write" => {
                    unescape(between(message, ">, ").context("no octets are shown")?)?
                }
                _ => {
                    let mut octets = Vec::new();
                    for part in message.split("iov_base=").skip(1) {
                        octets.extend(unescape(quoted(part)?)?);
                    }
                    octets
                }
            };
            let to = address(message)
                .or(connected)
                .context("where it went is not shown")?;
            self.sent.push(Sent {
                transport,
                to,
                socket: number.clone(),
                octets,
            });
        }
        Ok(())
    }
}

/// The socket at which a text begins, by its number in the kernel: `3<socket:[68347]>`. Some versions of strace escape
/// what stands between the brackets.
fn socket(text: &str) -> Option<String> {
    let (_, label) = text.split_once('<')?;
    let (label, _) = label.split_once('>')?;
    let label = if label.starts_with("\\x") {
        String::from_utf8(unescape(label).ok()?).ok()?
    } else {
        label.to_owned()
    };
    Some(
        label
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .to_owned(),
    )
}

/// The address in a call's arguments.
fn address(arguments: &str) -> Option<SocketAddr> {
    let (_, port) = arguments.split_once("_port=htons(")?;
    let port = port.split_once(')')?.0.parse().ok()?;
    let text =
        between(arguments, "inet_addr(").or_else(|| between(arguments, "inet_pton(AF_INET6, "))?;
    let text = String::from_utf8(unescape(text).ok()?).ok()?;
    Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, port))
}

/// The quoted text after a marker.
fn between<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    quoted(text.split_once(marker)?.1).ok()
}

/// The text inside of the quotes that a string begins with; strace escapes everything inside of them.
fn quoted(text: &str) -> Result<&str> {
    let inside = text.strip_prefix('"').context("a quote was expected")?;
    let (inside, after) = inside.split_once('"').context("a quote is not closed")?;
    ensure!(!after.starts_with("..."), "strace cut the octets off");
    Ok(inside)
}

/// Octets from `\x41\x42`.
fn unescape(text: &str) -> Result<Vec<u8>> {
    text.split("\\x")
        .skip(1)
        .map(|digits| {
            u8::from_str_radix(digits, 16).with_context(|| format!("`{digits}` is no octet"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: &str = "1 socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 3<socket:[7]>\n";
    const TCP: &str = "1 socket(AF_INET6, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_IP) = 3<socket:[7]>\n\
                       1 connect(3<socket:[7]>, {sa_family=AF_INET, sin_port=htons(6), \
                       sin_addr=inet_addr(\"\\x31\\x2e\\x32\\x2e\\x33\\x2e\\x34\")}, 16) = -1 EINPROGRESS (Now)\n";

    #[test]
    fn each_way_to_send_is_read() {
        let v4 = r#"{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("\x31\x2e\x32\x2e\x33\x2e\x34")}"#;
        let v6 = r#"{sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "\x3a\x3a\x31", &sin6_addr), sin6_scope_id=0}"#;
        let two =
            r#"msg_iov=[{iov_base="\x61", iov_len=1}, {iov_base="\x62", iov_len=1}], msg_iovlen=2"#;
        let lines = [
            (
                UDP,
                format!(r#"1 sendto(3<socket:[7]>, "\x61\x62", 2, 0, {v4}, 16) = 2"#),
                "1.2.3.4:53",
                "ab",
            ),
            (
                UDP,
                format!(r#"1 sendto(3<socket:[7]>, "\x61", 1, 0, {v6}, 28) = 1"#),
                "[::1]:9",
                "a",
            ),
            (
                UDP,
                format!("1 sendmsg(3<socket:[7]>, {{msg_name={v4}, {two}}}, 0) = 2"),
                "1.2.3.4:53",
                "ab",
            ),
            (
                TCP,
                r#"1 sendto(3<socket:[7]>, "\x61", 1, 0, NULL, 0) = 1"#.into(),
                "1.2.3.4:6",
                "a",
            ),
            (
                TCP,
                r#"1 write(4<socket:[7]>, "\x61", 1) = 1"#.into(),
                "1.2.3.4:6",
                "a",
            ),
            (
                TCP,
                r#"2 writev(3<socket:[7]>, [{iov_base="\x61", iov_len=1}], 1) = 1"#.into(),
                "1.2.3.4:6",
                "a",
            ),
        ];
        for (before, line, to, octets) in lines {
            let sent = read(&format!("{before}{line}")).unwrap().sent;
            assert_eq!(sent.len(), 1, "{line}");
            assert_eq!(
                (sent[0].to, sent[0].octets.as_slice()),
                (to.parse().unwrap(), octets.as_bytes()),
                "{line}"
            );
        }
    }

    #[test]
    fn several_datagrams_of_one_call_are_several() {
        let one = |octet| {
            format!(
                r#"{{msg_hdr={{msg_name=NULL, msg_namelen=0, msg_iov=[{{iov_base="{octet}", iov_len=1}}], msg_iovlen=1}}, msg_len=1}}"#
            )
        };
        let line = format!(
            "{TCP}1 sendmmsg(3<socket:[7]>, [{}, {}], 2, 0) = 2",
            one("\\x61"),
            one("\\x62")
        );
        let octets: Vec<_> = read(&line)
            .unwrap()
            .sent
            .into_iter()
            .map(|sent| sent.octets)
            .collect();
        assert_eq!(octets, [b"a", b"b"]);
    }

    #[test]
    fn a_call_in_two_lines_is_one() {
        let text = "1 write(3<socket:[7]>, \"\\x61\", 1 <unfinished ...>\n\
                    2 write(1</dev/null>, \"\\x62\", 1) = 1\n1 <... write resumed>) = 1\n";
        assert_eq!(read(&format!("{TCP}{text}")).unwrap().sent.len(), 1);
        let refused = text.replace(
            "resumed>) = 1",
            "resumed>) = -1 EAGAIN (Resource temporarily unavailable)",
        );
        assert!(read(&format!("{TCP}{refused}")).unwrap().sent.is_empty());
        let lost = text.lines().next().unwrap();
        assert_eq!(
            read(&format!("{TCP}{lost}")).unwrap().sent.len(),
            1,
            "what never came back may have been sent"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_an_error() {
        assert!(read("1 io_uring_setup(8, {}) = 3").is_err());
        assert!(
            read(&format!(
                r#"{UDP}1 sendto(3<socket:[7]>, "\x61", 1, 0, NULL, 0) = 1"#
            ))
            .is_err()
        );
        assert!(read(&format!(r#"{TCP}1 write(3<socket:[7]>, "\x61"..., 9) = 9"#)).is_err());
        assert!(
            read(&format!(
                "{TCP}1 splice(5<pipe:[8]>, NULL, 3<socket:[7]>, NULL, 9, 0) = 9"
            ))
            .is_err()
        );
        let nscd = r#"1 connect(4<socket:[6]>, {sa_family=AF_UNIX, sun_path="\x2f\x6e\x73\x63\x64"}, 110) = 0"#;
        assert_eq!(read(nscd).unwrap().resolvers, ["/nscd"]);
    }
}
