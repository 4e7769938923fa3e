//! The gRPC face: one file for each proto service, each RPC in three steps: admit, operate, answer.

mod absence_messages;
mod agent_messages;
mod appointment_messages;
mod appointment_view;
mod appointments;
mod audit;
mod availability;
mod calendar_messages;
mod calendars;
mod calls;
mod clinic_messages;
mod clinics;
mod convert;
mod hours_messages;
mod identity;
mod identity_messages;
mod knowledge;
mod knowledge_messages;
mod member_messages;
mod patient_messages;
mod provider_messages;
mod service_messages;
mod status;
mod webhook_messages;

use proto::booking::v1::{
    appointment_service_server::AppointmentServiceServer, audit_service_server::AuditServiceServer,
    availability_service_server::AvailabilityServiceServer, calendar_service_server::CalendarServiceServer,
    call_service_server::CallServiceServer, clinic_service_server::ClinicServiceServer,
    identity_service_server::IdentityServiceServer, knowledge_service_server::KnowledgeServiceServer,
};
use tonic::{Request, Response, Status, service::Routes};

pub(crate) use self::status::reason;
use crate::{
    access::Rpc,
    app::App,
    auth,
    caller::{Caller, RequestContext},
    error::{Error, Result},
    ops::refusals,
};

/// Every service that needs a caller.
pub(crate) fn services(app: &App) -> Routes {
    Routes::new(AppointmentServiceServer::new(appointments::Appointments(app.clone())))
        .add_service(AvailabilityServiceServer::new(availability::Availability(app.clone())))
        .add_service(ClinicServiceServer::new(clinics::Clinics(app.clone())))
        .add_service(
            IdentityServiceServer::new(identity::Identity(app.clone()))
                .max_decoding_message_size(auth::LARGEST_WEBHOOK),
        )
        .add_service(AuditServiceServer::new(audit::Audit(app.clone())))
        .add_service(CalendarServiceServer::new(calendars::Calendars(app.clone())))
        .add_service(CallServiceServer::new(calls::Calls(app.clone())))
        .add_service(
            KnowledgeServiceServer::new(knowledge::Knowledge(app.clone()))
                .max_decoding_message_size(auth::LARGEST_DOCUMENT),
        )
}

/// Lets a caller in whose role and key allow the RPC, and whose request names nobody else's organisation.
async fn admit<T>(app: &App, rpc: Rpc, request: Request<T>) -> Result<(Caller, T), Status> {
    let caller = auth::caller(&request)?;
    match caller.is_whom_it_names().and_then(|()| rpc.admit(&caller)) {
        Ok(()) => Ok((caller, request.into_inner())),
        Err(error) => Err(refuse(app, &caller, rpc, error).await),
    }
}

/// Turns the outcome of an open operation into an answer; what was refused for its secret is written down.
async fn answer_stranger<T, P: From<T>>(
    app: &App,
    request: &RequestContext,
    rpc: Rpc,
    outcome: Result<T>,
) -> Result<Response<P>, Status> {
    let error = match outcome {
        Ok(done) => {
            request.outcome.is("OK");
            return Ok(Response::new(done.into()));
        }
        Err(error) => error,
    };
    let error = match refusals::record_stranger(app, request, rpc, &error).await {
        Ok(()) => error,
        Err(limited @ Error::RateLimited(_)) => limited,
        Err(unrecorded) => {
            tracing::error!(error = &unrecorded as &dyn std::error::Error, "a refusal was not written down");
            error
        }
    };
    request.outcome.is(reason(&error));
    Err(error.into())
}

/// Turns the outcome of an operation into an answer; a refusal is audited first.
async fn answer<T, P: From<T>>(
    app: &App,
    caller: &Caller,
    rpc: Rpc,
    outcome: Result<T>,
) -> Result<Response<P>, Status> {
    match outcome {
        Ok(done) => {
            caller.request.outcome.is("OK");
            Ok(Response::new(done.into()))
        }
        Err(error) => Err(refuse(app, caller, rpc, error).await),
    }
}

async fn refuse(app: &App, caller: &Caller, rpc: Rpc, error: Error) -> Status {
    let reason = reason(&error);
    // The refusal stands whether or not it can be written down.
    if let Err(unrecorded) = refusals::record(app, caller, rpc, &error, reason).await {
        tracing::error!(error = &unrecorded as &dyn std::error::Error, "a refusal was not audited");
    }
    caller.request.outcome.is(reason);
    error.into()
}
