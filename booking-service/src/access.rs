//! Who may call what: the one page. An RPC that is not here cannot be served.

use crate::{
    caller::{Caller, Role},
    error::{Error, Result},
};

/// An RPC as access, audit and idempotency know it.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// Its name in the API.
    pub name: &'static str,
    door: Door,
}

#[derive(Clone, Copy, Debug)]
enum Door {
    /// Needs no credential: it is how one comes by one.
    Open,
    /// Needs one of these roles.
    Roles(&'static [Role]),
}

impl Rpc {
    /// Whether it is for those who have no credential yet.
    pub fn is_open(self) -> bool {
        matches!(self.door, Door::Open)
    }

    /// Refuses callers whose role is too small, and keys that are for other tools.
    pub fn admit(self, caller: &Caller) -> Result<()> {
        let Door::Roles(roles) = self.door else { return Ok(()) };
        if !roles.contains(&caller.role) {
            return Err(Error::RoleTooSmall);
        }
        let Some(tools) = &caller.scope.tools else { return Ok(()) };
        let serves =
            |tool: &Tool| tools.iter().any(|name| name == tool.name) && tool.rpcs.contains(&self.name);
        // What a credential is, it may always ask; and that a call is over, it may always tell.
        if ALWAYS.contains(&self.name) || TOOLS.iter().any(serves) {
            Ok(())
        } else {
            Err(Error::ToolNotAllowed)
        }
    }
}

/// The RPC of this name, if there is one: what a stranger asks for could be any text.
pub fn rpc(name: &str) -> Option<Rpc> {
    ALL.iter().find(|rpc| rpc.name == name).copied()
}

/// A tool of the assistant's, and the RPCs that it needs.
#[derive(Clone, Copy, Debug)]
struct Tool {
    name: &'static str,
    rpcs: &'static [&'static str],
}

/// What every key may, whatever its tools.
const ALWAYS: [&str; 2] = [GET_CALLER.name, RECORD_CALL_EVENT.name];

/// What the scope of a machine's credential can name.
const TOOLS: &[Tool] = &[
    Tool { name: "check_availability", rpcs: &["CheckSlot", "SearchSlots"] },
    Tool { name: "hold_slot", rpcs: &["HoldSlot", "ReleaseHold"] },
    Tool { name: "book_appointment", rpcs: &["BookAppointment"] },
    Tool { name: "find_appointments", rpcs: &["ListAppointments", "GetAppointment"] },
    Tool { name: "reschedule_appointment", rpcs: &["RescheduleAppointment"] },
    Tool { name: "cancel_appointment", rpcs: &["CancelAppointment"] },
    Tool { name: "lookup_patient", rpcs: &["SearchPatients"] },
    Tool { name: "describe_clinic", rpcs: &["DescribeClinic"] },
    Tool { name: "query_knowledge_base", rpcs: &["SearchKnowledge"] },
];

/// The names of the tools.
pub fn tools() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}

const ANYBODY: Door = Door::Open;
const MEMBERS: Door = Door::Roles(&[Role::Admin, Role::Staff, Role::Provider, Role::Agent]);
const PEOPLE: Door = Door::Roles(&[Role::Admin, Role::Staff, Role::Provider]);
const DESK: Door = Door::Roles(&[Role::Admin, Role::Staff]);
const ADMINS: Door = Door::Roles(&[Role::Admin]);

