//! What a clinic may answer. Between being asked and answering, a request came to pass at some moment that nobody knows; so of everything there is what is
//! certainly so all the time, and what may be so for a moment. A success must contradict nothing that is certain, a refusal must be explained by something
//! that is possible.

use std::{collections::HashMap, fmt};

use jiff::{SignedDuration, Timestamp};
use proto::booking::v1 as pb;

/// Minutes since 1970.
pub(super) struct Minutes;

impl Minutes {
    pub(super) fn of(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second() / 60
    }
}

/// A stretch of somebody's time that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) provider: Option<String>,
    pub(super) start: i64,
    pub(super) length: i64,
    pub(super) buffered: bool,
}

impl Span {
    fn block(&self) -> (i64, i64) {
        let (before, after) = if self.buffered { (5, 10) } else { (0, 0) };
        (self.start - before, self.start + self.length + after)
    }

    fn visit(&self) -> (i64, i64) {
        (self.start, self.start + self.length)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Asked {
    Book(Span),
    Hold(Span),
    Confirm(String),
    Release(String),
    Move(String, Span),
    Cancel(String),
    Away(Span),
    Back(String),
    TurnClock,
}

/// Where an appointment or a hold is, as it was answered.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) id: String,
    provider: String,
    start: i64,
    end: i64,
    buffered: bool,
    held: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Placed(Placed),
    Absent(String),
    Done,
    Refused(String),
}

impl Answer {
    pub(super) fn placed(appointment: &pb::Appointment) -> Self {
        Self::Placed(Placed {
            id: appointment.id.clone(),
            provider: appointment.provider_id.clone(),
            start: appointment.start_time.unwrap().seconds / 60,
            end: appointment.end_time.unwrap().seconds / 60,
            buffered: !appointment.service_id.is_empty(),
            held: appointment.state() == pb::AppointmentState::Held,
        })
    }
}

/// A request and its answer, with the steps and the service's times between which it came to pass.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) caller: u64,
    pub(super) asked: Asked,
    pub(super) answer: Answer,
    pub(super) steps: (u64, u64),
    pub(super) clock: (Timestamp, Timestamp),
}

/// Something that keeps a provider's time, from one event to another.
#[derive(Clone, Debug)]
struct Claim {
    /// Who made it.
    caller: u64,
    /// Of an appointment; `None`: of an absence.
    id: Option<String>,
    provider: String,
    block: (i64, i64),
    began: (u64, u64),
    /// Since when it is certainly over, and since when it may be.
    ended: (u64, u64),
    /// When a hold may run out, and when it certainly has.
    runs_out: Option<(Timestamp, Timestamp)>,
}

const NEVER: (u64, u64) = (u64::MAX, u64::MAX);

/// When a hold that came about then may run out, and when it certainly has: five minutes from a moment between asking and answering; prolonged, fifteen.
fn hold_ends(event: &Event) -> (Timestamp, Timestamp) {
    let (minute, (before, after)) = (SignedDuration::from_mins, event.clock);
    (before + minute(5), after + minute(15))
}

impl Claim {
    fn meets(&self, (from, to): (i64, i64)) -> bool {
        self.block.0 < to && from < self.block.1
    }

    /// All the time while the event may have come to pass.
    fn is_certain(&self, event: &Event) -> bool {
        self.began.1 < event.steps.0
            && self.ended.0 > event.steps.1
            && self.runs_out.is_none_or(|(earliest, _)| event.clock.1 < earliest)
    }

    /// At some moment of it.
    fn is_possible(&self, event: &Event) -> bool {
        self.began.0 < event.steps.1
            && self.ended.1 > event.steps.0
            && self.runs_out.is_none_or(|(_, latest)| event.clock.0 < latest)
    }
}

/// All that happened, and what follows from it.
pub(super) struct History {
    events: Vec<Event>,
    claims: Vec<Claim>,
    /// The open claim of each appointment and absence.
    open: HashMap<String, usize>,
    /// Where each appointment is, and in which state, as was last acknowledged.
    last: HashMap<String, (Placed, &'static str)>,
    providers: Vec<String>,
}

impl History {
    pub(super) fn of(mut events: Vec<Event>) -> Self {
        // Each thing belongs to one caller, whose requests come one after another: in the order of their answers they are in order.
        events.sort_by_key(|event| event.steps.1);
        let mut history = Self {
            events: Vec::new(),
            claims: Vec::new(),
            open: HashMap::new(),
            last: HashMap::new(),
            providers: Vec::new(),
        };
        for event in &events {
            history.note(event);
        }
        history.providers = history.claims.iter().map(|claim| claim.provider.clone()).collect();
        history.providers.sort();
        history.providers.dedup();
        for event in &events {
            history.untold(event);
        }
        history.events = events;
        history
    }

