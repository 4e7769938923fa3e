//! Tells all that callers ask of a clinic, at once.

use jiff::{ToSpan as _, civil};

use crate::{
    app::App,
    caller::Caller,
    db::{
        absences::{self, EndsAfter},
        clinics,
        places::Found,
        services,
    },
    domain::{
        absence::{Absence, Absent},
        clinic::ClinicRecord,
        ids::ClinicId,
        rules::Diary,
        service::Service,
        slot::Wish,
        spoken::Today,
    },
    error::{Error, Result},
    ops::slots,
};

/// More than these are not read out to a caller.
const MOST: i64 = 100;

/// Which clinic to tell of; `None`: the organisation's only one.
#[derive(Clone, Copy, Debug)]
pub struct DescribeClinic(pub Option<ClinicId>);

/// What callers ask of a clinic.
#[derive(Clone, Debug)]
pub struct ClinicDescription {
    /// The clinic.
    pub record: ClinicRecord,
    /// What day it is there.
    pub today: Today,
    /// What can be booked there.
    pub services: Vec<Service>,
    /// Who works there, and when.
    pub diaries: Vec<Diary>,
    /// When it is closed, in the time to come.
    pub closures: Vec<Absence>,
}

/// Tells of a clinic.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn describe_clinic(
    app: &App,
    caller: &Caller,
    command: DescribeClinic,
) -> Result<ClinicDescription> {
    let DescribeClinic(clinic) = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let wish = Wish { clinic, ..Wish::default() };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let midnight = |day: civil::Date| day.at(0, 0, 0, 0);
    let between = (midnight(today), midnight(today.saturating_add(1.day())));
    let Found { clinic, diaries, .. } = slots::clinic(&mut tx, &wish, between).await?;
    let gone = || Error::ClinicForbidden(clinic.id.to_string());
    let record = clinics::get(&mut tx, clinic.id).await?.ok_or_else(gone)?;
    let services = services::list(&mut tx, Some(clinic.id), false, None, MOST).await?;
    let closures =
        absences::list(&mut tx, Absent::Clinic(clinic.id), EndsAfter::Moment(now), None, MOST).await?;
    Ok(ClinicDescription { today: clinic.today(now), record, services, diaries, closures })
}
