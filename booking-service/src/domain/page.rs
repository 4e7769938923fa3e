//! Lists, a page at a time.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use uuid::Uuid;

/// How many things a page has when nobody says, and at most.
const USUAL: u16 = 50;
const MOST: i32 = 200;

/// How many things a page has: 1 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// 0 means the usual 50. What is out of range is refused.
    pub fn parse(size: i32) -> Result<Self, String> {
        match size {
            0 => Ok(Self(USUAL)),
            1..=MOST => Ok(Self(u16::try_from(size).unwrap_or(USUAL))),
            _ => Err(format!("must be from 1 to {MOST}, or 0 for {USUAL}")),
        }
    }

    /// One more than fits: whether it is there tells whether another page follows.
    pub fn and_one_more(self) -> i64 {
        i64::from(self.0) + 1
    }

    /// Cuts what was read with [`Self::and_one_more`] to one page; the last thing left is given when more follow.
    pub fn cut<T>(self, things: &mut Vec<T>) -> Option<&T> {
        let more = things.len() > usize::from(self.0);
        things.truncate(usize::from(self.0));
        things.last().filter(|_| more)
    }
}

/// A page, and where the next one begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The place of its last thing, where more follow.
    pub next: Option<Position>,
}

/// How many things a list shows, and after which, where it is asked for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// The last thing of the page before, by its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When it begins, in lists by time.
    pub at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

impl Position {
    /// An opaque token for the client.
    pub fn token(self) -> String {
        let mut bytes = self.at.as_microsecond().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.id.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token; an empty one is the beginning.
    pub fn parse(token: &str) -> Result<Option<Self>, String> {
        if token.is_empty() {
            return Ok(None);
        }
        let read = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
            let (at, id) = bytes.split_first_chunk::<8>()?;
            let at = Timestamp::from_microsecond(i64::from_be_bytes(*at)).ok()?;
            // Older than what Postgres can compare with: nobody was given such a token.
            let at = Some(at).filter(|at| at.as_second() > -62_135_596_800)?;
            Some(Self { at, id: Uuid::from_slice(id).ok()? })
        };
        read().map(Some).ok_or_else(|| "is not a page token of this list".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is() {
        let position = Position { at: Timestamp::from_microsecond(-7).unwrap(), id: Uuid::max() };
        assert_eq!(Position::parse(&position.token()), Ok(Some(position)));
        assert_eq!(Position::parse(""), Ok(None));
        for token in ["x", "AAAA", "////", &"A".repeat(1000)] {
            assert!(Position::parse(token).is_err(), "{token}");
        }
    }
}
