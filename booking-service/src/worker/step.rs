//! One appointment, brought into its calendar: what Google is asked for, and what its answers mean.
//!
//! Every way through is safe to walk twice. An insert has an id that is derived and noted before; a change says which event it changes; and what was
//! written by somebody who knew more than we do is left alone.

use super::{
    outcome::{Outcome, Trouble},
    turn::Turn,
};
use crate::{
    db::calendar_sync::steps::{Asked, Belongs, Task, Written},
    domain::{calendar::DeletedEvents, dead_letter::EVENT_DELETED, event::EventName},
    google::{
        events::{Look, Remote, Writing},
        failure::{Class, Failure},
    },
};

/// A change is begun anew so many times when somebody else was quicker.
const ROUNDS: usize = 5;

/// What is not there is looked for so many times, over about a minute, before that is believed.
const LOOKS: i32 = 3;

/// What a request costs at Google (<https://developers.google.com/workspace/calendar/api/guides/version-resources>).
const USUAL_COST: f32 = 1.0;
const PATCH_COST: f32 = 3.0;

/// Asks Google, when that may be, with a token that is good. A closure would not do: what it borrows is not `Send` enough for a task.
macro_rules! ask {
    ($step:ident, $cost:expr, |$google:ident, $way:ident| $question:expr) => {
        loop {
            let token = $step.turn.ready($cost).await?;
            let ($google, $way) = $step.turn.way(&token);
            let answer = $question.await;
            if let Some(answer) = $step.turn.heard(answer)? {
                break Ok(answer);
            }
        }
    };
}

/// Makes the calendar show what it should.
pub(super) async fn bring(turn: &mut Turn<'_>, task: &Task) -> Result<Outcome, Trouble> {
    let mut step = Step {
        id: id_of(turn.installation(), turn.lease.calendar, task),
        generation: task.generation,
        turn,
        task,
    };
    let outcome = if task.belongs == Belongs::Here { step.show().await } else { step.hide().await };
    match outcome {
        Err(trouble) if trouble.class() == Some(Class::Missing) => step.missing().await,
        outcome => outcome,
    }
}

/// The id under which Google knows the event, or will.
pub(super) fn id_of(
    installation: &str,
    calendar: crate::domain::ids::CalendarId,
    Task { appointment, generation, event_id, is_known, .. }: &Task,
) -> String {
    let name = EventName { installation, calendar, appointment: *appointment, generation: *generation };
    event_id.clone().filter(|_| *is_known).unwrap_or_else(|| name.id())
}

struct Step<'s, 't> {
    turn: &'s mut Turn<'t>,
    task: &'s Task,
    id: String,
    generation: i32,
}

