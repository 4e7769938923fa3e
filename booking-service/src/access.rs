//! Who may call what: the one page. An RPC that is not here cannot be served.

use crate::caller::Role;

/// An RPC as access, audit and idempotency know it.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// Its name in the API.
    pub name: &'static str,
    roles: &'static [Role],
}

impl Rpc {
    /// Whether somebody in this role may call it.
    pub fn allows(self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The RPC's name, if there is one of that name: what a stranger asks for could be any text.
pub fn known(name: &str) -> Option<&'static str> {
    ALL.iter().map(|rpc| rpc.name).find(|known| *known == name)
}

const EVERYBODY: &[Role] = &[Role::Admin, Role::Staff, Role::Provider, Role::Agent];
const ADMINS: &[Role] = &[Role::Admin];

macro_rules! rpcs {
    ($($constant:ident = $name:literal: $roles:ident;)*) => {
        $(#[doc = concat!("`", $name, "`.")] pub const $constant: Rpc = Rpc { name: $name, roles: $roles };)*

        /// All of them.
        const ALL: &[Rpc] = &[$($constant),*];
    };
}

rpcs! {
    BOOK_APPOINTMENT = "BookAppointment": EVERYBODY;
    GET_APPOINTMENT = "GetAppointment": EVERYBODY;
    LIST_APPOINTMENTS = "ListAppointments": EVERYBODY;
    CANCEL_APPOINTMENT = "CancelAppointment": EVERYBODY;

    CHECK_SLOT = "CheckSlot": EVERYBODY;
    SEARCH_SLOTS = "SearchSlots": EVERYBODY;

    CREATE_CLINIC = "CreateClinic": ADMINS;
    GET_CLINIC = "GetClinic": EVERYBODY;
    LIST_CLINICS = "ListClinics": EVERYBODY;
    CREATE_PROVIDER = "CreateProvider": ADMINS;
    GET_PROVIDER = "GetProvider": EVERYBODY;
    LIST_PROVIDERS = "ListProviders": EVERYBODY;
    ASSIGN_PROVIDER = "AssignProvider": ADMINS;

    GET_CALLER = "GetCaller": EVERYBODY;

    CREATE_ORGANISATION = "CreateOrganisation": ADMINS;
}
