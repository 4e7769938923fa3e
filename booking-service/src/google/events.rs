//! Events: insert, get, patch, delete, and a look at the calendar that they are in.

use jiff::{Timestamp, tz::TimeZone};
use reqwest::{
    Method, RequestBuilder,
    header::{HeaderValue, IF_MATCH},
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{AccessToken, Google, credential::Credential, failure::Failure, read};
use crate::domain::{
    calendar::GoogleCalendarId,
    event::{Event, EventName},
};

/// A calendar, and what opens it.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Which.
    pub calendar: &'a GoogleCalendarId,
    /// Whose it is.
    pub credential: &'a Credential,
    /// Opens it for now.
    pub token: &'a AccessToken,
}

/// An event that is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is known by.
    pub name: &'a EventName<'a>,
    /// Of which version of the appointment.
    pub version: i64,
    /// What it shows.
    pub event: &'a Event,
    /// What we wrote into the field that is the provider's own now has to go.
    pub clear_description: bool,
}

/// An event as it is at Google.
#[derive(Clone, Debug)]
pub struct Remote {
    /// As it is now: changes are made to this one or not at all.
    pub etag: String,
    /// Deleted.
    pub is_cancelled: bool,
    /// Of which installation.
    pub installation: Option<String>,
    /// Of which appointment.
    pub appointment: Option<String>,
    /// Of which version of it.
    pub version: Option<i64>,
    shown: Resource,
}

/// Who may do what in a calendar.
#[derive(Clone, Debug)]
pub struct Look {
    /// What people call it.
    pub name: String,
    /// Whether we may write.
    pub is_writable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Resource {
    etag: String,
    status: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    location: Option<String>,
    start: Option<Time>,
    end: Option<Time>,
    transparency: Option<String>,
    extended_properties: Properties,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Properties {
    private: Map<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Time {
    date_time: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    summary: Option<String>,
    access_role: Option<String>,
}

impl Google {
    /// Makes an event under an id of ours.
    pub async fn insert(&self, way: Way<'_>, writing: Writing<'_>) -> Result<Remote, Failure> {
        let mut body = body(writing);
        body.insert("id".to_owned(), json!(writing.id));
        let request = self.request(Method::POST, way, &[])?.query(&[("sendUpdates", "none")]).json(&body);
        remote(&self.ask(request).await?)
    }

    /// The event of this id; one that was deleted is still given.
    pub async fn get(&self, way: Way<'_>, id: &str) -> Result<Remote, Failure> {
        remote(&self.ask(self.request(Method::GET, way, &[id])?).await?)
    }

    /// Changes what is ours of an event, if it is still as it was.
    pub async fn patch(&self, way: Way<'_>, writing: Writing<'_>, etag: &str) -> Result<Remote, Failure> {
        let request = self.request(Method::PATCH, way, &[writing.id])?.query(&[("sendUpdates", "none")]);
        remote(&self.ask(if_match(request, etag)?.json(&body(writing))).await?)
    }

    /// Deletes an event, if it is still as it was.
    pub async fn delete(&self, way: Way<'_>, id: &str, etag: Option<&str>) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, way, &[id])?.query(&[("sendUpdates", "none")]);
        let request = match etag {
            Some(etag) => if_match(request, etag)?,
            None => request,
        };
        self.ask(request).await.map(drop)
    }

    /// What the calendar is called, and whether we may write to it.
    pub async fn look(&self, way: Way<'_>) -> Result<Look, Failure> {
        // Nothing of what is in it.
        let query = [("maxResults", "1"), ("fields", "summary,accessRole")];
        let List { summary, access_role } =
            read(&self.ask(self.request(Method::GET, way, &[])?.query(&query)).await?)?;
        let is_writable = matches!(access_role.as_deref(), Some("writer" | "owner"));
        let name = summary.unwrap_or_default().chars().take(254).collect();
        Ok(Look { name, is_writable })
    }

    fn request(&self, method: Method, way: Way<'_>, rest: &[&str]) -> Result<RequestBuilder, Failure> {
        let path = ["calendars", way.calendar.as_str(), "events"];
        let url = self.address(&path.into_iter().chain(rest.iter().copied()).collect::<Vec<_>>())?;
        let request = self.http.request(method, url).bearer_auth(way.token.text.expose_secret());
        // Who it is for is Google's to know already; a name that says nothing will do.
        let user =
            way.credential.acts_for().map(|user| data_encoding::HEXLOWER.encode(&Sha256::digest(user)[..16]));
        Ok(match user {
            Some(user) => request.query(&[("quotaUser", user)]),
            None => request,
        })
    }
}

impl Remote {
    /// Whether it shows what it should.
    pub fn shows(&self, event: &Event, clear_description: bool) -> bool {
        let Resource { summary, description, location, start, end, transparency, .. } = &self.shown;
        let at = |time: &Option<Time>| time.as_ref().and_then(|time| time.date_time);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let described = match &event.description {
            Some(wanted) => text(description) == *wanted,
            None => !clear_description || text(description).is_empty(),
        };
        described
            && text(summary) == event.summary
            && text(location) == event.location
            && at(start) == Some(event.start)
            && at(end) == Some(event.end)
            && transparency.as_deref().is_none_or(|word| word == "opaque")
    }
}

fn if_match(request: RequestBuilder, etag: &str) -> Result<RequestBuilder, Failure> {
    let etag = HeaderValue::from_str(etag).map_err(|_| Failure::ours("bad_etag"))?;
    Ok(request.header(IF_MATCH, etag))
}

/// What is ours of an event. The rest (colour, reminders, guests) is the provider's.
fn body(writing: Writing<'_>) -> Map<String, Value> {
    let Writing { id: _, name, version, event, clear_description } = writing;
    let Event { summary, description, location, start, end, zone } = event;
    let mut body = Map::from_iter([
        ("summary".to_owned(), json!(summary)),
        ("location".to_owned(), json!(location)),
        ("start".to_owned(), time(*start, zone)),
        ("end".to_owned(), time(*end, zone)),
        ("status".to_owned(), json!("confirmed")),
        ("transparency".to_owned(), json!("opaque")),
        (
            "extendedProperties".to_owned(),
            json!({ "private": {
                "bk_inst": name.installation,
                "bk_appt": name.appointment.to_string(),
                "bk_gen": name.generation.to_string(),
                "bk_ver": version.to_string(),
            } }),
        ),
    ]);
    if let Some(description) = description {
        body.insert("description".to_owned(), json!(description));
    } else if clear_description {
        body.insert("description".to_owned(), json!(""));
    }
    body
}

/// An instant on the clinic's wall clock.
fn time(at: Timestamp, zone: &TimeZone) -> Value {
    let text = at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    json!({ "dateTime": text, "timeZone": zone.iana_name() })
}

fn remote(body: &[u8]) -> Result<Remote, Failure> {
    let shown: Resource = read(body)?;
    let is_cancelled = shown.status.as_deref() == Some("cancelled");
    // Without it, no change could be made safely; of a deleted event only the id is promised.
    if shown.etag.is_empty() && !is_cancelled {
        return Err(Failure::unreadable());
    }
    let property =
        |name: &str| shown.extended_properties.private.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Remote {
        etag: shown.etag.clone(),
        is_cancelled,
        installation: property("bk_inst"),
        appointment: property("bk_appt"),
        version: property("bk_ver").and_then(|version| version.parse().ok()),
        shown,
    })
}
