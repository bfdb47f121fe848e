//! The lab as a running program: `resolvet-lab [DOMAIN[=FAULT]]... [--est]`.
//!
//! Writes one line of JSON to standard output, which says where everything is, and serves until standard input ends.
//! Without a domain there is one site, `example.net`, without fault. With `--est` an EST server conveys the certificates of
//! the first site's DNS servers; `--est=FAULT` lets it fail.

use std::io::{self, Write as _};

use anyhow::Result;
use resolvet_tests::lab::est::{EstFault, EstOptions};
use resolvet_tests::lab::{Lab, Options};

fn main() -> Result<()> {
    let mut options = Options::new();
    let mut domain = None;
    let mut est = None;
    for argument in std::env::args().skip(1) {
        if let Some(rest) = argument.strip_prefix("--est") {
            let fault = rest.strip_prefix('=').map(str::parse::<EstFault>);
            est = Some(fault.transpose()?);
            continue;
        }
        let first = argument.split('=').next().unwrap_or_default();
        domain.get_or_insert_with(|| first.to_owned());
        options = match argument.split_once('=') {
            Some((domain, fault)) => options.faulty_site(domain, fault.parse()?),
            None => options.site(&argument),
        };
    }
    if est.is_some() {
        let domain = domain.as_deref().unwrap_or("example.net");
        options = options.est(EstOptions::new(domain));
    }
    let lab = Lab::start(options)?;
    if let Some(Some(fault)) = est {
        lab.est().fail(fault);
    }
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
