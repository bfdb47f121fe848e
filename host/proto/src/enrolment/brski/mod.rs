//! Bootstrapping Remote Secure Key Infrastructure (RFC 8995) and vouchers (RFC 8366): what a pledge sends and accepts, and
//! what a registrar and a MASA make, as far as tests need one.
//!
//! Signatures are verified by algorithms that the driver hands in ([`Algorithms`]), and made by nobody here: what is to be
//! signed goes out ([`ToSign`]) and the signature comes back.

mod issue;
mod path;
mod pin;
mod request;
mod signed;
mod telemetry;
mod verify;
mod voucher;

pub use issue::{
    ExaminationError, Examined, IssueError, examine_pledge_request, examine_registrar_request,
    registrar_request, voucher_content,
};
pub use path::PathError;
pub use pin::{PinError, PinMatch, check_pin};
pub use request::{
    IDevId, IDevIdError, VoucherRequest, VoucherRequestError, masa_endpoint, pledge_request,
};
pub use signed::{ContentKind, SignatureError, Signed, SigningTime, ToSign};
pub use telemetry::{TelemetryError, parse_status, status};
pub use verify::{Accepted, Expected, VoucherError, Waived, check_voucher};
pub use voucher::{Assertion, Voucher, VoucherFormError};

use rustls_pki_types::SignatureVerificationAlgorithm;

/// The algorithms that signatures are verified with. Only pairs of [`crate::certificate::algorithm::TABLE`] count, whatever
/// else is handed in.
pub type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// Where a voucher is asked for.
pub const REQUEST_VOUCHER: &str = "/.well-known/brski/requestvoucher";
/// Where a pledge says what it thinks of the voucher.
pub const VOUCHER_STATUS: &str = "/.well-known/brski/voucher_status";
/// Where a pledge says how enrolment went.
pub const ENROL_STATUS: &str = "/.well-known/brski/enrollstatus";
/// The media type of voucher requests and vouchers. The body is DER, not base64 (RFC 8995 section 6).
pub const VOUCHER_CMS: &str = "application/voucher-cms+json";

/// How large and how many.
pub mod limits {
    /// Octets of a voucher or a voucher request; a registrar's holds a pledge's within.
    pub const CMS_OCTETS: usize = 262_144;
    /// Octets of the JSON within.
    pub const JSON_OCTETS: usize = 196_608;
    /// Certificates within.
    pub const CERTIFICATES: usize = 16;
    /// Octets of a nonce in text; RFC 8366 has 8 to 32 octets.
    pub const NONCE_OCTETS: usize = 128;
    /// Random octets of a nonce.
    pub const NONCE: usize = 16;
    /// How far in the future a voucher may have been made, seconds: clocks differ.
    pub const SKEW_SECONDS: u64 = 300;
    /// Octets of a telemetry message.
    pub const STATUS_OCTETS: usize = 16_384;
}
