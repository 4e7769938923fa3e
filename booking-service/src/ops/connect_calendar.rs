//! Connects a provider's calendar: by a person's consent at Google, or with a service account's key.

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    access::{COMPLETE_CONNECT, CONNECT_CALENDAR, Rpc},
    app::App,
    caller::{Caller, RequestContext},
    db::{
        TenantTx,
        audit::{self, Entry},
        calendar_consents::{self, AskedConsent},
        calendar_sync, calendars, providers,
    },
    domain::{
        calendar::{Calendar, CalendarChoices, CalendarState, GoogleCalendarId},
        ids::{CalendarConsentId, CalendarId, ProviderId},
        opaque_key::{KeyKind, OpaqueKey},
    },
    error::{Error, Resource, Result},
    google::{
        AccessToken, Consent, Pkce,
        credential::{Credential, ServiceAccount},
        events::Way,
        failure::{Class, Failure},
    },
};

/// How long a person may take to consent.
const CONSENT_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Whose calendar, which, and how.
#[derive(Clone, Debug)]
pub struct ConnectCalendar {
    /// Whose.
    pub provider: ProviderId,
    /// Which.
    pub google_id: GoogleCalendarId,
    /// What is to be written.
    pub choices: CalendarChoices,
    /// With this account; `None`: by consent.
    pub service_account: Option<ServiceAccount>,
}

/// What comes of it.
#[derive(Clone, Debug)]
pub enum Connecting {
    /// A person has to go there and consent, until then.
    Asked(Url, Timestamp),
    /// It is connected.
    Connected(Box<Calendar>),
}

/// Who comes back from Google.
#[derive(Clone, Debug)]
pub struct CompleteConnect {
    /// What Google was given on the way there.
    pub state: SecretString,
    /// Stands for the consent; `None`: there was none.
    pub code: Option<SecretString>,
}

/// Connects a calendar with a service account, or says where a person has to consent.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn connect_calendar(app: &App, caller: &Caller, command: ConnectCalendar) -> Result<Connecting> {
    let ConnectCalendar { provider, google_id, choices, service_account } = command;
    known(&mut app.db.worker_tx(caller).await?, provider).await?;
    let wish = Wish { rpc: CONNECT_CALENDAR, provider, google_id, choices, by: caller.subject.to_string() };
    let Some(account) = service_account else {
        let (url, until) = ask(app, caller, wish).await?;
        return Ok(Connecting::Asked(url, until));
    };
    let credential = Credential::ServiceAccount(account);
    let token = app.calendars.google.access_token(&credential, app.clock.now()).await.map_err(refused)?;
    let calendar = connect(app, caller, wish, &credential, token).await?;
    Ok(Connecting::Connected(Box::new(calendar)))
}

/// Connects the calendar that a person consented to.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn complete_connect(
    app: &App,
    request: &RequestContext,
    command: CompleteConnect,
) -> Result<Calendar> {
    let CompleteConnect { state, code } = command;
    let key =
        OpaqueKey::parse(KeyKind::CalendarConsent, state.expose_secret()).ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    // Used from now on, whatever comes of it: a code is good once, and so is its question.
    let mut tx = app.db.worker_tx(&Caller::unknown(key.org, request)).await?;
    let asked = calendar_consents::take(&mut tx, &key, now).await?.ok_or(Error::Unauthenticated)?;
    tx.commit().await?;
    if asked.is_used || asked.expires_at <= now {
        return Err(Error::ConsentExpired);
    }
    let code = code.ok_or_else(|| Error::GoogleRefused("access_denied".to_owned()))?;
    let place = calendar_consents::place(key.org, &key);
    let verifier = app.keys.get().vault.open(&asked.verifier, place).map_err(Error::Internal)?;
    let verifier = String::from_utf8(verifier).map_err(|error| Error::Internal(error.into()))?;
    let consent = app.calendars.google.redeem(&code, &verifier, now).await.map_err(refused)?;
    let Consent { refresh_token, access_token } = consent;
    let AskedConsent { provider, google_id, choices, asked_by, .. } = asked;
    // Who consents is known to Google alone; it was the one who asked that sent them there.
    let caller =
        Caller { subject: asked_by.as_str().into(), request: request.clone(), ..Caller::system(key.org) };
    let wish = Wish { rpc: COMPLETE_CONNECT, provider, google_id, choices, by: asked_by };
    connect(app, &caller, wish, &Credential::RefreshToken(refresh_token), access_token).await
}

