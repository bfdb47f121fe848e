//! draft-reddy-dprive-bootstrap-dns-server-04.

mod associated_templates;
mod discovery;
