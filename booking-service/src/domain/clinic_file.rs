//! A whole clinic, described in one YAML document (docs/clinic.yaml is one).

use std::collections::BTreeMap;

use jiff::{SignedDuration, civil, tz::TimeZone};
use serde::Deserialize;

use super::{
    absence, clinic,
    clinic::{ClinicDetails, LONGEST_ABOUT, LONGEST_ADDRESS, LONGEST_PHONE, LONGEST_SENTENCE},
    hours::{DayHours, DaySpan, NAMES, Schedule},
    rules::{FARTHEST_HORIZON, Grid, LONGEST_NOTICE, Policy},
    service::check_durations,
    slot::{Buffers, LONGEST, Slot},
    text::{self, Name},
};

/// A clinic as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClinicFile {
    /// What is said of it, and what counts there.
    pub details: ClinicDetails,
    /// Its wall clock.
    pub zone: TimeZone,
    /// Who works there.
    pub providers: Vec<ProviderEntry>,
    /// What can be booked there.
    pub services: Vec<ServiceEntry>,
    /// When it is closed.
    pub closures: Vec<AbsenceEntry>,
}

/// Somebody who works there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEntry {
    /// As it is spoken.
    pub name: Name,
    /// When they work; `None`: whenever they are asked.
    pub hours: Option<Schedule>,
    /// When they are away, from all clinics; `None`: this file has nothing to say of it.
    pub time_off: Option<Vec<AbsenceEntry>>,
}

/// Something that can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// As it is spoken.
    pub name: Name,
    /// What is said of it.
    pub description: Option<String>,
    /// What it costs, as one says it.
    pub price: Option<String>,
    /// How long it can be, the usual first.
    pub durations: Vec<SignedDuration>,
    /// Time around the visit.
    pub buffers: Buffers,
    /// What limits its start, where that is not as at the clinic.
    pub policy: Policy,
    /// Who offers it, by place among the providers.
    pub offered_by: Vec<usize>,
}

