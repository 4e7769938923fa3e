//! An id of each kind of thing, so that one cannot be taken for another.

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id. Ids sort by the time they were made.
            #[expect(clippy::disallowed_methods, reason = "the one place where ids are made")]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// An organisation: the tenant.
    OrgId
);
id!(
    /// A place where patients are seen.
    ClinicId
);
id!(
    /// Somebody whose time is booked.
    ProviderId
);
id!(
    /// A person who comes.
    PatientId
);
id!(
    /// A visit, from hold to the end.
    AppointmentId
);
id!(
    /// What can be booked: a treatment.
    ServiceId
);
id!(
    /// A closure of a clinic, or time off of a provider.
    AbsenceId
);
id!(
    /// A row of the audit.
    AuditId
);
id!(
    /// A person who signs in.
    UserId
);
id!(
    /// A machine's key.
    AgentKeyId
);
id!(
    /// An invitation to become a member.
    InvitationId
);
id!(
    /// A provider's calendar.
    CalendarId
);
id!(
    /// A consent that somebody was asked for.
    CalendarConsentId
);
id!(
    /// What a clinic tells its callers.
    DocumentId
);
id!(
    /// A part of a document that may answer.
    PassageId
);
