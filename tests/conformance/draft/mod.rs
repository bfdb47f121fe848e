//! draft-reddy-dprive-bootstrap-dns-server-04.

mod discovery;
