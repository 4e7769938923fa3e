//! The messages about services.

use jiff::SignedDuration;
use prost::Message as _;
use proto::booking::v1 as pb;

use super::{
    clinic_messages::policy,
    convert::{Check, answers, duration, names, pages, timestamp},
};
use crate::{
    domain::{
        idempotency::Fingerprint,
        ids::ServiceId,
        service::{MOST_OFFERS, Offered, Service, ServiceDetails, check_durations},
        slot::{Buffers, LONGEST},
        text::Name,
    },
    error::{Error, Result},
    ops::manage_services::{CreateService, ListServices, UpdateService},
};

const LONGEST_DESCRIPTION: usize = 1000;
const LONGEST_PRICE: usize = 120;

/// What two messages say of a service, each in its own fields.
struct Said {
    name: String,
    description: String,
    price: String,
    durations: Vec<prost_types::Duration>,
    buffer_before: Option<prost_types::Duration>,
    buffer_after: Option<prost_types::Duration>,
    policy: Option<pb::StartPolicy>,
    offers: Vec<pb::ServiceOffer>,
}

fn details(check: &mut Check, said: Said) -> Option<ServiceDetails> {
    let Said { name, description, price, durations, buffer_before, buffer_after, policy, offers } = said;
    let name = check.field("name", Name::parse(&name));
    let description = check.text("description", &description, LONGEST_DESCRIPTION);
    let price = check.text("price", &price, LONGEST_PRICE);
    let each = |duration| check.duration("durations", Some(duration)).flatten();
    let durations: Option<Vec<SignedDuration>> = durations.into_iter().map(each).collect();
    let buffers = Buffers {
        before: check.minutes("buffer_before", buffer_before, LONGEST),
        after: check.minutes("buffer_after", buffer_after, LONGEST),
    };
    if let Some(durations) = &durations {
        check.field("durations", check_durations(durations, buffers));
    }
    let policy = check.policy(policy);
    let few =
        if offers.len() <= MOST_OFFERS { Ok(()) } else { Err(format!("must be at most {MOST_OFFERS}")) };
    check.field("offers", few);
    let each = |offer: pb::ServiceOffer| {
        let clinic = check.id("offers.clinic_id", &offer.clinic_id);
        let provider = check.id("offers.provider_id", &offer.provider_id);
        Some(Offered { clinic: clinic?, provider: provider? })
    };
    let offers: Option<Vec<Offered>> = offers.into_iter().map(each).collect();
    let mut offers = offers?;
    offers.sort_unstable();
    offers.dedup();
    Some(ServiceDetails { name: name?, description, price, durations: durations?, buffers, policy, offers })
}

impl TryFrom<pb::CreateServiceRequest> for CreateService {
    type Error = Error;

    fn try_from(request: pb::CreateServiceRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreateServiceRequest {
            name,
            description,
            price,
            durations,
            buffer_before,
            buffer_after,
            policy,
            offers,
        } = request;
        let mut check = Check::default();
        let said = Said { name, description, price, durations, buffer_before, buffer_after, policy, offers };
        let details = details(&mut check, said);
        check.finish(details.map(|details| Self { details, fingerprint }))
    }
}

impl TryFrom<pb::UpdateServiceRequest> for UpdateService {
    type Error = Error;

    fn try_from(request: pb::UpdateServiceRequest) -> Result<Self> {
        let pb::UpdateServiceRequest {
            service_id,
            name,
            description,
            price,
            durations,
            buffer_before,
            buffer_after,
            policy,
            offers,
            version,
        } = request;
        let mut check = Check::default();
        let id = check.id("service_id", &service_id);
        let said = Said { name, description, price, durations, buffer_before, buffer_after, policy, offers };
        let details = details(&mut check, said);
        let version = check.version(version);
        let command = || Some(Self { id: id?, details: details?, version: version? });
        check.finish(command())
    }
}

names!(GetServiceRequest.service_id => ServiceId, ArchiveServiceRequest.service_id => ServiceId);

impl TryFrom<pb::ListServicesRequest> for ListServices {
    type Error = Error;

    fn try_from(request: pb::ListServicesRequest) -> Result<Self> {
        let pb::ListServicesRequest { clinic_id, page_size, page_token, show_archived: archived } = request;
        let mut check = Check::default();
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let page = check.page(page_size, &page_token);
        check.finish(page.map(|(size, after)| Self { clinic, archived, size, after }))
    }
}

impl From<Service> for pb::Service {
    fn from(service: Service) -> Self {
        let Service { id, details, version, created_at, archived_at } = service;
        let ServiceDetails { name, description, price, durations, buffers, policy: limits, offers } = details;
        let offer = |offered: Offered| pb::ServiceOffer {
            clinic_id: offered.clinic.to_string(),
            provider_id: offered.provider.to_string(),
        };
        Self {
            id: id.to_string(),
            name: name.as_str().to_owned(),
            description: description.unwrap_or_default(),
            price: price.unwrap_or_default(),
            durations: durations.into_iter().map(duration).collect(),
            buffer_before: Some(duration(buffers.before)),
            buffer_after: Some(duration(buffers.after)),
            policy: policy(limits),
            offers: offers.into_iter().map(offer).collect(),
            version,
            create_time: Some(timestamp(created_at)),
            archive_time: archived_at.map(timestamp),
        }
    }
}

answers!(
    Service => CreateServiceResponse.service,
    Service => GetServiceResponse.service,
    Service => UpdateServiceResponse.service,
    Service => ArchiveServiceResponse.service,
);
pages!(Service => ListServicesResponse.services);
