//! The lab as a running program: `resolvet-lab [DOMAIN[=FAULT]]...`.
//!
//! Writes one line of JSON to standard output, which says where everything is, and serves until standard input ends.
//! Without arguments there is one site, `example.net`, without fault.

use std::io::{self, Write as _};

use anyhow::Result;
use resolvet_tests::lab::{Lab, Options};

fn main() -> Result<()> {
    let mut options = Options::new();
    for argument in std::env::args().skip(1) {
        options = match argument.split_once('=') {
            Some((domain, fault)) => options.faulty_site(domain, fault.parse()?),
            None => options.site(&argument),
        };
    }
    let lab = Lab::start(options)?;
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
