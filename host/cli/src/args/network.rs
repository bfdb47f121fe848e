//! Arguments of `resolvet network`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Trust a network to enrol this device in. Nothing is bootstrapped in any other.
    ///
    /// The network is recognised by NetworkManager's connection that is active now, or by the server that authenticated it
    /// by 802.1X, as wpa_supplicant says; where there is neither, by your word alone. An SSID, or a domain that DHCP
    /// gave, is never enough: anybody can use either.
    Trust(Trust),
    /// Show the networks that are trusted, and whether this device is attached to one of them.
    List {
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
    },
    /// Stop trusting a network. Its enrolment stays: `resolvet trust remove` removes that.
    Forget {
        /// The network.
        network: String,
        /// Folder of enrolments.
        #[arg(long, value_name = "FOLDER")]
        store: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// What to call the network: its domain, or a word with --domain.
    pub(crate) network: String,
    /// The domain that the network may enrol this device for. Default: the network's name, where that is a domain; else any.
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
    /// The interface that leads to the network. Default: the one of the default route.
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// Recognise the network by your word alone: whenever you name it, this device counts as attached to it.
    #[arg(long, conflicts_with = "interface")]
    pub(crate) by_name: bool,
    /// Folder of enrolments. Default: `resolvet/networks` in the user's data folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) store: Option<PathBuf>,
}
