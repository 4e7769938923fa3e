//! Makes a clinic what its file says, again and again; or says what that would change, by changing it and taking it back.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    access::IMPORT_CLINIC,
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        absences::{self, EndsAfter},
        audit::{self, Entry},
        clinics, providers, schedules, services,
    },
    domain::{
        absence::{Absence, Absent, text},
        clinic::{ClinicRecord, ProviderRecord},
        clinic_file::{AbsenceEntry, ClinicFile, ProviderEntry, ServiceEntry},
        ids::{AbsenceId, ClinicId, ProviderId, ServiceId},
        rules::Shut,
        service::{Offered, ServiceDetails},
        text::Name,
    },
    error::{Error, Result},
    ops::{manage_absences, manage_clinics, manage_providers, manage_schedules, manage_services},
};

/// More of an organisation's things than these are not looked through.
const MOST: i64 = 1000;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportClinic {
    /// The clinic.
    pub file: ClinicFile,
    /// Whether it is done, and not only shown.
    pub apply: bool,
}

/// What was done, or would be.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Which clinic it is; a new one has no id before it is made.
    pub clinic: Option<ClinicId>,
    /// The changes, a line each; none: everything is as the file says.
    pub changes: Vec<String>,
}

/// What an import does on its way.
struct Import<'a> {
    tx: &'a mut TenantTx,
    now: Timestamp,
    changes: Vec<String>,
}

/// Imports a clinic. All or nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn import_clinic(app: &App, caller: &Caller, command: ImportClinic) -> Result<Imported> {
    let ImportClinic { file, apply } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    // One import of an organisation at a time: two of one new clinic would open it twice.
    clinics::lock_imports(&mut tx).await?;
    let mut import = Import { tx: &mut tx, now, changes: Vec::new() };
    let (clinic, is_new) = import.clinic(&file).await?;
    let known = import.providers(clinic, &file.zone, &file.providers).await?;
    import.services(clinic, &file.services, &known).await?;
    let whose = format!("clinic {}", file.details.name.as_str());
    import.absences(Absent::Clinic(clinic), &whose, &file.zone, &file.closures).await?;
    let changes = import.changes;
    if apply && !changes.is_empty() {
        audit::insert(&mut tx, caller, now, Entry::done(IMPORT_CLINIC, "clinic", clinic)).await?;
        tx.commit().await?;
    }
    // Not committed: nothing has happened.
    Ok(Imported { clinic: Some(clinic).filter(|_| apply || !is_new), changes })
}

