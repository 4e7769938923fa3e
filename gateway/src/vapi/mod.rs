//! The voice platform's messages: reading what it sends, writing what it understands.

pub(crate) mod answer;
pub(crate) mod envelope;
