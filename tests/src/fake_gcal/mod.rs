//! A stand-in for Google Calendar v3 and its token endpoint, over real HTTP and with real state.
//!
//! What it does is what Google documents, or what was seen of it where it documents nothing: ids stay taken after a deletion, etags change with each
//! change, `If-Match` is honoured, sync tokens end. Requests are held against Google's own discovery document where that is at hand. Google's
//! Python client is its other user (`tests/peers/`): what that one would not believe is not to be found here. No series of events, no push.

mod clients;
mod discovery;
mod events;
mod faults;
mod list;
mod oauth;
mod page;
mod server;
mod state;

pub use self::{
    clients::{Key, WELL_KNOWN_CLIENT},
    discovery::Discovery,
    faults::{Fault, Hold, Mishap, Op},
    server::FakeGcal,
    state::{Asked, Event},
};
