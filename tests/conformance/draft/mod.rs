//! draft-reddy-dprive-bootstrap-dns-server-04, and what later drafts have instead of parts of it.

mod associated_templates;
mod discovery;
mod privacy_token;
