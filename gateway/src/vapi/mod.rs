//! The voice platform's messages: reading them in any of their shapes, and writing the answers that it takes.

pub(crate) mod answer;
pub(crate) mod arguments;
pub(crate) mod conversation;
pub(crate) mod message;
pub(crate) mod raw;
pub(crate) mod tool_calls;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fuzz;