/// A closure, or time off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbsenceEntry {
    /// From when to when, by the clinic's clock.
    pub between: (civil::DateTime, civil::DateTime),
    /// What for.
    pub title: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    clinic: ClinicPart,
    #[serde(default)]
    providers: Vec<ProviderPart>,
    #[serde(default)]
    services: Vec<ServicePart>,
    #[serde(default)]
    closures: Vec<AbsencePart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClinicPart {
    name: String,
    time_zone: String,
    #[serde(default)]
    country: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    about: String,
    grid_minutes: Option<i64>,
    notice_minutes: Option<i64>,
    horizon_days: Option<i64>,
    change_cutoff_minutes: Option<i64>,
    #[serde(default)]
    emergency_sentence: String,
    #[serde(default)]
    advice_sentence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderPart {
    name: String,
    hours: Option<BTreeMap<String, DayPart>>,
    time_off: Option<Vec<AbsencePart>>,
}

/// `[09:00-12:00, 13:00-17:00]`, or `{open: [09:00-17:00], breaks: [12:00-13:00]}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum DayPart {
    Open(Vec<String>),
    Whole(WholeDay),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeDay {
    open: Vec<String>,
    #[serde(default)]
    breaks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServicePart {
    name: String,
    minutes: Vec<i64>,
    #[serde(default)]
    buffer_before_minutes: i64,
    #[serde(default)]
    buffer_after_minutes: i64,
    #[serde(default)]
    price: String,
    #[serde(default)]
    description: String,
    grid_minutes: Option<i64>,
    notice_minutes: Option<i64>,
    horizon_days: Option<i64>,
    offered_by: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbsencePart {
    from: String,
    to: String,
    #[serde(default)]
    title: String,
}

/// Collects what is wrong with a document, each with where it is.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn keep<T>(&mut self, place: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|problem| self.0.push(format!("{place} {problem}"))).ok()
    }

    fn minutes(&mut self, place: &str, minutes: i64, longest: SignedDuration) -> SignedDuration {
        let fits = (0..=longest.as_mins()).contains(&minutes);
        let problem = || format!("must be from 0 to {}", longest.as_mins());
        let minutes = self.keep(place, fits.then_some(minutes).ok_or_else(problem));
        SignedDuration::from_mins(minutes.unwrap_or_default())
    }

    fn policy(
        &mut self,
        place: &str,
        grid: Option<i64>,
        notice: Option<i64>,
        horizon: Option<i64>,
    ) -> Policy {
        let days = |days: i64| {
            let days = u16::try_from(days).ok().filter(|days| (1..=FARTHEST_HORIZON).contains(days));
            days.ok_or_else(|| format!("must be from 1 to {FARTHEST_HORIZON}"))
        };
        Policy {
            grid: grid.and_then(|grid| self.keep(&format!("{place}.grid_minutes"), Grid::parse(grid))),
            notice: notice
                .map(|notice| self.minutes(&format!("{place}.notice_minutes"), notice, LONGEST_NOTICE)),
            horizon_days: horizon.and_then(|n| self.keep(&format!("{place}.horizon_days"), days(n))),
        }
    }

    fn absences(&mut self, place: &str, parts: Vec<AbsencePart>) -> Vec<AbsenceEntry> {
        let mut entries: Vec<AbsenceEntry> = parts
            .into_iter()
            .enumerate()
            .filter_map(|(n, part)| self.absence(&format!("{place}[{n}]"), part))
            .collect();
        entries.sort();
        entries.dedup();
        entries
    }

    fn absence(&mut self, place: &str, part: AbsencePart) -> Option<AbsenceEntry> {
        let AbsencePart { from, to, title } = part;
        let from = self.keep(&format!("{place}.from"), absence::from(&from));
        let to = self.keep(&format!("{place}.to"), absence::to(&to));
        let title = self.keep(&format!("{place}.title"), text::optional(&title, 200));
        let between = self.keep(&format!("{place}.to"), absence::between(from?, to?))?;
        Some(AbsenceEntry { between, title: title? })
    }

    fn schedule(&mut self, place: &str, days: BTreeMap<String, DayPart>) -> Schedule {
        let (mut schedule, mut seen) = (Schedule::default(), Vec::new());
        for (day, part) in days {
            let (day, place) = (day.trim().to_lowercase(), format!("{place}.{day}"));
            if seen.contains(&day) {
                self.keep::<()>(&place, Err("is there twice".to_owned()));
            }
            seen.push(day.clone());
            let (open, breaks) = match part {
                DayPart::Open(open) => (open, Vec::new()),
                DayPart::Whole(WholeDay { open, breaks }) => (open, breaks),
            };
            let spans = |texts: Vec<String>| {
                let mut spans: Vec<DaySpan> =
                    texts.into_iter().map(DaySpan::try_from).collect::<Result<_, _>>()?;
                spans.sort_unstable();
                Ok(spans)
            };
            let hours = spans(open).and_then(|open| Ok(DayHours { open, breaks: spans(breaks)? }));
            let hours = hours.and_then(|hours| hours.check().map(|()| hours));
            let Some(hours) = self.keep(&place, hours) else { continue };
            let weekday = NAMES.iter().position(|name| *name == day);
            match (weekday, super::when::date(&day)) {
                (Some(weekday), _) => schedule.week[weekday] = hours,
                (None, Ok(date)) => drop(schedule.special.insert(date, hours)),
                (None, Err(_)) => drop(self.keep::<()>(
                    &place,
                    Err("is neither a day like monday nor one like 2027-01-05".to_owned()),
                )),
            }
        }
        if let Err(problems) = schedule.check() {
            self.0.extend(problems.into_iter().map(|(day, problem)| format!("{place}.{day} {problem}")));
        }
        schedule
    }
}

impl ClinicFile {
    /// Reads a document; the error says all that is wrong with it.
    pub fn parse(document: &str) -> Result<Self, Vec<String>> {
        let document: Document = serde_saphyr::from_str(document).map_err(|error| vec![error.to_string()])?;
        let Document { clinic, providers, services, closures } = document;
        let mut problems = Problems::default();
        let (details, zone) = clinic_part(&mut problems, clinic);
        let providers: Vec<Option<ProviderEntry>> =
            providers.into_iter().enumerate().map(|(n, part)| provider(&mut problems, n, part)).collect();
        let names: Vec<String> = providers
            .iter()
            .map(|entry| entry.as_ref().map(|e| e.name.folded()).unwrap_or_default())
            .collect();
        let services: Vec<Option<ServiceEntry>> = services
            .into_iter()
            .enumerate()
            .map(|(n, part)| service(&mut problems, n, part, &names))
            .collect();
        let service_names = services.iter().flatten().map(|service| service.name.folded()).collect();
        for (what, names) in [("providers", names), ("services", service_names)] {
            let mut sorted: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
            sorted.sort_unstable();
            let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
            problems.0.extend(twice.map(|pair| format!("{what} has {:?} twice", pair[0])));
        }
        let closures = problems.absences("closures", closures);
        match (details, zone) {
            (Some(details), Some(zone)) if problems.0.is_empty() => Ok(Self {
                details,
                zone,
                providers: providers.into_iter().flatten().collect(),
                services: services.into_iter().flatten().collect(),
                closures,
            }),
            _ => Err(problems.0),
        }
    }
}

fn clinic_part(problems: &mut Problems, part: ClinicPart) -> (Option<ClinicDetails>, Option<TimeZone>) {
    let ClinicPart {
        name,
        time_zone,
        country,
        address,
        phone,
        about,
        grid_minutes,
        notice_minutes,
        horizon_days,
        change_cutoff_minutes,
        emergency_sentence,
        advice_sentence,
    } = part;
    let zone = problems.keep("clinic.time_zone", clinic::zone(&time_zone));
    let name = problems.keep("clinic.name", Name::parse(&name));
    let country = problems.keep("clinic.country", clinic::country(&country));
    let address = problems.keep("clinic.address", text::optional(&address, LONGEST_ADDRESS));
    let phone = problems.keep("clinic.phone", text::optional(&phone, LONGEST_PHONE));
    let about = problems.keep("clinic.about", text::optional(&about, LONGEST_ABOUT));
    let mut sentence = |field: &str, text: &str| {
        problems.keep(&format!("clinic.{field}"), text::optional(text, LONGEST_SENTENCE))
    };
    let emergency_sentence = sentence("emergency_sentence", &emergency_sentence);
    let advice_sentence = sentence("advice_sentence", &advice_sentence);
    let policy = problems.policy("clinic", grid_minutes, notice_minutes, horizon_days);
    let cutoff = change_cutoff_minutes
        .map(|minutes| problems.minutes("clinic.change_cutoff_minutes", minutes, LONGEST_NOTICE))
        .filter(|cutoff| !cutoff.is_zero());
    let policy = Policy { notice: policy.notice.filter(|notice| !notice.is_zero()), ..policy };
    let details = || {
        Some(ClinicDetails {
            name: name?,
            country: country?,
            address: address?,
            phone: phone?,
            about: about?,
            policy,
            cutoff,
            emergency_sentence: emergency_sentence?,
            advice_sentence: advice_sentence?,
        })
    };
    (details(), zone)
}

fn provider(problems: &mut Problems, n: usize, part: ProviderPart) -> Option<ProviderEntry> {
    let ProviderPart { name, hours, time_off } = part;
    let place = format!("providers[{n}]");
    let name = problems.keep(&format!("{place}.name"), Name::parse(&name));
    let hours = hours.map(|hours| problems.schedule(&format!("{place}.hours"), hours));
    let time_off = time_off.map(|time_off| problems.absences(&format!("{place}.time_off"), time_off));
    Some(ProviderEntry { name: name?, hours, time_off })
}

fn service(
    problems: &mut Problems,
    n: usize,
    part: ServicePart,
    providers: &[String],
) -> Option<ServiceEntry> {
    let ServicePart {
        name,
        minutes,
        buffer_before_minutes,
        buffer_after_minutes,
        price,
        description,
        grid_minutes,
        notice_minutes,
        horizon_days,
        offered_by,
    } = part;
    let place = format!("services[{n}]");
    let name = problems.keep(&format!("{place}.name"), Name::parse(&name));
    let price = problems.keep(&format!("{place}.price"), text::optional(&price, 120));
    let description = problems.keep(&format!("{place}.description"), text::optional(&description, 1000));
    let buffers = Buffers {
        before: problems.minutes(&format!("{place}.buffer_before_minutes"), buffer_before_minutes, LONGEST),
        after: problems.minutes(&format!("{place}.buffer_after_minutes"), buffer_after_minutes, LONGEST),
    };
    let length = |minutes: i64| Slot::check_duration(SignedDuration::from_mins(minutes.clamp(0, 100_000)));
    let durations: Result<Vec<SignedDuration>, String> = minutes.into_iter().map(length).collect();
    let durations = durations.and_then(|durations| check_durations(&durations, buffers).map(|()| durations));
    let durations = problems.keep(&format!("{place}.minutes"), durations);
    let policy = problems.policy(&place, grid_minutes, notice_minutes, horizon_days);
    let offered_by = match offered_by {
        // Nobody said: everybody.
        None => (0..providers.len()).collect(),
        Some(names) => names
            .iter()
            .filter_map(|name| {
                let known = || {
                    let folded = Name::parse(name)?.folded();
                    providers
                        .iter()
                        .position(|known| *known == folded)
                        .ok_or_else(|| format!("{name:?} is none of the providers"))
                };
                problems.keep(&format!("{place}.offered_by"), known())
            })
            .collect(),
    };
    let (name, price, description, durations) = (name?, price?, description?, durations?);
    Some(ServiceEntry { name, description, price, durations, buffers, policy, offered_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_one() {
        let file = ClinicFile::parse(include_str!("../../../docs/clinic.yaml")).unwrap();
        assert_eq!((file.providers.len(), file.services.len()), (2, 3));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_where_it_is() {
        let document = "
            clinic: {name: '', time_zone: Mars/Olympus, grid_minutes: 7}
            providers:
              - name: Dr. Reyes
                hours: {monday: [17:00-09:00], someday: [09:00-17:00]}
                time_off: [{from: tomorrow, to: 2027-01-05}]
            services:
              - {name: Cleaning, minutes: [30, 30], offered_by: [Dr. Nobody]}
              - {name: cleaning, minutes: []}
            closures: [{from: 2027-01-05, to: 2027-01-04}]";
        let problems = ClinicFile::parse(document).unwrap_err();
        for place in [
            "clinic.name",
            "clinic.time_zone",
            "clinic.grid_minutes",
            "providers[0].hours.monday",
            "providers[0].hours.someday",
            "providers[0].time_off[0].from",
            "services[0].minutes",
            "services[0].offered_by",
            "services[1].minutes",
            "closures[0].to",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(place)), "{place}: {problems:#?}");
        }
        // What is misspelled is not left out silently, and where it is is said.
        let misspelled = ClinicFile::parse("clinic: {name: Elm, time_zone: UTC, grid: 5}").unwrap_err();
        assert!(misspelled[0].contains("grid"), "{misspelled:?}");
    }
}