macro_rules! rpcs {
    ($($constant:ident = $name:literal: $door:ident;)*) => {
        $(#[doc = concat!("`", $name, "`.")] pub const $constant: Rpc = Rpc { name: $name, door: $door };)*

        /// All of them.
        const ALL: &[Rpc] = &[$($constant),*];
    };
}

rpcs! {
    BOOK_APPOINTMENT = "BookAppointment": MEMBERS;
    GET_APPOINTMENT = "GetAppointment": MEMBERS;
    LIST_APPOINTMENTS = "ListAppointments": MEMBERS;
    CANCEL_APPOINTMENT = "CancelAppointment": MEMBERS;
    HOLD_SLOT = "HoldSlot": MEMBERS;
    RELEASE_HOLD = "ReleaseHold": MEMBERS;
    RESCHEDULE_APPOINTMENT = "RescheduleAppointment": MEMBERS;
    CONFIRM_APPOINTMENT = "ConfirmAppointment": MEMBERS;
    COMPLETE_APPOINTMENT = "CompleteAppointment": PEOPLE;
    MARK_NO_SHOW = "MarkNoShow": PEOPLE;

    CHECK_SLOT = "CheckSlot": MEMBERS;
    SEARCH_SLOTS = "SearchSlots": MEMBERS;

    CREATE_CLINIC = "CreateClinic": ADMINS;
    GET_CLINIC = "GetClinic": MEMBERS;
    LIST_CLINICS = "ListClinics": MEMBERS;
    CREATE_PROVIDER = "CreateProvider": ADMINS;
    GET_PROVIDER = "GetProvider": MEMBERS;
    LIST_PROVIDERS = "ListProviders": MEMBERS;
    ASSIGN_PROVIDER = "AssignProvider": ADMINS;
    UPDATE_CLINIC = "UpdateClinic": ADMINS;
    ARCHIVE_CLINIC = "ArchiveClinic": ADMINS;
    IMPORT_CLINIC = "ImportClinic": ADMINS;
    DESCRIBE_CLINIC = "DescribeClinic": MEMBERS;
    UPDATE_PROVIDER = "UpdateProvider": ADMINS;
    ARCHIVE_PROVIDER = "ArchiveProvider": ADMINS;
    UNASSIGN_PROVIDER = "UnassignProvider": ADMINS;
    CREATE_SERVICE = "CreateService": ADMINS;
    GET_SERVICE = "GetService": MEMBERS;
    LIST_SERVICES = "ListServices": MEMBERS;
    UPDATE_SERVICE = "UpdateService": ADMINS;
    ARCHIVE_SERVICE = "ArchiveService": ADMINS;
    GET_WORKING_HOURS = "GetWorkingHours": MEMBERS;
    SET_WORKING_HOURS = "SetWorkingHours": DESK;
    CREATE_ABSENCE = "CreateAbsence": DESK;
    LIST_ABSENCES = "ListAbsences": PEOPLE;
    UPDATE_ABSENCE = "UpdateAbsence": DESK;
    ARCHIVE_ABSENCE = "ArchiveAbsence": DESK;
    CREATE_PATIENT = "CreatePatient": PEOPLE;
    GET_PATIENT = "GetPatient": PEOPLE;
    UPDATE_PATIENT = "UpdatePatient": DESK;
    ARCHIVE_PATIENT = "ArchivePatient": DESK;
    SEARCH_PATIENTS = "SearchPatients": MEMBERS;

    SIGN_UP = "SignUp": ANYBODY;
    SIGN_IN = "SignIn": ANYBODY;
    REFRESH_SESSION = "RefreshSession": ANYBODY;
    SIGN_OUT = "SignOut": ANYBODY;
    ACCEPT_INVITATION = "AcceptInvitation": ANYBODY;
    EXCHANGE_WEBHOOK_SIGNATURE = "ExchangeWebhookSignature": ANYBODY;
    GET_JWKS = "GetJwks": ANYBODY;
    GET_CALLER = "GetCaller": MEMBERS;
    GET_PROFILE = "GetProfile": MEMBERS;
    INVITE_MEMBER = "InviteMember": ADMINS;
    LIST_MEMBERS = "ListMembers": ADMINS;
    UPDATE_MEMBER_ROLE = "UpdateMemberRole": ADMINS;
    REMOVE_MEMBER = "RemoveMember": ADMINS;
    CREATE_AGENT_KEY = "CreateAgentKey": ADMINS;
    LIST_AGENT_KEYS = "ListAgentKeys": ADMINS;
    REVOKE_AGENT_KEY = "RevokeAgentKey": ADMINS;
    CREATE_WEBHOOK_CREDENTIAL = "CreateWebhookCredential": ADMINS;
    LIST_WEBHOOK_CREDENTIALS = "ListWebhookCredentials": ADMINS;
    ROTATE_WEBHOOK_SECRET = "RotateWebhookSecret": ADMINS;
    REVOKE_WEBHOOK_CREDENTIAL = "RevokeWebhookCredential": ADMINS;

    LIST_AUDIT_EVENTS = "ListAuditEvents": ADMINS;

    CONNECT_CALENDAR = "ConnectCalendar": ADMINS;
    COMPLETE_CONNECT = "CompleteConnect": ANYBODY;
    LIST_CALENDARS = "ListCalendars": ADMINS;
    UPDATE_CALENDAR = "UpdateCalendar": ADMINS;
    DISCONNECT_CALENDAR = "DisconnectCalendar": ADMINS;
    GET_SYNC_STATUS = "GetSyncStatus": ADMINS;
    RESYNC_CALENDAR = "ResyncCalendar": ADMINS;
    LIST_DEAD_LETTERS = "ListDeadLetters": ADMINS;
    REQUEUE_DEAD_LETTER = "RequeueDeadLetter": ADMINS;

    RECORD_CALL_EVENT = "RecordCallEvent": MEMBERS;

    PUT_DOCUMENT = "PutDocument": DESK;
    GET_DOCUMENT = "GetDocument": PEOPLE;
    LIST_DOCUMENTS = "ListDocuments": PEOPLE;
    DELETE_DOCUMENT = "DeleteDocument": DESK;
    SEARCH_KNOWLEDGE = "SearchKnowledge": MEMBERS;

    // The operator's, who is asked by nobody.
    CREATE_ORGANISATION = "CreateOrganisation": ADMINS;
}
