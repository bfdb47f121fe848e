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
        SIGHUP            load configuration and policies anew\n  \
        SIGTERM, SIGINT   answer what is under way, and end\n\n\
        EXIT CODES\n  \
        0  ended by a signal\n  \
        1  failed: the network, a file or the system\n  \
        2  used wrongly: arguments, configuration or settings must change\n\n\
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
    /// 127.0.0.1 and ::1, port 53.
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
    /// The daemon's control socket. Default: /run/resolvet/control.sock for root, else `resolvet/control.sock` in the
    /// user's runtime folder where there is one.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
}