    fn note(&mut self, event: &Event) {
        match (&event.asked, &event.answer) {
            (_, Answer::Placed(placed)) => self.placed(event, placed),
            (Asked::Cancel(id), Answer::Done) => self.over(event, id, "cancelled"),
            (Asked::Release(id), Answer::Done) => self.over(event, id, "released"),
            (Asked::Back(id), Answer::Done) => self.end(event, id),
            (Asked::Away(span), Answer::Absent(id)) => {
                self.begin(
                    id,
                    Claim {
                        caller: event.caller,
                        id: None,
                        provider: span.provider.clone().unwrap(),
                        block: span.visit(),
                        began: event.steps,
                        ended: NEVER,
                        runs_out: None,
                    },
                );
            }
            _ => {}
        }
    }

    fn placed(&mut self, event: &Event, placed: &Placed) {
        let Placed { id, provider, start, end, buffered, held } = placed.clone();
        let state = if held { "held" } else { "booked" };
        let before = self.last.insert(id.clone(), (placed.clone(), state));
        // The same again changes nothing.
        let is_new = before.as_ref().is_none_or(|(old, was)| {
            *was != state
                || (&old.provider, old.start, old.end, old.buffered) != (&provider, start, end, buffered)
        });
        if !is_new {
            return;
        }
        self.end(event, &id);
        let block = Span { provider: None, start, length: end - start, buffered }.block();
        let runs_out = held.then(|| hold_ends(event));
        let (caller, began, known) = (event.caller, event.steps, id.clone());
        self.begin(&known, Claim { caller, id: Some(id), provider, block, began, ended: NEVER, runs_out });
    }

    /// A hold that ran out before its caller could be told kept its slot until then, with whomever it was.
    fn untold(&mut self, event: &Event) {
        let (Asked::Hold(span), Answer::Refused(reason)) = (&event.asked, &event.answer) else { return };
        if reason != "HOLD_EXPIRED" {
            return;
        }
        for provider in
            self.providers.iter().filter(|id| span.provider.as_ref().is_none_or(|asked| asked == *id))
        {
            self.claims.push(Claim {
                caller: event.caller,
                id: Some(String::new()),
                provider: provider.clone(),
                block: span.block(),
                began: event.steps,
                ended: event.steps,
                runs_out: Some(hold_ends(event)),
            });
        }
    }

    fn begin(&mut self, id: &str, claim: Claim) {
        self.open.insert(id.to_owned(), self.claims.len());
        self.claims.push(claim);
    }

    fn end(&mut self, event: &Event, id: &str) {
        if let Some(place) = self.open.remove(id) {
            self.claims[place].ended = event.steps;
        }
    }

    fn over(&mut self, event: &Event, id: &str, state: &'static str) {
        self.end(event, id);
        if let Some((_, last)) = self.last.get_mut(id) {
            *last = state;
        }
    }

    /// Fails with the first answer that the model cannot explain.
    pub(super) fn explain(&self) {
        let by_provider: HashMap<&str, Vec<&Claim>> = self
            .providers
            .iter()
            .map(|provider| {
                (provider.as_str(), self.claims.iter().filter(|claim| claim.provider == *provider).collect())
            })
            .collect();
        for event in &self.events {
            let problem = match (&event.asked, &event.answer) {
                (_, Answer::Refused(reason))
                    if ["INTERNAL", "UNAVAILABLE", ""].contains(&reason.as_str()) =>
                {
                    Some("failed")
                }
                // Others were in the way for too long, and nothing was done.
                (_, Answer::Refused(reason)) if reason == "BUSY" => None,
                (_, Answer::Placed(placed)) => {
                    Self::contradicted(event, placed, &by_provider[placed.provider.as_str()])
                }
                (Asked::Book(span) | Asked::Hold(span) | Asked::Move(_, span), Answer::Refused(reason)) => {
                    self.unexplained(event, span, reason, &by_provider)
                }
                (Asked::Confirm(id), Answer::Refused(reason)) => {
                    let hold = self.claims.iter().find(|claim| claim.id.as_ref() == Some(id));
                    let may_be_over = hold
                        .and_then(|hold| hold.runs_out)
                        .is_some_and(|(earliest, _)| event.clock.1 >= earliest);
                    (reason != "HOLD_EXPIRED" || !may_be_over).then_some("not explained")
                }
                (
                    Asked::Release(_) | Asked::Cancel(_) | Asked::Away(_) | Asked::Back(_),
                    Answer::Refused(_),
                ) => Some("never refused"),
                _ => None,
            };
            assert!(problem.is_none(), "{}: {event:#?}", problem.unwrap_or_default());
        }
    }

