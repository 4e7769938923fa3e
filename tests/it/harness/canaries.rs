//! What no log line, at whatever level and of whatever crate, and no metric may hold: patients' data, passwords, tokens and keys. Every test listens.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

use tracing_subscriber::{Layer as _, filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt as _};

/// The patient of most tests, and the password of everybody who signs up.
const KNOWN: [&str; 5] =
    ["Whitfield", "7185550199", "dana@example.com", "a reason of their own", super::people::PASSWORD];

static WATCHED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen, in this process.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A test that wants to read lines itself has been first.
        let _ = tracing::subscriber::set_global_default(listener(&HEARD));
    });
}

/// Hears every line of every crate, and keeps those that hold a secret.
pub(crate) fn listener(heard: &'static Mutex<Vec<String>>) -> impl tracing::Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt::layer().with_writer(Listener(heard)).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(LevelFilter::TRACE))
}

/// From now on, this is a secret.
pub(crate) fn watch(secret: &str) {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() > 8 && !watched.iter().any(|known| known == secret) {
        watched.push(secret.to_owned());
    }
}

/// The secrets in a text.
pub(crate) fn found_in(text: &str) -> Vec<String> {
    let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let all = KNOWN.iter().copied().chain(watched.iter().map(String::as_str));
    all.filter(|secret| text.contains(secret)).map(str::to_owned).collect()
}

/// The lines that held a secret.
pub(crate) fn heard() -> Vec<String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone, Copy)]
struct Listener(&'static Mutex<Vec<String>>);

impl io::Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if !found_in(&line).is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Listener {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}