impl Import<'_> {
    fn note(&mut self, change: String) {
        self.changes.push(change);
    }

    async fn clinic(&mut self, file: &ClinicFile) -> Result<(ClinicId, bool)> {
        let name = file.details.name.folded();
        let all = clinics::list(self.tx, None, MOST).await?;
        let found = all.into_iter().find(|record: &ClinicRecord| record.details.name.folded() == name);
        let Some(ClinicRecord { clinic, details, .. }) = found else {
            let id = ClinicId::generate();
            manage_clinics::create_in(self.tx, id, file.zone.clone(), &file.details, self.now).await?;
            self.note(format!("clinic {}: is opened", file.details.name.as_str()));
            return Ok((id, true));
        };
        if clinic.zone.iana_name() != file.zone.iana_name() {
            return Err(Error::invalid(
                "document",
                "has another time zone than the clinic, which keeps its own",
            ));
        }
        if details != file.details {
            manage_clinics::update_in(self.tx, clinic.id, &file.details, None).await?;
            self.note(format!("clinic {}: is described anew", clinic.name));
        }
        Ok((clinic.id, false))
    }

    /// Gives the providers' ids, in the order of the file.
    async fn providers(
        &mut self,
        clinic: ClinicId,
        zone: &TimeZone,
        entries: &[ProviderEntry],
    ) -> Result<Vec<ProviderId>> {
        let all = providers::list(self.tx, None, None, MOST).await?;
        // All whom anything could change for, at once and in the order in which bookings lock.
        let named: Vec<String> = entries.iter().map(|entry| entry.name.folded()).collect();
        let is_named = |record: &&ProviderRecord| {
            Name::parse(&record.name).is_ok_and(|name| named.contains(&name.folded()))
        };
        let affected: Vec<ProviderId> = all.iter().filter(is_named).map(|record| record.id).collect();
        providers::rules_change(self.tx, &affected, Some(clinic)).await?;
        let mut ids = Vec::with_capacity(entries.len());
        for entry in entries {
            let id = self.provider(clinic, entry, &all).await?;
            self.hours(clinic, id, entry).await?;
            let whose = format!("provider {}", entry.name.as_str());
            if let Some(time_off) = &entry.time_off {
                self.absences(Absent::Provider(id), &whose, zone, time_off).await?;
            }
            ids.push(id);
        }
        let left = all.iter().filter(|record| record.clinics.contains(&clinic) && !ids.contains(&record.id));
        for record in left {
            manage_providers::unassign_in(self.tx, record.id, clinic).await?;
            self.note(format!("provider {}: works here no more", record.name));
        }
        Ok(ids)
    }

    async fn provider(
        &mut self,
        clinic: ClinicId,
        entry: &ProviderEntry,
        all: &[ProviderRecord],
    ) -> Result<ProviderId> {
        let name = entry.name.as_str();
        let is_called = |record: &&ProviderRecord| {
            Name::parse(&record.name).is_ok_and(|known| known.folded() == entry.name.folded())
        };
        // Of two with one name, the one who works here.
        let found = all.iter().filter(is_called).max_by_key(|record| record.clinics.contains(&clinic));
        Ok(match found {
            None => {
                let id = ProviderId::generate();
                manage_providers::create_in(self.tx, id, &entry.name, &[clinic], self.now).await?;
                self.note(format!("provider {name}: is added"));
                id
            }
            Some(known) if !known.clinics.contains(&clinic) => {
                providers::assign(self.tx, known.id, &[clinic]).await?;
                self.note(format!("provider {name}: works here, too"));
                known.id
            }
            Some(known) => known.id,
        })
    }

    async fn hours(&mut self, clinic: ClinicId, provider: ProviderId, entry: &ProviderEntry) -> Result<()> {
        let before = schedules::get(self.tx, clinic, provider).await?.and_then(|(schedule, _)| schedule);
        if before != entry.hours {
            let of = Offered { clinic, provider };
            manage_schedules::set_in(self.tx, of, entry.hours.clone(), None).await?;
            self.note(format!("provider {}: has other hours", entry.name.as_str()));
        }
        Ok(())
    }

    async fn services(
        &mut self,
        clinic: ClinicId,
        entries: &[ServiceEntry],
        known: &[ProviderId],
    ) -> Result<()> {
        let all = services::list(self.tx, None, false, None, MOST).await?;
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            let here = entry.offered_by.iter().map(|place| Offered { clinic, provider: known[*place] });
            let found = all.iter().find(|service| service.details.name.folded() == entry.name.folded());
            // What is offered at other clinics is theirs to say.
            let elsewhere = found.into_iter().flat_map(|service| &service.details.offers);
            let elsewhere = elsewhere.copied().filter(|offered| offered.clinic != clinic);
            let mut offers: Vec<Offered> = here.chain(elsewhere).collect();
            offers.sort_unstable();
            offers.dedup();
            let ServiceEntry { name, description, price, durations, buffers, policy, .. } = entry.clone();
            let details = ServiceDetails { name, description, price, durations, buffers, policy, offers };
            match found {
                None => {
                    let id = ServiceId::generate();
                    manage_services::create_in(self.tx, id, &details, self.now).await?;
                    self.note(format!("service {}: is added", entry.name.as_str()));
                }
                Some(service) => {
                    kept.push(service.id);
                    if service.details != details {
                        manage_services::update_in(self.tx, service.id, &details, None).await?;
                        self.note(format!("service {}: is changed", entry.name.as_str()));
                    }
                }
            }
        }
        let is_here = |offered: &Offered| offered.clinic == clinic;
        for service in all.iter().filter(|s| !kept.contains(&s.id) && s.details.offers.iter().any(is_here)) {
            let name = service.details.name.as_str();
            let mut details = service.details.clone();
            details.offers.retain(|offered| !is_here(offered));
            if details.offers.is_empty() {
                manage_services::archive_in(self.tx, service.id, self.now).await?;
                self.note(format!("service {name}: is archived"));
            } else {
                manage_services::update_in(self.tx, service.id, &details, None).await?;
                self.note(format!("service {name}: is offered here no more"));
            }
        }
        Ok(())
    }

    /// Makes those that are not over what is wanted; what is over stays as it was.
    async fn absences(
        &mut self,
        of: Absent,
        whose: &str,
        zone: &TimeZone,
        wanted: &[AbsenceEntry],
    ) -> Result<()> {
        let here = self.now.to_zoned(zone.clone()).datetime();
        let there = absences::list(self.tx, of, EndsAfter::Moment(self.now), None, MOST).await?;
        // By another clock it is another absence.
        let is_it = |absence: &Absence, entry: &AbsenceEntry| {
            let Shut { from, to, zone: by } = &absence.shut;
            by == zone && (*from, *to) == entry.between && absence.title == entry.title
        };
        let gone = there.iter().filter(|absence| !wanted.iter().any(|entry| is_it(absence, entry)));
        let new = wanted
            .iter()
            .filter(|entry| entry.between.1 > here && !there.iter().any(|absence| is_it(absence, entry)));
        let (gone, new): (Vec<_>, Vec<_>) = (gone.collect(), new.collect());
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        manage_absences::bookings_wait(self.tx, of).await?;
        for absence in gone {
            absences::archive(self.tx, absence.id, self.now).await?;
            let (from, to) = (text(absence.shut.from), text(absence.shut.to));
            self.note(format!("{whose}: is not away from {from} to {to} after all"));
        }
        for AbsenceEntry { between, title } in new {
            let shut = Shut { from: between.0, to: between.1, zone: zone.clone() };
            let (id, title) = (AbsenceId::generate(), title.clone());
            let absence =
                Absence { id, of, shut, title, version: 1, created_at: self.now, archived_at: None };
            absences::insert(self.tx, &absence).await?;
            self.note(format!("{whose}: is away from {} to {}", text(between.0), text(between.1)));
        }
        Ok(())
    }
}
