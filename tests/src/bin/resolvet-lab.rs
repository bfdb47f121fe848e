//! The lab as a running program: `resolvet-lab --help` tells how it is asked.
//!
//! Writes one line of JSON to standard output, which says where everything is, and serves until standard input ends.
//! Without a domain there is one site, `example.net`, without fault. With `--est` an EST server conveys the certificates of
//! the first site's DNS servers; `--est=FAULT` lets it fail. With `--brski` a registrar does the same, and there is a
//! manufacturer with its MASA and a device. The words `est`, `registrar`, `masa`, `dns` and `all` say the same shorter.

use std::io::{self, Write as _};

use anyhow::{Result, bail};
use resolvet_tests::lab::est::{EstFault, EstOptions};
use resolvet_tests::lab::masa::MasaOptions;
use resolvet_tests::lab::{Lab, Options};

const HELP: &str = "\
A network to try things in: resolver, DNS over TLS servers, and what enrols devices, on free ports of loopback.

Usage: resolvet-lab [est|registrar|masa|dns|all]... [DOMAIN[=FAULT]]...

  dns          The resolver and the DNS over TLS servers, which are always there
  est          An EST server too, which conveys their certificates; --est=FAULT lets it fail
  registrar    A registrar, a manufacturer with its MASA, and a device; masa says the same
  all          Everything
  DOMAIN       A site; without one there is `example.net`. With =FAULT its server's certificate has a fault

A FAULT that there is not is told with those that there are. One line of JSON says where everything is; the lab ends with its
standard input.
";

/// What was asked for.
#[derive(Default)]
struct Wanted {
    options: Options,
    domain: Option<String>,
    est: bool,
    fault: Option<EstFault>,
    brski: bool,
}

impl Wanted {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut wanted = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--est" | "est" => wanted.est = true,
                "--brski" | "registrar" | "masa" => wanted.brski = true,
                "all" => (wanted.est, wanted.brski) = (true, true),
                // The resolver and the DNS over TLS servers are always there.
                "dns" => {}
                option if option.starts_with('-') && !option.starts_with("--est=") => {
                    bail!("there is no option `{option}`; --help tells what there is")
                }
                site => match site.strip_prefix("--est=") {
                    Some(fault) => (wanted.est, wanted.fault) = (true, Some(fault.parse()?)),
                    None => wanted.add(site)?,
                },
            }
        }
        Ok(wanted)
    }

    fn add(&mut self, site: &str) -> Result<()> {
        let options = std::mem::take(&mut self.options);
        let (domain, options) = match site.split_once('=') {
            Some((domain, fault)) => (domain, options.faulty_site(domain, fault.parse()?)),
            None => (site, options.site(site)),
        };
        self.options = options;
        self.domain.get_or_insert_with(|| domain.to_owned());
        Ok(())
    }

    fn start(self) -> Result<Lab> {
        let domain = self.domain.as_deref().unwrap_or("example.net");
        let mut options = self.options;
        if self.est {
            options = options.est(EstOptions::new(domain));
        }
        if self.brski {
            options = options.brski(EstOptions::new(domain), MasaOptions::default());
        }
        let lab = Lab::start(options)?;
        if let Some(fault) = self.fault {
            lab.est().fail(fault);
        }
        Ok(lab)
    }
}

fn main() -> Result<()> {
    let is_help = |argument: String| matches!(argument.as_str(), "-h" | "--help");
    if std::env::args().any(is_help) {
        io::stdout().write_all(HELP.as_bytes())?;
        return Ok(());
    }
    let lab = Wanted::read(std::env::args().skip(1))?.start()?;
    let folder = tempfile::tempdir()?;
    let mut line = serde_json::to_vec(&lab.write_files(folder.path())?)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()?;
    drop(output);
    // Whoever started the lab holds the other end; when it is gone, so are its servers and files.
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