    /// Whether somebody else certainly had the time.
    fn contradicted(event: &Event, placed: &Placed, claims: &[&Claim]) -> Option<&'static str> {
        let of_it = |claim: &&&Claim| claim.id.as_ref() == Some(&placed.id) && claim.began.1 < event.steps.1;
        let promised = claims.iter().filter(of_it).any(|claim| claim.meets((placed.start, placed.end)));
        let span = Span {
            provider: None,
            start: placed.start,
            length: placed.end - placed.start,
            buffered: placed.buffered,
        };
        let is_against = |claim: &&&Claim| match &claim.id {
            Some(id) => *id != placed.id && claim.meets(span.block()),
            // What was held before is booked, whoever is away by now.
            None => !promised && claim.meets(span.visit()),
        };
        claims.iter().filter(is_against).any(|claim| claim.is_certain(event)).then_some("contradicted")
    }

    /// Whether nothing that is possible explains the refusal.
    fn unexplained(
        &self,
        event: &Event,
        span: &Span,
        reason: &str,
        by_provider: &HashMap<&str, Vec<&Claim>>,
    ) -> Option<&'static str> {
        let own = if let Asked::Move(id, _) = &event.asked { Some(id) } else { None };
        if reason == "TOO_MANY_HOLDS" {
            let holds = self.events.iter().filter(|other| other.caller == event.caller);
            let held = holds.filter(|other| matches!(&other.answer, Answer::Placed(placed) if placed.held && other.steps.0 < event.steps.0));
            return (held.count() < 3).then_some("not explained");
        }
        if reason == "HOLD_EXPIRED" {
            // The call held it already, or from now on, and it ran out before it could be told.
            let ran_out = |claim: &Claim| {
                claim.caller == event.caller
                    && claim.meets(span.visit())
                    && claim.runs_out.is_some_and(|(earliest, _)| event.clock.1 >= earliest)
            };
            return (!self.claims.iter().any(ran_out)).then_some("not explained");
        }
        let asked: Vec<&str> = match &span.provider {
            Some(provider) => vec![provider],
            None => self.providers.iter().map(String::as_str).collect(),
        };
        // What a move does not say stays, and with it the time around the visit.
        let span = &Span { buffered: span.buffered || own.is_some(), ..span.clone() };
        let taken = |provider: &&str| {
            by_provider[*provider].iter().any(|claim| {
                claim.id.is_some()
                    && claim.id.as_ref() != own
                    && claim.meets(span.block())
                    && claim.is_possible(event)
            })
        };
        let away = |provider: &&str| {
            by_provider[*provider]
                .iter()
                .any(|claim| claim.id.is_none() && claim.meets(span.visit()) && claim.is_possible(event))
        };
        // Without a provider, a move stays with the one it has, whoever that is.
        let any_of_a_move = span.provider.is_none() && own.is_some();
        let all = |explained: &dyn Fn(&&str) -> bool| {
            if any_of_a_move { asked.iter().any(explained) } else { asked.iter().all(explained) }
        };
        let explained = match reason {
            "SLOT_TAKEN" => asked.iter().any(taken) && all(&|provider| taken(provider) || away(provider)),
            "PROVIDER_AWAY" => all(&away),
            _ => false,
        };
        (!explained).then_some("not explained")
    }

    /// Fails when the database has something else than was acknowledged.
    pub(super) fn compare(&self, rows: &[(String, String, String, i64)]) {
        // A hold that ran out before its caller could be told is nothing that was acknowledged, and keeps nobody from anything.
        let untold = self.events.iter().filter(|event| {
            matches!((&event.asked, &event.answer), (Asked::Hold(_), Answer::Refused(reason)) if reason == "HOLD_EXPIRED")
        });
        let unknown: Vec<_> = rows.iter().filter(|(id, ..)| !self.last.contains_key(id)).collect();
        assert!(
            unknown.iter().all(|(_, _, state, _)| ["held", "expired", "released"].contains(&state.as_str()))
        );
        assert!(unknown.len() <= untold.count(), "appointments that nobody was told of");
        assert_eq!(rows.len() - unknown.len(), self.last.len(), "appointments that are gone");
        for (id, provider, state, start) in rows {
            let Some((placed, last)) = self.last.get(id) else { continue };
            let may_be = match *last {
                // It may have run out, and somebody may have needed its slot.
                "held" => ["held", "expired"].contains(&state.as_str()),
                // What ran out before stays as it is: nobody has needed its slot.
                "released" => ["released", "expired", "held"].contains(&state.as_str()),
                last => state == last,
            };
            assert!(
                may_be && *provider == placed.provider && *start == placed.start,
                "{id} is {state}, and was {last}: {placed:?}"
            );
        }
    }
}

impl fmt::Display for History {
    /// How often each request was answered how.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for event in &self.events {
            let asked = format!("{:?}", event.asked);
            let asked = asked.split(['(', ' ', '{']).next().unwrap_or_default().to_owned();
            let answer = match &event.answer {
                Answer::Refused(reason) => reason.clone(),
                Answer::Placed(_) | Answer::Absent(_) | Answer::Done => "OK".to_owned(),
            };
            *counts.entry(format!("{asked} {answer}")).or_default() += 1;
        }
        for (what, count) in counts {
            writeln!(f, "{count:>7}  {what}")?;
        }
        Ok(())
    }
}
