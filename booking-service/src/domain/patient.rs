//! Who comes.

use jiff::{Timestamp, civil};
use unicode_normalization::UnicodeNormalization as _;

use super::{
    ids::PatientId,
    text::{Name, is_invisible},
};

/// What a request says of the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientDetails {
    /// As it was said.
    pub name: Name,
    /// Finds the patient again, together with the name.
    pub phone: Option<Phone>,
    /// Finds the patient again where there is no number.
    pub email: Option<Email>,
}

impl PatientDetails {
    /// The same, with the number in international form.
    #[must_use]
    pub fn in_country(&self, country: Option<&str>) -> Self {
        Self { phone: self.phone.as_ref().map(|phone| phone.in_country(country)), ..self.clone() }
    }
}

/// A patient as the organisation knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// The patient's id.
    pub id: PatientId,
    /// As it was first given.
    pub name: String,
    /// As normalised.
    pub phone: Option<String>,
    /// In lower case.
    pub email: Option<String>,
}

/// What is kept of a patient; all of it is given when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientRecord {
    /// Who.
    pub details: PatientDetails,
    /// When they were born.
    pub birth_date: Option<civil::Date>,
}

/// A patient as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPatient {
    /// The patient.
    pub patient: Patient,
    /// When they were born.
    pub birth_date: Option<civil::Date>,
    /// Rises with each change.
    pub version: i64,
    /// When they first came.
    pub created_at: Timestamp,
    /// Since when they are found no more.
    pub archived_at: Option<Timestamp>,
}

/// A telephone number without separators: 7 to 15 digits (ITU-T E.164), with a leading + where the country code was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone(String);

/// Reads the world's rules of telephone numbers, which takes a moment the first time: best before somebody waits for it.
pub fn learn_numbers() {
    let _ = Phone("+12125550142".to_owned()).in_country(None);
}

impl Phone {
    /// Drops the separators that people write. Anything else than digits is refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/'))
            .collect();
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        if (7..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit()) {
            Ok(Self(bare))
        } else {
            Err("is not a telephone number of 7 to 15 digits".to_owned())
        }
    }

    /// In international form (ITU-T E.164), as somebody in this country means it; what is no number there stays as it is.
    #[must_use]
    pub fn in_country(&self, country: Option<&str>) -> Self {
        let country = country.and_then(|country| country.parse().ok());
        let number = phonenumber::parse(country, &self.0).ok().filter(phonenumber::is_valid);
        number.map_or_else(
            || self.clone(),
            |number| Self(number.format().mode(phonenumber::Mode::E164).to_string()),
        )
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Refuses what cannot be an address. Only a message that arrives would prove more.
    pub fn parse(text: &str) -> Result<Self, String> {
        // One address, however the keyboard composed its accents.
        let address: String = text.trim().to_lowercase().nfc().collect();
        let plausible = address
            .split_once('@')
            .is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty() && !domain.contains('@'));
        let printable = address.chars().all(|c| !c.is_whitespace() && !is_invisible(c));
        if plausible && printable && address.chars().count() <= 254 {
            Ok(Self(address))
        } else {
            Err("is not an e-mail address".to_owned())
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        assert_eq!(Phone::parse("+1 (212) 555-0142"), Phone::parse("+12125550142"));
        assert_eq!(Phone::parse("212.555.0142").unwrap().as_str(), "2125550142");
    }

    #[test]
    fn a_number_without_a_country_code_is_of_the_clinics_country() {
        let of = |text: &str, country| Phone::parse(text).unwrap().in_country(country).as_str().to_owned();
        assert_eq!(of("(718) 555-0199", Some("US")), "+17185550199");
        assert_eq!(of("030 901820", Some("DE")), "+4930901820");
        assert_eq!(of("+17185550199", Some("DE")), "+17185550199");
        // Nobody knows, or it is none.
        assert_eq!(of("7185550199", None), "7185550199");
        assert_eq!(of("1234567", Some("US")), "1234567");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "anonymous", "123456", "1234567890123456", "+", "++12125550142", "٢١٢٥٥٥٠١٤٢"]
        {
            assert!(Phone::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(Email::parse(" Dana@Example.COM ").unwrap().as_str(), "dana@example.com");
        for text in
            ["", "dana", "@x", "dana@", "a@b@c", "da na@x.y", "a@b\u{0}", "a\u{200b}@b.c", "\u{202e}a@b.c"]
        {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }
}