/// The calendar that somebody wants connected.
struct Wish {
    rpc: Rpc,
    provider: ProviderId,
    google_id: GoogleCalendarId,
    choices: CalendarChoices,
    by: String,
}

/// Makes the way to Google and back.
async fn ask(app: &App, caller: &Caller, wish: Wish) -> Result<(Url, Timestamp)> {
    let Wish { rpc, provider, google_id, choices, by } = wish;
    let (id, now) = (CalendarConsentId::generate(), app.clock.now());
    let key = OpaqueKey::generate(KeyKind::CalendarConsent, caller.org, id.into())
        .map_err(|error| Error::Internal(error.into()))?;
    let pkce = Pkce::generate().map_err(|error| Error::Internal(error.into()))?;
    let url = app.calendars.google.consent_url(key.expose(), &pkce).ok_or(Error::GoogleNotConfigured)?;
    let verifier = pkce.verifier.expose_secret().as_bytes();
    let place = calendar_consents::place(caller.org, &key);
    let verifier = app.keys.get().vault.seal(verifier, place).map_err(Error::Internal)?;
    let expires_at = now + CONSENT_LIFETIME;
    let asked =
        AskedConsent { provider, google_id, choices, asked_by: by, verifier, expires_at, is_used: false };
    let mut tx = app.db.worker_tx(caller).await?;
    calendar_consents::insert(&mut tx, &key, &asked, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(rpc, "provider", provider)).await?;
    tx.commit().await?;
    Ok((url, expires_at))
}

/// Looks whether the calendar can be written to, then keeps it, and puts the provider's coming appointments on their way.
async fn connect(
    app: &App,
    caller: &Caller,
    wish: Wish,
    credential: &Credential,
    token: AccessToken,
) -> Result<Calendar> {
    let Wish { rpc, provider, google_id, choices, by } = wish;
    let way = Way { calendar: &google_id, credential, token: &token };
    let look = app.calendars.google.look(way).await.map_err(|failure| {
        let is_missing = failure.class == Class::Missing;
        if is_missing { Error::GoogleRefused("calendar_not_found".to_owned()) } else { refused(failure) }
    })?;
    if !look.is_writable {
        return Err(Error::GoogleRefused("calendar_not_writable".to_owned()));
    }
    let now = app.clock.now();
    let mut tx = app.db.worker_tx(caller).await?;
    known(&mut tx, provider).await?;
    providers::lock(&mut tx, provider).await?;
    let before = calendars::lock_for(&mut tx, provider, &google_id).await?;
    let calendar = Calendar {
        id: before.unwrap_or_else(CalendarId::generate),
        provider,
        google_id,
        name: look.name,
        kind: credential.kind(),
        state: CalendarState::Connected,
        trouble: None,
        choices,
        connected_by: by,
        connected_at: now,
        last_success_at: None,
    };
    if let Some(other) = calendars::disconnect(&mut tx, provider, before).await? {
        calendar_sync::let_go(&mut tx, other).await?;
        app.calendars.forget(other);
    }
    let place = calendars::place(caller.org, calendar.id);
    let secret = credential.seal(&app.keys.get().vault, place).map_err(Error::Internal)?;
    let installation = &app.calendars.settings.installation;
    calendars::connect(&mut tx, &calendar, before.is_some(), &secret, installation).await?;
    calendar_sync::bring(&mut tx, provider, calendar.id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(rpc, "calendar", calendar.id)).await?;
    tx.commit().await?;
    app.calendars.remember(calendar.id, &secret, token);
    app.calendars.knock(caller.org);
    Ok(calendar)
}

async fn known(tx: &mut TenantTx, provider: ProviderId) -> Result<()> {
    let found = providers::get(tx, provider).await?;
    found.map(drop).ok_or_else(|| Error::not_found(Resource::Provider, provider))
}

/// What the caller is told of Google's answer.
fn refused(failure: Failure) -> Error {
    match failure.class {
        Class::Unknown | Class::Throttled | Class::Quota => Error::GoogleUnavailable(failure),
        Class::Misconfigured => Error::GoogleNotConfigured,
        Class::Unauthorised
        | Class::Reauthorise
        | Class::Missing
        | Class::Gone
        | Class::Duplicate
        | Class::Changed
        | Class::Permanent => Error::GoogleRefused(failure.reason),
    }
}
