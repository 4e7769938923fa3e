//! The booking's statements as the service sends them, for looking at their plans and for measuring them without the service.

use booking_service::db::{appointment_lists, appointments, booking, candidates, places};

/// A statement, and the types of its parameters: over the wire, the driver declares them.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// What it is called here.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
    types: &'static [&'static str],
}

/// Finds clinic and providers.
pub const FIND: Statement = Statement {
    name: "find",
    sql: places::FIND,
    types: &["uuid", "uuid", "uuid[]", "bigint", "uuid", "text", "timestamp", "timestamp"],
};

/// Who is busy.
pub const BUSY: Statement = Statement {
    name: "busy",
    sql: places::BUSY,
    types: &["uuid", "uuid[]", "timestamptz", "timestamptz", "timestamptz", "timestamptz", "uuid"],
};

/// The first half of a booking.
pub const ENTER: Statement = Statement {
    name: "enter",
    sql: booking::ENTER,
    types: &[
        "uuid",
        "text",
        "text",
        "bytea",
        "uuid",
        "timestamptz",
        "uuid",
        "text",
        "text",
        "text",
        "text",
        "uuid[]",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "uuid",
    ],
};

/// The second half.
pub const WRITE: Statement = Statement {
    name: "write",
    sql: booking::WRITE,
    types: &[
        "uuid",
        "uuid[]",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "uuid",
        "uuid",
        "uuid",
        "text",
        "text",
        "uuid",
        "text",
        "text",
        "text",
        "text",
        "text",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "uuid",
        "text",
        "text",
    ],
};

/// The second half, where there is a hold or an appointment already.
pub const AMEND: Statement = Statement {
    name: "amend",
    sql: booking::AMEND,
    types: &[
        "uuid",
        "uuid[]",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "uuid",
        "uuid",
        "uuid",
        "timestamptz",
        "timestamptz",
        "uuid",
        "text",
        "text",
        "uuid",
        "text",
        "text",
        "text",
        "text",
        "text",
        "text",
    ],
};

/// What this call has booked already.
pub const MADE_IN_CALL: Statement = Statement {
    name: "made_in_call",
    sql: appointments::MADE_IN_CALL,
    types: &["uuid", "text", "timestamptz", "timestamptz", "uuid[]", "text", "text", "text"],
};

/// One appointment.
pub const GET: Statement = Statement { name: "get", sql: appointments::GET, types: &["uuid", "uuid"] };

/// The appointment with a code.
pub const GET_BY_CODE: Statement =
    Statement { name: "get_by_code", sql: appointments::GET_BY_CODE, types: &["uuid", "text"] };

const LIST_TYPES: &[&str] = &[
    "uuid",
    "uuid",
    "uuid",
    "timestamptz",
    "timestamptz",
    "text",
    "text",
    "timestamptz",
    "uuid",
    "bigint",
    "bool",
    "uuid[]",
    "timestamptz",
];

/// A page of an organisation's appointments.
pub const LIST: Statement = Statement { name: "list", sql: appointment_lists::LIST, types: LIST_TYPES };

/// A page of one caller's appointments.
pub const LIST_OF_NUMBER: Statement =
    Statement { name: "list_of_number", sql: appointment_lists::LIST_OF_NUMBER, types: LIST_TYPES };

/// The passages that speak of what a question speaks of.
pub const BY_WORDS: Statement = Statement {
    name: "by_words",
    sql: candidates::BY_WORDS,
    types: &["uuid", "text[]", "bigint", "float8", "uuid[]", "bigint", "bigint"],
};

/// The passages that may answer it.
pub const CANDIDATES: Statement =
    Statement { name: "candidates", sql: candidates::CANDIDATES, types: &["uuid", "text[]", "uuid[]"] };

impl Statement {
    /// `prepare …`, as SQL.
    pub fn prepare(&self) -> String {
        format!("prepare {} ({}) as {}", self.name, self.types.join(", "), self.sql)
    }

    /// `execute …` with these values, which are SQL expressions.
    pub fn execute(&self, values: &[&str]) -> String {
        assert_eq!(values.len(), self.types.len(), "values for {}", self.name);
        format!("execute {} ({})", self.name, values.join(", "))
    }

    /// The statement itself with these values in the place of its parameters, each of its declared type.
    pub fn with_values(&self, values: &[&str]) -> String {
        assert_eq!(values.len(), self.types.len(), "values for {}", self.name);
        let mut parts = self.sql.split('$');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = part[..digits].parse().unwrap_or_default();
            text + &format!("({})::{}", values[number - 1], self.types[number - 1]) + &part[digits..]
        })
    }
}
