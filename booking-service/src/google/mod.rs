//! Google Calendar v3 over HTTP: tokens, and the four things that are done with events. It knows Google's words and none of our rows.

pub mod credential;
pub mod events;
pub mod failure;
mod oauth;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use reqwest::{Client, RequestBuilder, Url, header::RETRY_AFTER, redirect::Policy};
use secrecy::{ExposeSecret as _, SecretString};

use self::failure::{Class, Failure};
pub use self::oauth::{AccessToken, Consent, Pkce};
use crate::{
    config::{CalendarSettings, WrongSetting},
    key_file, web,
};

/// To write events, and nothing else: <https://developers.google.com/workspace/calendar/api/auth>.
const SCOPE: &str = "https://www.googleapis.com/auth/calendar.events";

/// An event is some kilobytes; one with hundreds of guests is not ours.
const LARGEST: usize = 1 << 20;

/// A connection is made quickly or not at all.
const CONNECT: Duration = Duration::from_secs(3);

/// The way to Google. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Google {
    http: Client,
    settings: Arc<CalendarSettings>,
    client_secret: Option<SecretString>,
}

/// What Google answered well.
type Answer = Result<Vec<u8>, Failure>;

impl Google {
    /// As the settings say.
    pub fn new(settings: &CalendarSettings) -> anyhow::Result<Self> {
        let secret =
            settings.google_client_secret.as_ref().filter(|secret| !secret.expose_secret().is_empty());
        let client_secret = secret.map(key_file::value_of).transpose();
        let client_secret = client_secret.context(WrongSetting("BOOKING_GOOGLE_CLIENT_SECRET"))?;
        let http = Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(CONNECT))
            // A token goes where the settings say, and nowhere else.
            .redirect(Policy::none())
            .user_agent("frontdesk")
            .build()?;
        Ok(Self {
            http,
            settings: Arc::new(settings.clone()),
            client_secret: client_secret.map(|text| text.trim().to_owned().into()),
        })
    }

    /// An address of the calendar API.
    fn address(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.settings.google_api_url.clone();
        let mut segments = url.path_segments_mut().map_err(|()| Failure::ours("bad_address"))?;
        segments.pop_if_empty().extend(path);
        drop(segments);
        Ok(url)
    }

    /// Asks, and reads what is answered. What it is about is in no log line: addresses and headers hold secrets and people's names.
    async fn ask(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.map_err(|error| Failure::unheard(&error))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        match web::body(response, LARGEST).await {
            Ok(body) if (200..300).contains(&status) => Ok(body),
            Ok(body) => Err(Failure::of(status, &body, retry_after)),
            // Cut off, or endless: it may have been done.
            Err(_) => {
                Err(Failure { class: Class::Unknown, status, reason: "cut_off".to_owned(), retry_after })
            }
        }
    }
}

/// Reads an answer; one that is no JSON, or another one, says nothing of what was done.
fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::unreadable())
}
