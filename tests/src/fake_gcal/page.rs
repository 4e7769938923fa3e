//! The calendars, for people to look at.

use std::fmt::Write as _;

use super::state::State;

/// All calendars with their events, in the order of time.
pub(super) fn page(state: &State) -> String {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>Calendars</title><style>body{font:16px system-ui;max-width:60em;margin:2em auto}\
         td{padding:.2em 1em .2em 0}.gone{color:#999;text-decoration:line-through}</style><h1>Calendars</h1>\
         <p>A stand-in for Google Calendar, on this machine alone.</p>",
    );
    let mut calendars: Vec<_> = state.calendars.iter().collect();
    calendars.sort_by_key(|(id, _)| *id);
    for (id, calendar) in calendars {
        let _ = write!(page, "<h2>{}</h2><table>", escaped(id));
        let mut events: Vec<_> = calendar.events.values().collect();
        events.sort_by_key(|event| event.start());
        for event in events {
            let start =
                event.fields.get("start").and_then(|start| start["dateTime"].as_str()).unwrap_or_default();
            let _ = write!(
                page,
                "<tr class={}><td>{}<td>{}<td>{}<td>{}",
                if event.is_cancelled { "gone" } else { "there" },
                escaped(start),
                escaped(event.text("summary")),
                escaped(event.text("location")),
                escaped(&event.id),
            );
        }
        page.push_str("</table>");
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
