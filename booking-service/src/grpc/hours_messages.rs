//! The messages about working hours.

use jiff::civil;
use proto::booking::v1 as pb;

use super::convert::{Check, answers};
use crate::{
    domain::{
        hours::{DayHours, DaySpan, NAMES, Schedule},
        service::Offered,
        when,
    },
    error::{Error, Result},
    ops::manage_schedules::{SetWorkingHours, WorkingHours},
};

impl TryFrom<pb::GetWorkingHoursRequest> for Offered {
    type Error = Error;

    fn try_from(request: pb::GetWorkingHoursRequest) -> Result<Self> {
        let pb::GetWorkingHoursRequest { clinic_id, provider_id } = request;
        let mut check = Check::default();
        let clinic = check.id("clinic_id", &clinic_id);
        let provider = check.id("provider_id", &provider_id);
        check.finish(clinic.zip(provider).map(|(clinic, provider)| Self { clinic, provider }))
    }
}

impl TryFrom<pb::SetWorkingHoursRequest> for SetWorkingHours {
    type Error = Error;

    fn try_from(request: pb::SetWorkingHoursRequest) -> Result<Self> {
        let pb::SetWorkingHoursRequest { clinic_id, provider_id, days, version } = request;
        let mut check = Check::default();
        let clinic = check.id("clinic_id", &clinic_id);
        let provider = check.id("provider_id", &provider_id);
        let schedule = check.field("days", schedule(days));
        let version = check.version(version);
        let command = || {
            let of = Offered { clinic: clinic?, provider: provider? };
            Some(Self { of, schedule: schedule?, version: version? })
        };
        check.finish(command())
    }
}

/// Reads the days; none at all is no schedule. The error says all that is wrong with them.
fn schedule(days: Vec<pb::DayHours>) -> Result<Option<Schedule>, String> {
    if days.is_empty() {
        return Ok(None);
    }
    let (mut schedule, mut wrong, mut seen) = (Schedule::default(), Vec::new(), Vec::new());
    for pb::DayHours { day, open, breaks } in days {
        let name = day.trim().to_lowercase();
        if seen.contains(&name) {
            wrong.push(format!("{name} is there twice"));
        }
        match (spans(open), spans(breaks)) {
            (Ok(open), Ok(breaks)) => {
                let hours = DayHours { open, breaks };
                match (NAMES.iter().position(|known| *known == name), when::date(&name)) {
                    (Some(place), _) => schedule.week[place] = hours,
                    (None, Ok(date)) => drop(schedule.special.insert(date, hours)),
                    (None, Err(_)) => {
                        wrong.push(format!("{name:?} is neither a day like monday nor one like 2027-01-05"));
                    }
                }
            }
            (open, breaks) => wrong.extend(
                [open.err(), breaks.err()].into_iter().flatten().map(|problem| format!("{name}: {problem}")),
            ),
        }
        seen.push(name);
    }
    if let Err(problems) = schedule.check() {
        wrong.extend(problems.into_iter().map(|(day, problem)| format!("{day} {problem}")));
    }
    if wrong.is_empty() { Ok(Some(schedule)) } else { Err(format!("are not right: {}", wrong.join("; "))) }
}

fn spans(spans: Vec<pb::DaySpan>) -> Result<Vec<DaySpan>, String> {
    let mut spans: Vec<DaySpan> =
        spans.into_iter().map(|span| DaySpan::parse(&span.start, &span.end)).collect::<Result<_, _>>()?;
    spans.sort_unstable();
    Ok(spans)
}

/// A schedule as proto shows it.
pub(super) fn days(schedule: &Schedule) -> Vec<pb::DayHours> {
    let usual = NAMES.iter().map(|name| (*name).to_owned()).zip(&schedule.week);
    let usual = usual.filter(|(_, hours)| !hours.open.is_empty());
    let special = schedule.special.iter().map(|(day, hours): (&civil::Date, _)| (day.to_string(), hours));
    usual.chain(special).map(|(day, hours)| shown(day, hours)).collect()
}

fn shown(day: String, hours: &DayHours) -> pb::DayHours {
    let spans = |spans: &[DaySpan]| {
        let shown = |span: &DaySpan| {
            let (start, end) = span.texts();
            pb::DaySpan { start, end }
        };
        spans.iter().map(shown).collect()
    };
    pb::DayHours { day, open: spans(&hours.open), breaks: spans(&hours.breaks) }
}

impl From<WorkingHours> for pb::WorkingHours {
    fn from(hours: WorkingHours) -> Self {
        let WorkingHours { of, schedule, version } = hours;
        Self {
            clinic_id: of.clinic.to_string(),
            provider_id: of.provider.to_string(),
            days: schedule.as_ref().map(days).unwrap_or_default(),
            version,
        }
    }
}

answers!(
    WorkingHours => GetWorkingHoursResponse.working_hours,
    WorkingHours => SetWorkingHoursResponse.working_hours,
);
