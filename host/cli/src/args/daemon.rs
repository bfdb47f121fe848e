//! Arguments of `resolvetd`, and of what speaks to it.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser};

use super::{Journey, socket_address};

/// A DNS stub on loopback that answers over vetted encrypted servers, and over nothing else.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "resolvetd",
    version,
    about,
    long_about = "A DNS stub on loopback that answers over vetted encrypted servers, and over nothing else.\n\n\
                  It discovers, authenticates and judges as `resolvet` does, and goes on: verdicts end, networks change, \
                  policies are swapped while it runs. Without a vetted server it answers SERVFAIL and says why (RFC 8914).",
    after_long_help = "SIGNALS\n  \
        SIGHUP            reload configuration and policies\n  \
        SIGTERM, SIGINT   answer what is under way, and end\n\n\
        EXIT CODES\n  \
        0  ended by a signal\n  \
        1  failed: the network, a file or the system\n  \
        2  wrong usage: arguments, configuration or settings must change\n\n\
        EXAMPLES\n  \
        resolvetd example.net\n  \
        resolvetd --config /etc/resolvet/resolvet.toml\n  \
        resolvet status\n  \
        resolvet policy reload",
    max_term_width = 100
)]
pub(crate) struct DaemonArguments {
    /// The domain whose servers are asked. Default: `daemon.domain`, else that of the enrolment.
    pub(crate) domain: Option<String>,
    /// Address of loopback to listen at, for UDP and TCP; may be given more than once. Default: `daemon.listen`, else
    /// 127.0.0.1 and ::1, port 53, as far as the machine has them.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = socket_address)]
    pub(crate) listen: Vec<SocketAddr>,
    #[command(flatten)]
    pub(crate) control: Control,
    /// Folder in which the last complete policy set is kept. Default: `daemon.state`, else $STATE_DIRECTORY, else
    /// `resolvet` in the user's state folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) journey: Journey,
}

/// Where the daemon is spoken to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Control {
    /// The daemon's control socket. Default of the daemon: /run/resolvet/control.sock for root, else
    /// `resolvet/control.sock` in the user's runtime folder; of other commands: that of the user's own daemon where there is
    /// one, else /run/resolvet/control.sock.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
}

/// What is lifted, why, and for how long.
#[derive(Debug, Args)]
pub(crate) struct BreakGlass {
    /// A restriction, by its policy's name; may be given more than once. Default: all that bind.
    #[arg(long, value_name = "NAME", conflicts_with = "end")]
    pub(crate) policy: Vec<String>,
    /// Why, for the log, the status and the records of decisions.
    #[arg(
        long,
        value_name = "TEXT",
        required_unless_present = "end",
        conflicts_with = "end"
    )]
    pub(crate) reason: Option<String>,
    /// For how long: `90s`, `30m`, `2h`. At most what the configuration allows, an hour by default.
    #[arg(long = "for", value_name = "DURATION", value_parser = seconds,
          required_unless_present = "end", conflicts_with = "end")]
    pub(crate) seconds: Option<u64>,
    /// End it now.
    #[arg(long)]
    pub(crate) end: bool,
    #[command(flatten)]
    pub(crate) control: Control,
}

fn seconds(text: &str) -> Result<u64, String> {
    let expected = || "expected a number and `s`, `m` or `h`, such as `30m`".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        _ => return Err(expected()),
    };
    let number = text.get(..text.len().saturating_sub(1));
    let number = number.and_then(|number| number.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(unit));
    seconds.filter(|&seconds| seconds > 0).ok_or_else(expected)
}
