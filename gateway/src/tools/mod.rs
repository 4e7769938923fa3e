//! What an assistant can do: one file a tool, with its arguments, its call and its sentence.

mod appointment_json;
mod arguments;
mod book_appointment;
mod cancel_appointment;
mod check_availability;
mod claims;
mod definition;
mod describe_clinic;
mod find_appointments;
mod hold_slot;
mod lookup_patient;
mod query_knowledge_base;
mod reschedule_appointment;
mod slot_arguments;
mod times;

use std::{borrow::Cow, time::Instant};

use serde_json::{Map, Value};

pub(crate) use appointment_json::{SlotJson, instant, status};

use crate::{
    app::App,
    context::Context,
    problem::Problem,
    say,
    vapi::{arguments::Unusable, tool_calls::bare},
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

/// The tools: each once.
macro_rules! tools {
    ($($tool:ident = $module:ident),* $(,)?) => {
        /// A tool.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Tool {
            $($tool,)*
        }

        impl Tool {
            const ALL: &[Self] = &[$(Self::$tool,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$tool => stringify!($module),)*
                }
            }

            fn definition(self, url: &str) -> Value {
                match self {
                    $(Self::$tool => definition::of::<$module::Arguments>(self.name(), url),)*
                }
            }

            async fn call(self, app: &App, context: &Context, given: Map<String, Value>) -> Result<Answer, Problem> {
                match self {
                    $(Self::$tool => $module::call(&app.upstream, context, given).await,)*
                }
            }
        }

        /// Reads the arguments as each of the tools would, for the sake of surviving it.
        #[cfg(test)]
        pub(crate) fn read_by_each(given: &Map<String, Value>) {
            $(let _ = $module::request(given.clone());)*
        }
    };
}

tools!(
    CheckAvailability = check_availability,
    HoldSlot = hold_slot,
    BookAppointment = book_appointment,
    FindAppointments = find_appointments,
    RescheduleAppointment = reschedule_appointment,
    CancelAppointment = cancel_appointment,
    LookupPatient = lookup_patient,
    DescribeClinic = describe_clinic,
    QueryKnowledgeBase = query_knowledge_base,
);

impl Tool {
    /// The tool of this name in any style: `bookAppointment` and `Book-Appointment` are `book_appointment`.
    fn named(name: &str) -> Option<Self> {
        let name = bare(name);
        Self::ALL.iter().copied().find(|tool| bare(tool.name()) == name)
    }
}

/// All tools, as the voice platform is told of them; `url` is where it calls them.
pub(crate) fn definitions(url: &str) -> Vec<Value> {
    Tool::ALL.iter().map(|tool| tool.definition(url)).collect()
}

/// Calls a tool. Whatever is wrong, the credential is looked at first: who is not let in learns nothing else.
pub(crate) async fn call(
    app: &App,
    context: &Context,
    name: &str,
    arguments: Result<Map<String, Value>, Unusable>,
) -> Result<Answer, Problem> {
    let (began, tool) = (Instant::now(), Tool::named(name));
    let noted = arguments.as_ref().ok().map(|given| claims::noted(context, given));
    let context = noted.as_ref().unwrap_or(context);
    let outcome = match (tool, arguments) {
        (None, _) => {
            let known: Vec<&str> = Tool::ALL.iter().map(|tool| tool.name()).collect();
            Err(Problem::unknown_tool(say::unknown_tool(&known)))
        }
        (Some(_), Err(why)) => Err(Problem::unusable(why)),
        (Some(tool), Ok(given)) => tool.call(app, context, given).await,
    };
    let outcome = match outcome {
        Err(problem) if problem.code == "INVALID_REQUEST" => Err(corrective(app, context, problem).await),
        other => other,
    };
    let reason =
        outcome.as_ref().map_or_else(|problem| problem.reason.clone().into(), |_| Cow::Borrowed("OK"));
    // A name that is no tool's could be any text.
    app.metrics.called(tool.map_or("unknown", Tool::name), reason, began.elapsed());
    outcome
}

/// A refusal that the model can mend, with what day it is: wrong dates are the commonest mistake. The question also makes sure that the
/// credential is good.
pub(crate) async fn corrective(app: &App, context: &Context, problem: Problem) -> Problem {
    match app.upstream.get_caller(context).await {
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

    #[test]
    fn a_definition_is_the_struct_that_reads_the_arguments() {
        let definitions = definitions("https://book.example.com/api/vapi/tools");
        for definition in &definitions {
            let function = &definition["function"];
            let description = function["description"].as_str().unwrap();
            assert!((40..1000).contains(&description.len()), "{description}");
            let properties = function["parameters"]["properties"].as_object().unwrap();
            for (name, property) in properties {
                let keywords: Vec<&String> = property.as_object().unwrap().keys().collect();
                assert_eq!(keywords, ["description", "type"], "{name}");
                let said = property["description"].as_str().unwrap();
                assert!(!said.is_empty() && !said.contains('\n'), "{name}: {said}");
            }
            let required = function["parameters"]["required"].as_array().into_iter().flatten();
            assert!(required.into_iter().all(|name| properties.contains_key(name.as_str().unwrap())));
        }
        let names: Vec<&Value> =
            definitions.iter().map(|definition| &definition["function"]["name"]).collect();
        assert_eq!(
            names,
            [
                "check_availability",
                "hold_slot",
                "book_appointment",
                "find_appointments",
                "reschedule_appointment",
                "cancel_appointment",
                "lookup_patient",
                "describe_clinic",
                "query_knowledge_base"
            ]
        );
        let book = &definitions[2]["function"]["parameters"];
        assert_eq!(book["required"], serde_json::json!(["patient_name"]));
        assert_eq!(book["properties"]["duration_minutes"]["type"], "integer");
        assert!(book["properties"].get("date").is_none(), "one way to say it is enough for a schema");
    }
}
