//! What somebody proves themselves with.

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

/// As NIST SP 800-63B-4 wants them where nothing else is asked for: long, of any characters, and never cut.
const SHORTEST: usize = 12;
const LONGEST: usize = 128;

/// A password, in one form however the keyboard composed its accents. Neither shown nor logged.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// A password to be had from now on.
    pub fn choose(text: &str, email: &str) -> Result<Self, String> {
        match text.chars().count() {
            0 => Err("is required".to_owned()),
            1..SHORTEST => Err(format!("is shorter than {SHORTEST} characters")),
            SHORTEST..=LONGEST if text.eq_ignore_ascii_case(email.trim()) => {
                Err("is the e-mail address".to_owned())
            }
            SHORTEST..=LONGEST => Ok(Self::normal(text)),
            _ => Err(format!("is longer than {LONGEST} characters")),
        }
    }

    /// A password that somebody says they have: wrong or right, but not without end.
    pub fn given(text: &str) -> Result<Self, String> {
        match text.chars().count() {
            0 => Err("is required".to_owned()),
            1..=LONGEST => Ok(Self::normal(text)),
            _ => Err(format!("is longer than {LONGEST} characters")),
        }
    }

    fn normal(text: &str) -> Self {
        Self(text.nfkc().collect::<String>().into())
    }

    /// The bytes to hash.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_address() {
        for wrong in ["", "short", "elevenchars", "DANA@example.com", &"x".repeat(129)] {
            assert!(Password::choose(wrong, "dana@example.com").is_err(), "{wrong}");
        }
        assert!(Password::choose("twelve chars", "dana@example.com").is_ok());
        assert!(Password::choose(&"é".repeat(128), "dana@example.com").is_ok());
    }

    #[test]
    fn accents_are_the_same_however_they_are_typed() {
        let (composed, combining) =
            (Password::given("caf\u{e9}").unwrap(), Password::given("cafe\u{301}").unwrap());
        assert_eq!(composed.expose(), combining.expose());
        assert!(!format!("{composed:?}").contains("caf"));
    }
}
