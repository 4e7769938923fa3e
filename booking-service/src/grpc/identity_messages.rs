//! The messages about people who sign in, and about who is calling.

use std::sync::Arc;

use proto::booking::v1 as pb;

use super::convert::Check;
use crate::{
    caller::Role,
    domain::{
        clinic::{self, Clinic},
        member::{Member, Profile, Session},
        password::Password,
        patient::Email,
        text::Name,
    },
    error::{Error, Result},
    keys::Keys,
    ops::{
        Done,
        accept_invitation::AcceptInvitation,
        get_caller::Introduction,
        sessions::ACCESS_LIFETIME,
        sign_in::SignIn,
        sign_up::{SignUp, SignedUp},
    },
    token::{VOICE, issuer::SigningKey},
};

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Staff => Self::Staff,
            Role::Provider => Self::Provider,
            Role::Agent => Self::Agent,
        }
    }
}

impl TryFrom<pb::SignUpRequest> for SignUp {
    type Error = Error;

    fn try_from(request: pb::SignUpRequest) -> Result<Self> {
        let pb::SignUpRequest {
            email,
            password,
            full_name,
            organization_name,
            clinic_name,
            time_zone,
            provider_name,
        } = request;
        let mut check = Check::default();
        let password = check.field("password", Password::choose(&password, &email));
        let email = check.field("email", Email::parse(&email));
        let full_name = check.field("full_name", Name::parse(&full_name));
        let organisation = check.field("organization_name", Name::parse(&organization_name));
        let clinic = check.field("clinic_name", Name::parse(&clinic_name));
        let zone = check.field("time_zone", clinic::zone(&time_zone));
        let provider =
            Some(provider_name).filter(|name| !name.trim().is_empty()).map(|name| Name::parse(&name));
        let provider = check.field("provider_name", provider.transpose());
        let command = || {
            Some(Self {
                email: email?,
                password: password?,
                full_name: full_name?,
                organisation: organisation?,
                clinic: clinic?,
                zone: zone?,
                provider: provider?,
            })
        };
        check.finish(command())
    }
}

impl TryFrom<pb::SignInRequest> for SignIn {
    type Error = Error;

    fn try_from(request: pb::SignInRequest) -> Result<Self> {
        let pb::SignInRequest { email, password, org_id } = request;
        let mut check = Check::default();
        let email = check.field("email", Email::parse(&email));
        let password = check.field("password", Password::given(&password));
        let org = check.optional_id("org_id", &org_id);
        let command = || Some(Self { email: email?, password: password?, org });
        check.finish(command())
    }
}

impl TryFrom<pb::AcceptInvitationRequest> for AcceptInvitation {
    type Error = Error;

    fn try_from(request: pb::AcceptInvitationRequest) -> Result<Self> {
        let pb::AcceptInvitationRequest { invitation_token, password, full_name } = request;
        let mut check = Check::default();
        // The rule for passwords needs the address, which only the invitation knows.
        check.field("password", Password::given(&password));
        let full_name = check.field("full_name", Name::parse(&full_name));
        let command = || {
            Some(Self { token: invitation_token.into(), password: password.into(), full_name: full_name? })
        };
        check.finish(command())
    }
}

impl From<Session> for pb::Session {
    fn from(session: Session) -> Self {
        let Session { access_token, refresh_token, profile } = session;
        Self {
            access_token,
            expires_in_seconds: seconds(ACCESS_LIFETIME),
            refresh_token,
            profile: Some(profile.into()),
        }
    }
}

/// A lifetime of ours, which is short.
pub(super) fn seconds(lifetime: jiff::SignedDuration) -> i32 {
    lifetime.as_secs().try_into().unwrap_or(i32::MAX)
}

impl From<Profile> for pb::Profile {
    fn from(profile: Profile) -> Self {
        let Profile { member, org, org_name } = profile;
        let Member { user, full_name, email, role, created_at: _ } = member;
        Self {
            user_id: user.to_string(),
            email,
            full_name,
            role: pb::Role::from(role).into(),
            org_id: org.to_string(),
            org_name,
        }
    }
}

impl From<SignedUp> for pb::SignUpResponse {
    fn from(signed_up: SignedUp) -> Self {
        let SignedUp { session, clinic, now } = signed_up;
        Self { session: Some(session.into()), clinic: Some(caller_clinic(clinic, now)) }
    }
}

macro_rules! session_responses {
    ($($response:ident),*) => {
        $(impl From<Session> for pb::$response {
            fn from(session: Session) -> Self {
                Self { session: Some(session.into()) }
            }
        })*
    };
}

session_responses!(SignInResponse, RefreshSessionResponse, AcceptInvitationResponse);

impl From<Done> for pb::SignOutResponse {
    fn from(Done: Done) -> Self {
        Self {}
    }
}

impl From<Profile> for pb::GetProfileResponse {
    fn from(profile: Profile) -> Self {
        Self { profile: Some(profile.into()) }
    }
}

/// The keys that verify our tokens.
pub(super) struct PublicKeys(pub(super) Arc<Keys>);

impl From<PublicKeys> for pb::GetJwksResponse {
    fn from(PublicKeys(keys): PublicKeys) -> Self {
        let key = |key: &SigningKey| pb::JsonWebKey { kid: key.id.clone(), x: key.public_in_base64url() };
        Self { keys: keys.issuer.keys.iter().map(key).collect() }
    }
}

impl From<Introduction> for pb::GetCallerResponse {
    fn from(introduction: Introduction) -> Self {
        let Introduction { caller, org_name, clinics, now } = introduction;
        Self {
            org_id: caller.org.to_string(),
            org_name,
            subject: caller.subject.to_string(),
            role: pb::Role::from(caller.role).into(),
            scopes: caller.is_voice().then(|| VOICE.to_owned()).into_iter().collect(),
            clinics: clinics.into_iter().map(|clinic| caller_clinic(clinic, now)).collect(),
            tools: caller.scope.tools.clone().unwrap_or_default(),
        }
    }
}

fn caller_clinic(clinic: Clinic, now: jiff::Timestamp) -> pb::CallerClinic {
    let today = clinic.today(now);
    pb::CallerClinic {
        clinic_id: clinic.id.to_string(),
        name: clinic.name,
        local_date: today.date.to_string(),
        weekday: today.weekday(),
        spoken_date: today.spoken(),
        time_zone: today.time_zone,
    }
}
