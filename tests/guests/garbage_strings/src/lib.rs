//! Texts that are none, and texts that do things to terminals.

use resolvet_guest::prelude::*;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// `verdict`, `log`, `terminal`, `code`.
    r#where: String,
}

fn garbage() -> String {
    // SAFETY: it is none; that is what this guest is for. Nothing in it looks into the text.
    unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0x80, b'a']) }
}

fn validate(settings: &Settings) -> Verdict {
    let mut finding = Finding::error("a-code", "");
    match settings.r#where.as_str() {
        "verdict" => finding.message = garbage(),
        "log" => log::info(&garbage()),
        "code" => finding.code = "\u{1b}[2J".into(),
        _ => {
            finding.message = "\u{1b}[2J\u{1b}[1;31maccepted\r\n\u{202e}".into();
            log::info("\u{1b}]0;title\u{7}\nsecond line");
        }
    }
    let mut verdict = Verdict::abstain();
    verdict.findings.push(finding);
    verdict
}

resolvet_guest::export_validator!(Settings, validate);
