//! What an assistant can do: one file a tool, with its arguments, its call and its sentence.

mod appointment_json;
mod arguments;
mod book_appointment;
mod cancel_appointment;
mod check_availability;

use serde_json::{Map, Value};

pub(crate) use appointment_json::SlotJson;

use crate::{
    problem::Problem,
    say,
    upstream::{Context, Upstream},
};

/// What a tool answers: a sentence, and for programs the facts.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) say: String,
    pub(crate) facts: Map<String, Value>,
}

impl Answer {
    /// `facts` is an object.
    fn new(say: String, facts: Value) -> Self {
        let facts = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Self { say, facts }
    }
}

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    BookAppointment,
    CancelAppointment,
    CheckAvailability,
}

impl Tool {
    const ALL: [Self; 3] = [Self::BookAppointment, Self::CancelAppointment, Self::CheckAvailability];

    fn name(self) -> &'static str {
        match self {
            Self::BookAppointment => "book_appointment",
            Self::CancelAppointment => "cancel_appointment",
            Self::CheckAvailability => "check_availability",
        }
    }

    /// The tool of this name in any style: `bookAppointment` and `Book-Appointment` are `book_appointment`.
    fn named(name: &str) -> Option<Self> {
        let bare = |name: &str| -> String {
            name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
        };
        let name = bare(name);
        Self::ALL.into_iter().find(|tool| bare(tool.name()) == name)
    }
}

/// Calls a tool. Whatever is wrong, the credential is looked at first: who is not let in learns nothing else.
pub(crate) async fn call(
    upstream: &Upstream,
    context: &Context,
    name: &str,
    arguments: Result<Map<String, Value>, &'static str>,
) -> Result<Answer, Problem> {
    let outcome = match (Tool::named(name), arguments) {
        (None, _) => {
            let known: Vec<&str> = Tool::ALL.iter().map(|tool| tool.name()).collect();
            Err(Problem::unknown_tool(say::unknown_tool(&known)))
        }
        (Some(_), Err(problem)) => Err(Problem::unreadable(problem)),
        (Some(Tool::BookAppointment), Ok(given)) => book_appointment::call(upstream, context, given).await,
        (Some(Tool::CancelAppointment), Ok(given)) => {
            cancel_appointment::call(upstream, context, given).await
        }
        (Some(Tool::CheckAvailability), Ok(given)) => {
            check_availability::call(upstream, context, given).await
        }
    };
    match outcome {
        Err(problem) if problem.code == "INVALID_REQUEST" => {
            Err(corrective(upstream, context, problem).await)
        }
        other => other,
    }
}

/// A refusal that the model can mend, with what day it is: wrong dates are the commonest mistake. The question also makes sure that the
/// credential is good.
pub(crate) async fn corrective(upstream: &Upstream, context: &Context, problem: Problem) -> Problem {
    match upstream.get_caller(context).await {
        Ok(_) if problem.says_today => problem,
        Ok(caller) => problem.saying_also(&say::today(&caller)),
        Err(status) => status.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_name_in_any_style() {
        for name in
            ["book_appointment", "bookAppointment", "BookAppointment", "book-appointment", "BOOKAPPOINTMENT"]
        {
            assert_eq!(Tool::named(name), Some(Tool::BookAppointment), "{name}");
        }
        for name in ["", "book", "book_appointments", "book_appointment; drop table"] {
            assert_eq!(Tool::named(name), None, "{name}");
        }
    }
}
