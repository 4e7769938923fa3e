//! What can go wrong on command.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::{Notify, Semaphore};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A token.
    Token,
    /// A new event.
    Insert,
    /// An event.
    Get,
    /// A change of an event.
    Patch,
    /// Another event under the same id.
    Update,
    /// No event.
    Delete,
    /// Events.
    List,
    /// When somebody is busy.
    FreeBusy,
}

/// How it goes wrong.
#[derive(Clone, Debug)]
pub enum Mishap {
    /// Refused with this status and word, and with `Retry-After`.
    Refused(u16, &'static str, Option<u64>),
    /// A page instead of an answer; nothing was done.
    Page(u16),
    /// The connection ends before anything was done.
    HangUpBefore,
    /// The connection ends after it was done.
    HangUpAfter,
    /// Done, and half of the answer.
    CutOff,
    /// Nothing is heard in time; it is done so much later.
    Late(Duration),
    /// Nothing is heard in time; it is done once it is let go.
    LateUntil(Hold),
    /// Waits before it is done.
    HeldBefore(Hold),
    /// Waits after it was done.
    HeldAfter(Hold),
    /// Access tokens are not believed any more, this one among them.
    TokensEnd,
}

impl Mishap {
    /// How long it takes until what was not heard of in time is done.
    pub(super) fn lateness(&self) -> Option<BoxFuture<'static, ()>> {
        if let Self::LateUntil(hold) = self {
            let hold = hold.clone();
            return Some(async move { hold.wait().await }.boxed());
        }
        if let Self::Late(delay) = self { Some(tokio::time::sleep(*delay).boxed()) } else { None }
    }
}

/// Holds requests until it is let go.
#[derive(Clone, Debug)]
pub struct Hold {
    here: Arc<Semaphore>,
    go: Arc<Notify>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { here: Arc::new(Semaphore::new(0)), go: Arc::default() }
    }
}

impl Hold {
    pub(super) async fn wait(&self) {
        let go = self.go.notified();
        self.here.add_permits(1);
        go.await;
    }

    /// Until a request is held.
    pub async fn arrived(&self) {
        self.here.acquire().await.expect("nobody closes it").forget();
    }

    /// Lets those go that are held.
    pub fn let_go(&self) {
        self.go.notify_waiters();
    }
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// With what; `None`: with anything but tokens.
    pub op: Option<Op>,
    /// How.
    pub mishap: Mishap,
    /// So many times.
    pub times: usize,
    /// One time in so many; 1: each time.
    pub one_in: u64,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) planned: Vec<Fault>,
    pub(super) latency: Duration,
    /// Connections are refused.
    pub(super) is_away: bool,
    dice: u64,
}

impl Faults {
    /// What goes wrong with this request.
    pub(super) fn strike(&mut self, op: Op) -> Option<Mishap> {
        let mut dice = self.dice;
        let struck = self.planned.iter_mut().find(|fault| {
            let is_meant = fault.op.map_or(op != Op::Token, |meant| meant == op) && fault.times > 0;
            if is_meant {
                // Knuth's multiplicative hash: the same in each run.
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            }
            is_meant && (dice >> 33).is_multiple_of(fault.one_in.max(1))
        });
        let mishap = struck.map(|fault| {
            fault.times -= 1;
            fault.mishap.clone()
        });
        self.dice = dice;
        mishap
    }
}
