//! The messages about closures and time off.

use jiff::civil;
use prost::Message as _;
use proto::booking::v1::{
    self as pb, absence as shown, create_absence_request as create, list_absences_request as list,
};

use super::convert::{Check, answers, names, pages, timestamp};
use crate::{
    domain::{
        absence::{self, Absence, Absent},
        clinic,
        idempotency::Fingerprint,
        ids::AbsenceId,
        rules::Shut,
    },
    error::{Error, Result},
    ops::manage_absences::{CreateAbsence, Entered, ListAbsences, UpdateAbsence},
};

const LONGEST_TITLE: usize = 200;

fn between(check: &mut Check, start: &str, end: &str) -> Option<(civil::DateTime, civil::DateTime)> {
    let (from, to) = (check.field("start", absence::from(start)), check.field("end", absence::to(end)));
    let (from, to) = (from?, to?);
    check.field("end", absence::between(from, to))
}

/// Who is not there, as two messages name them, each in its own type.
macro_rules! absent {
    ($check:ident, $of:ident, $kind:ident) => {
        match $of {
            Some($kind::Of::ClinicId(id)) => $check.id("clinic_id", &id).map(Absent::Clinic),
            Some($kind::Of::ProviderId(id)) => $check.id("provider_id", &id).map(Absent::Provider),
            None => $check.field("clinic_id", Err("is required, or provider_id".to_owned())),
        }
    };
}

impl TryFrom<pb::CreateAbsenceRequest> for CreateAbsence {
    type Error = Error;

    fn try_from(request: pb::CreateAbsenceRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreateAbsenceRequest { of, start, end, time_zone, title } = request;
        let mut check = Check::default();
        let of = absent!(check, of, create);
        let between = between(&mut check, &start, &end);
        let zone = if time_zone.is_empty() { Ok(None) } else { clinic::zone(&time_zone).map(Some) };
        let zone = check.field("time_zone", zone);
        let title = check.text("title", &title, LONGEST_TITLE);
        let command = || Some(Self { of: of?, between: between?, zone: zone?, title, fingerprint });
        check.finish(command())
    }
}

impl TryFrom<pb::UpdateAbsenceRequest> for UpdateAbsence {
    type Error = Error;

    fn try_from(request: pb::UpdateAbsenceRequest) -> Result<Self> {
        let pb::UpdateAbsenceRequest { absence_id, start, end, title, version } = request;
        let mut check = Check::default();
        let id = check.id("absence_id", &absence_id);
        let between = between(&mut check, &start, &end);
        let title = check.text("title", &title, LONGEST_TITLE);
        let version = check.version(version);
        let command = || Some(Self { id: id?, between: between?, title, version: version? });
        check.finish(command())
    }
}

impl TryFrom<pb::ListAbsencesRequest> for ListAbsences {
    type Error = Error;

    fn try_from(request: pb::ListAbsencesRequest) -> Result<Self> {
        let pb::ListAbsencesRequest { of, end_after, page_size, page_token } = request;
        let mut check = Check::default();
        let of = absent!(check, of, list);
        let ends_after = if end_after.is_empty() { Ok(None) } else { absence::from(&end_after).map(Some) };
        let ends_after = check.field("end_after", ends_after);
        let page = check.page(page_size, &page_token);
        let command = || {
            let (size, after) = page?;
            Some(Self { of: of?, ends_after: ends_after?, size, after })
        };
        check.finish(command())
    }
}

names!(ArchiveAbsenceRequest.absence_id => AbsenceId);

impl From<Absence> for pb::Absence {
    fn from(absence: Absence) -> Self {
        let Absence { id, of, shut, title, version, created_at, archived_at } = absence;
        let Shut { from, to, zone } = shut;
        Self {
            id: id.to_string(),
            of: Some(match of {
                Absent::Clinic(id) => shown::Of::ClinicId(id.to_string()),
                Absent::Provider(id) => shown::Of::ProviderId(id.to_string()),
            }),
            start: absence::text(from),
            end: absence::text(to),
            time_zone: zone.iana_name().unwrap_or_default().to_owned(),
            title: title.unwrap_or_default(),
            version,
            create_time: Some(timestamp(created_at)),
            archive_time: archived_at.map(timestamp),
        }
    }
}

/// Answers that hold an absence, and what lies in it.
macro_rules! entered {
    ($($message:ident),*) => {
        $(impl From<Entered> for pb::$message {
            fn from(entered: Entered) -> Self {
                let Entered { absence, affected } = entered;
                Self {
                    absence: Some(absence.into()),
                    affected: affected.into_iter().map(Into::into).collect(),
                }
            }
        })*
    };
}

entered!(CreateAbsenceResponse, UpdateAbsenceResponse);
answers!(Absence => ArchiveAbsenceResponse.absence);
pages!(Absence => ListAbsencesResponse.absences);
