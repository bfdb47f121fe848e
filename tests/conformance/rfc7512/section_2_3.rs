//! What a URI may say, and what must not be passed over.

use resolvet::enrolment::{TokenUri, TokenUriError};

fn read(text: &str) -> Result<TokenUri, TokenUriError> {
    text.parse()
}

/// Section 3's examples of tokens and private keys, as far as they are used here.
#[test]
fn tokens_and_private_keys_are_read() {
    for text in [
        "pkcs11:",
        "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
         serial=0123456789;object=my-key;type=private;id=%69%95%3E%5C%F4%BD%EC%91?pin-source=file:/etc/token_pin",
        "pkcs11:slot-id=327?module-path=/usr/lib/pkcs11/p11.so",
        // The separators of one component are characters of the other's values.
        "pkcs11:token=a&b?pin-source=/run/a/b|c",
    ] {
        let uri = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read(&uri.to_string()), Ok(uri), "{text}");
    }
}

/// An attribute that is not understood could be the one that tells the token apart.
#[test]
fn nothing_is_passed_over() {
    for name in [
        "library-description",
        "library-version",
        "slot-description",
        "x-vend",
    ] {
        let error = read(&format!("pkcs11:token=a;{name}=1")).unwrap_err();
        let expected = TokenUriError::Unknown { name: name.into() };
        assert_eq!(error, expected);
    }
    let error = read("pkcs11:token=a;token=b").unwrap_err();
    assert_eq!(error, TokenUriError::Twice { name: "token" });
    for kind in ["public", "cert", "secret-key", "data"] {
        let error = read(&format!("pkcs11:object=a;type={kind}")).unwrap_err();
        assert!(matches!(error, TokenUriError::Value { name: "type", .. }));
    }
}

/// Sections 2.4 and 6: a PIN in a URI is there for everybody to read.
#[test]
fn a_pin_has_no_place_in_it() {
    for text in [
        "pkcs11:token=a?pin-value=1234",
        "pkcs11:token=a?pin-source=/etc/pin&pin-value=1234",
    ] {
        assert_eq!(read(text), Err(TokenUriError::PinValue), "{text}");
    }
    // A program that would be run for it.
    let error = read("pkcs11:?pin-source=|/usr/lib/pinomatic").unwrap_err();
    assert!(matches!(
        error,
        TokenUriError::Value {
            name: "pin-source",
            ..
        }
    ));
}
