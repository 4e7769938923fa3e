//! The booking service as a program of its own, which can be killed.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tests::fake_gcal::{FakeGcal, WELL_KNOWN_CLIENT};
use tokio::sync::OnceCell;

use super::database::TestDatabase;

/// A copy of the booking service. Killed with this value, at the latest.
pub(crate) struct Program {
    child: Child,
    /// Where gRPC is served.
    pub(crate) grpc: String,
}

/// Keys that all copies have, and all starts of them.
async fn keys() -> &'static [(&'static str, String)] {
    static KEYS: OnceCell<Vec<(&'static str, String)>> = OnceCell::const_new();
    KEYS.get_or_init(async || {
        use booking_service::{config::KeyPurpose, keys::new_key};
        vec![
            ("BOOKING_SIGNING_KEYS", new_key(KeyPurpose::Signing).unwrap()),
            ("BOOKING_SECRET_KEYS", new_key(KeyPurpose::Secret).unwrap()),
        ]
    })
    .await
}

/// What encrypts secrets for those programs.
pub(crate) async fn secret_key() -> String {
    keys().await[1].1.clone()
}

impl Program {
    /// Starts one, and waits until it serves. Its log is discarded: what it says is listened to elsewhere.
    pub(crate) async fn start(database: &TestDatabase, fake: &FakeGcal, more: &[(&str, &str)]) -> Self {
        let [grpc, http] =
            [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string());
        let logins = database.logins();
        let secret = |url: &secrecy::SecretString| secrecy::ExposeSecret::expose_secret(url).to_owned();
        let child = Command::new(binary())
            .arg("serve")
            .env_clear()
            .env("DATABASE_URL", &database.service_url)
            .env("BOOKING_AUTH_URL", secret(&logins.auth_url))
            .env("BOOKING_WORKER_URL", secret(&logins.worker_url))
            .env("BOOKING_ROUTER_URL", secret(&logins.router_url))
            .env("BOOKING_GRPC_ADDRESS", &grpc)
            .env("BOOKING_HTTP_ADDRESS", &http)
            .env("BOOKING_GOOGLE_CLIENT_ID", WELL_KNOWN_CLIENT.0)
            .env("BOOKING_GOOGLE_CLIENT_SECRET", WELL_KNOWN_CLIENT.1)
            .env("BOOKING_GOOGLE_API_URL", format!("{}/calendar/v3", fake.url))
            .env("BOOKING_GOOGLE_TOKEN_URL", format!("{}/token", fake.url))
            .env("BOOKING_CALENDAR_RATE", "10000")
            .envs(keys().await.iter().map(|(name, value)| (name, value)))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Self { child, grpc };
        let ready = reqwest::Client::builder().build().unwrap();
        let waiting = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
            while !ready
                .get(format!("http://{http}/readyz"))
                .send()
                .await
                .is_ok_and(|r| r.status().is_success())
            {
                tick.tick().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), waiting)
            .await
            .expect("it does not become ready");
        program
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Beside the test's own program, where `./x test` builds it.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(std::path::Path::parent).unwrap().join("booking-service")
}
