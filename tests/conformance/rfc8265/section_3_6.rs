//! Examples of userparts.

use resolvet::enrolment::{PrepareError, UserError, prepared};

fn name(name: &str) -> Result<String, PrepareError> {
    let user = prepared(name, b"password".to_vec().into())?;
    Ok(user.name().to_owned())
}

/// Table 1, with the case kept.
#[test]
fn legal_userparts() {
    for legal in [
        "juliet@example.com",
        "fussball",
        "fußball",
        "π",
        "Σ",
        "σ",
        "ς",
    ] {
        assert_eq!(name(legal).as_deref(), Ok(legal));
    }
}

/// Table 2.
#[test]
fn strings_that_violate_the_rules() {
    for wrong in ["foo bar", "henryⅣ", "∞"] {
        assert!(matches!(name(wrong), Err(PrepareError::Name(_))), "{wrong}");
    }
    let empty = UserError::Empty { what: "user name" };
    assert_eq!(name(""), Err(empty.into()));
}

/// 3.4.3: full width becomes half width, and decomposed letters are composed.
#[test]
fn one_name_has_one_form() {
    assert_eq!(name("ａｌｉｃｅ").as_deref(), Ok("alice"));
    assert_eq!(name("Rene\u{301}e").as_deref(), Ok("Renée"));
    assert!(matches!(name("\u{5d0}a"), Err(PrepareError::Name(_))));
}