impl<'t> Step<'_, 't> {
    async fn show(&mut self) -> Result<Outcome, Trouble> {
        let Task { etag, content_hash, event, .. } = self.task;
        match etag {
            None => self.make().await,
            Some(_) if content_hash.as_deref() == Some(&event.hash()) => Ok(Outcome::Unchanged),
            Some(_) if content_hash.is_none() => self.compare().await,
            Some(etag) => match self.patch(etag).await {
                Err(trouble) if trouble.is_about_what_is_there() => self.compare().await,
                changed => Ok(self.written(changed?)),
            },
        }
    }

    /// Makes the event, under the id that was noted.
    async fn make(&mut self) -> Result<Outcome, Trouble> {
        for _ in 0..ROUNDS {
            match self.insert().await {
                Err(trouble) if trouble.class() == Some(Class::Duplicate) => {}
                made => return Ok(self.written(made?)),
            }
            // It may be there because an answer was lost.
            match self.get().await {
                Ok(remote) if remote.is_cancelled && self.is_to_be_asked_for() => return Ok(deleted()),
                Ok(remote) if !remote.is_cancelled && self.is_ours(&remote) => {
                    return self.adjust(remote).await;
                }
                // Deleted, or somebody else's: the id is used up.
                Ok(_) => {}
                Err(trouble) if trouble.is_absence() => {}
                Err(trouble) => return Err(trouble),
            }
            self.next_generation().await?;
        }
        Ok(Outcome::Failed("NO_FREE_ID".to_owned()))
    }

    /// Looks at the event, and changes it if it does not show what it should.
    async fn compare(&mut self) -> Result<Outcome, Trouble> {
        match self.get().await {
            Ok(remote) => self.adjust(remote).await,
            // What is gone and not shown as deleted is as good as never made.
            Err(Trouble::Google(failure)) if failure.class == Class::Gone => {
                Err(Failure { class: Class::Missing, ..failure }.into())
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn adjust(&mut self, mut remote: Remote) -> Result<Outcome, Trouble> {
        for _ in 0..ROUNDS {
            if remote.is_cancelled && self.is_to_be_asked_for() {
                return Ok(deleted());
            }
            if remote.is_cancelled || !self.is_ours(&remote) {
                self.next_generation().await?;
                return Box::pin(self.make()).await;
            }
            if remote.version > Some(self.task.version) {
                self.turn.confirm().await?;
            }
            // What was asked for before may still come to pass, unless the event is another one by then: also where it shows the right thing.
            if remote.shows(&self.task.event, self.clears()) && self.task.asked.is_none() {
                return Ok(self.written(remote));
            }
            match self.patch(&remote.etag).await {
                Err(trouble) if trouble.class() == Some(Class::Changed) => remote = self.get().await?,
                changed => return Ok(self.written(changed?)),
            }
        }
        Err(always_changed())
    }

    async fn hide(&mut self) -> Result<Outcome, Trouble> {
        if !self.task.is_known {
            return Ok(Outcome::Removed);
        }
        let mut etag = self.task.etag.clone();
        for _ in 0..ROUNDS {
            let trouble = match self.delete(etag.as_deref()).await {
                Ok(()) => return Ok(Outcome::Removed),
                Err(trouble) => trouble,
            };
            if trouble.is_absence() {
                // Asked for, and never seen: an insert whose answer was lost may still come to pass.
                let may_come = trouble.class() == Some(Class::Missing) && self.task.etag.is_none();
                let waits = may_come && self.task.absences + 1 < LOOKS;
                return Ok(if waits { Outcome::NotThereYet } else { Outcome::Removed });
            }
            if !trouble.is_about_what_is_there() {
                return Err(trouble);
            }
            match self.get().await {
                Ok(remote) if remote.is_cancelled => return Ok(Outcome::Removed),
                // Somebody changed it; it goes all the same.
                Ok(remote) if trouble.class() == Some(Class::Changed) => {
                    if remote.version > Some(self.task.version) {
                        self.turn.confirm().await?;
                    }
                    etag = Some(remote.etag);
                }
                Ok(_) => return Err(trouble),
                Err(absence) if absence.is_absence() => return Ok(Outcome::Removed),
                Err(trouble) => return Err(trouble),
            }
        }
        Err(always_changed())
    }

    /// The event that should be there is not, or the calendar is not.
    async fn missing(&mut self) -> Result<Outcome, Trouble> {
        if self.task.absences + 1 < LOOKS {
            return Ok(Outcome::NotThereYet);
        }
        match self.look().await {
            Ok(look) if look.is_writable => {
                self.next_generation().await?;
                self.make().await
            }
            Ok(_) => Err(Trouble::NoCalendar),
            Err(trouble) if trouble.is_absence() => Err(Trouble::NoCalendar),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether a person decides about an event that a person deleted.
    fn is_to_be_asked_for(&self) -> bool {
        let was_us = self.task.asked == Some(Asked::Deletion) && self.generation == self.task.generation;
        self.task.deleted_events == DeletedEvents::Ask && !was_us
    }

    async fn next_generation(&mut self) -> Result<(), Trouble> {
        self.generation += 1;
        self.id = self.name(self.turn.installation()).id();
        self.turn.intend(self.task.appointment, self.generation, &self.id).await
    }

    fn name<'n>(&self, installation: &'n str) -> EventName<'n> {
        EventName {
            installation,
            calendar: self.turn.lease.calendar,
            appointment: self.task.appointment,
            generation: self.generation,
        }
    }

    fn is_ours(&self, remote: &Remote) -> bool {
        remote.installation.as_deref() == Some(self.turn.installation())
            && remote.appointment == Some(self.task.appointment.to_string())
    }

    /// Whether a description of ours has to go.
    fn clears(&self) -> bool {
        self.task.described && self.task.event.description.is_none()
    }

    fn written(&self, remote: Remote) -> Outcome {
        Outcome::Written(Written {
            event_id: self.id.clone(),
            generation: self.generation,
            etag: remote.etag,
            content_hash: self.task.event.hash(),
            described: self.task.event.description.is_some(),
        })
    }

    async fn insert(&mut self) -> Result<Remote, Trouble> {
        let installation: &'t str = self.turn.installation();
        let name = self.name(installation);
        let (id, event, version) = (&self.id, &self.task.event, self.task.version);
        let writing = Writing { id, name: &name, version, event, clear_description: false };
        ask!(self, USUAL_COST, |google, way| google.insert(way, writing))
    }

    async fn patch(&mut self, etag: &str) -> Result<Remote, Trouble> {
        let installation: &'t str = self.turn.installation();
        let (name, clear_description) = (self.name(installation), self.clears());
        let (id, event, version) = (&self.id, &self.task.event, self.task.version);
        let writing = Writing { id, name: &name, version, event, clear_description };
        ask!(self, PATCH_COST, |google, way| google.patch(way, writing, etag))
    }

    async fn get(&mut self) -> Result<Remote, Trouble> {
        let id = &self.id;
        ask!(self, USUAL_COST, |google, way| google.get(way, id))
    }

    async fn look(&mut self) -> Result<Look, Trouble> {
        ask!(self, USUAL_COST, |google, way| google.look(way))
    }

    async fn delete(&mut self, etag: Option<&str>) -> Result<(), Trouble> {
        let id = &self.id;
        ask!(self, USUAL_COST, |google, way| google.delete(way, id, etag))
    }
}

fn deleted() -> Outcome {
    Outcome::Failed(EVENT_DELETED.to_owned())
}

fn always_changed() -> Trouble {
    Failure { class: Class::Unknown, status: 412, reason: "always_changed".to_owned(), retry_after: None }
        .into()
}
