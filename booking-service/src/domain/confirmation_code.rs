//! Short codes that are said over the telephone: the one that proves an appointment to be the patient's, and the one that names an offer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use rand::{RngExt as _, rng};

/// Nothing that sounds or looks alike over a telephone line.
const ALPHABET: &[u8; 19] = b"23456789CFHJKMNRWXY";

const LENGTH: usize = 6;
const OFFER_LENGTH: usize = 4;

/// Four characters: what an offer is called during one call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct OfferCode(String);

impl OfferCode {
    /// A new code.
    pub fn generate() -> Self {
        Self(random(OFFER_LENGTH))
    }

    /// Reads a code as people say and write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        read(text, OFFER_LENGTH)
            .map(Self)
            .ok_or_else(|| "is not an offer: four characters, digits and letters".to_owned())
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn random(length: usize) -> String {
    let mut rng = rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// In any case, with spaces and dashes.
fn read(text: &str, length: usize) -> Option<String> {
    let bare = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let code: String = bare.map(|c| c.to_ascii_uppercase()).collect();
    (code.len() == length && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

/// Six characters, unique within the organisation.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct ConfirmationCode(String);

/// Where codes come from.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    planned: Arc<Mutex<VecDeque<ConfirmationCode>>>,
}

impl Codes {
    /// A code that nobody can foretell, unless a test has planned it.
    pub fn generate(&self) -> ConfirmationCode {
        // A queue is whole whoever panicked while holding it.
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.pop_front().unwrap_or_else(ConfirmationCode::random)
    }

    /// Makes this the next code, for tests.
    pub fn plan(&self, code: ConfirmationCode) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push_back(code);
    }
}

impl ConfirmationCode {
    /// A new code, from the system's secure generator: who could guess it could cancel the appointment.
    fn random() -> Self {
        Self(random(LENGTH))
    }

    /// Reads a code as people say and write it: any case, with spaces and dashes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || "is not a confirmation code: six characters, digits and letters".to_owned();
        read(text, LENGTH).map(Self).ok_or_else(problem)
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_say_it() {
        let code = Codes::default().generate();
        let said = code.as_str().to_lowercase().chars().map(String::from).collect::<Vec<_>>().join(" ");
        assert_eq!(ConfirmationCode::parse(&said), Ok(code));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "23456", "2345678", "AAAAAA", "23456é", "000000"] {
            assert!(ConfirmationCode::parse(text).is_err(), "{text}");
        }
    }
}
