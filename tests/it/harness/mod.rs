//! A whole Frontdesk for one test.

pub(crate) mod calendars;
pub(crate) mod canaries;
pub(crate) mod database;
pub(crate) mod fixtures;
pub(crate) mod knowledge;
pub(crate) mod people;
pub(crate) mod programs;
pub(crate) mod proxy;

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use booking_service::{
    app::App,
    calendars::Calendars,
    caller::Role,
    clock::Clock,
    config::{CalendarSettings, Database, Development, KeySettings, KnowledgeSettings, Logins, Rates, Serve},
    db::Db,
    development_issuer,
    domain::{ids::OrgId, scope::Scope},
    embedding::Embedding,
    keys::Keys,
    server,
    token::issuer::{Grant, Issuer},
};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use self::database::TestDatabase;

/// Both services, running.
pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    /// The booking service's own parts, for arranging what the API cannot.
    pub(crate) app: App,
    pub(crate) grpc: Channel,
    pub(crate) gateway: String,
    pub(crate) service_http: String,
    /// Where gRPC is served: host and port.
    pub(crate) service_address: String,
    pub(crate) http: reqwest::Client,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with_connections(8).await
    }

    /// With so many connections to the database.
    pub(crate) async fn with_connections(connections: u32) -> Self {
        let database = TestDatabase::create().await;
        let url = database.service_url.clone();
        Self::on(database, &url, connections).await
    }

    /// On a database that is reached in another way than directly.
    pub(crate) async fn on(database: TestDatabase, url: &str, connections: u32) -> Self {
        Self::configured(database, url, connections, Rates::UNLIMITED, keys()).await
    }

    /// With limits, and with keys of its own.
    pub(crate) async fn configured(
        database: TestDatabase,
        url: &str,
        connections: u32,
        rates: Rates,
        keys: Keys,
    ) -> Self {
        Self::set_up(database, url, Setup { connections, rates, keys, ..Setup::usual() }).await
    }

    /// In every way of its own.
    pub(crate) async fn set_up(database: TestDatabase, url: &str, setup: Setup) -> Self {
        let clock = setup.clock.clone();
        clock.advance(moment().duration_since(clock.now()));
        Self::set_up_now(database, url, setup).await
    }

    /// The same, by the system's own time.
    pub(crate) async fn set_up_now(database: TestDatabase, url: &str, setup: Setup) -> Self {
        let Setup { connections, rates, keys, calendars, knowledge, clock } = setup;
        canaries::listen();
        let config = serve_config(url, database.logins(), connections, calendars, knowledge);
        let db = Db::connect(&config.database, Some(&config.logins)).unwrap();
        let embedding = Embedding::new(&config.knowledge).unwrap();
        let mut app = App::new(db, keys, &rates, Calendars::new(&config.calendars).unwrap(), embedding);
        app.clock = clock;
        server::check(&app, &config).await.unwrap();
        let service = server::Server::bind(app.clone(), &config).await.unwrap();
        let service_address = service.grpc_address().unwrap().to_string();
        let booking_url = format!("http://{service_address}");
        let service_http = format!("http://{}", service.http_address().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(service.run(stop.clone()));
        let gateway = start_gateway(&booking_url, stop.clone()).await;
        Self {
            database,
            app,
            grpc: Endpoint::from_shared(booking_url).unwrap().connect_lazy(),
            gateway: format!("http://{gateway}"),
            service_http,
            http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
            service_address,
            stop: stop.clone(),
            _stop_on_drop: stop.drop_guard(),
        }
    }
}

/// In what a Frontdesk differs from others.
pub(crate) struct Setup {
    pub(crate) connections: u32,
    pub(crate) rates: Rates,
    pub(crate) keys: Keys,
    pub(crate) calendars: CalendarSettings,
    pub(crate) knowledge: KnowledgeSettings,
    pub(crate) clock: Clock,
}

impl Setup {
    pub(crate) fn usual() -> Self {
        Self {
            connections: 8,
            rates: Rates::UNLIMITED,
            keys: keys(),
            calendars: CalendarSettings::idle().unwrap(),
            knowledge: KnowledgeSettings::idle().unwrap(),
            clock: Clock::default(),
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let counted = self.app.metrics.text();
        let (heard, counted) = (canaries::heard(), canaries::found_in(&counted));
        if !std::thread::panicking() {
            assert_eq!(heard, Vec::<String>::new(), "a log line holds a secret");
            assert_eq!(counted, Vec::<String>::new(), "a metric holds a secret");
        }
    }
}

impl TestApp {
    /// One more copy of the booking service, on the same database and with the same keys. Gives a way to it.
    pub(crate) async fn second_service(&self) -> Channel {
        let url = &self.database.service_url;
        let settings = CalendarSettings::clone(&self.app.calendars.settings);
        let knowledge = KnowledgeSettings::clone(&self.app.embedding.settings);
        let config = serve_config(url, self.database.logins(), 4, settings, knowledge);
        let mut app = App::new(
            Db::connect(&config.database, Some(&config.logins)).unwrap(),
            Keys::generate().unwrap(),
            &Rates::UNLIMITED,
            Calendars::new(&config.calendars).unwrap(),
            Embedding::new(&config.knowledge).unwrap(),
        );
        (app.keys, app.clock) = (self.app.keys.clone(), self.app.clock.clone());
        let service = server::Server::bind(app, &config).await.unwrap();
        let url = format!("http://{}", service.grpc_address().unwrap());
        tokio::spawn(service.run(self.stop.clone()));
        Endpoint::from_shared(url).unwrap().connect_lazy()
    }

    /// One more gateway, which waits only so long for the head of a request. Gives host and port.
    pub(crate) async fn impatient_gateway(&self, head_timeout: Duration) -> SocketAddr {
        let config = gateway_config(&format!("http://{}", self.service_address));
        serve_gateway(gateway::config::Config { head_timeout, ..config }, self.stop.clone()).await
    }

    /// One more gateway, which reaches the service in another way. Gives its URL.
    pub(crate) async fn second_gateway(&self, booking_url: &str) -> String {
        format!("http://{}", start_gateway(booking_url, self.stop.clone()).await)
    }
}

async fn start_gateway(booking_url: &str, stop: CancellationToken) -> SocketAddr {
    serve_gateway(gateway_config(booking_url), stop).await
}

async fn serve_gateway(config: gateway::config::Config, stop: CancellationToken) -> SocketAddr {
    let server = gateway::server::Server::bind(&config).await.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run(stop));
    address
}

fn gateway_config(booking_url: &str) -> gateway::config::Config {
    gateway::config::Config {
        address: local(),
        probe: false,
        booking_url: booking_url.parse().unwrap(),
        public_url: None,
        deadline: Duration::from_secs(8),
        head_timeout: Duration::from_secs(75),
        shutdown_grace: Duration::from_secs(1),
        log: "off".to_owned(),
        log_format: gateway::config::LogFormat::Text,
    }
}

fn serve_config(
    url: &str,
    logins: Logins,
    connections: u32,
    calendars: CalendarSettings,
    knowledge: KnowledgeSettings,
) -> Serve {
    Serve {
        grpc_address: local(),
        http_address: local(),
        database: Database {
            database_url: url.to_owned().into(),
            database_connections: connections,
            database_wait: Duration::from_secs(1),
        },
        logins,
        calendars,
        knowledge,
        keys: KeySettings {
            issuer: "frontdesk".to_owned(),
            signing_keys: None,
            secret_keys: None,
            trusted_issuers: None,
            development: Development { dev_issuer: false, dev_key: "unused".into() },
        },
        rates: Rates::UNLIMITED,
        require_patched_postgres: false,
        shutdown_grace: Duration::from_secs(1),
    }
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Whose tokens the test's services believe, beside their own.
pub(crate) fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(|| development_issuer::generate().unwrap())
}

/// New keys of a service that believes the test's issuer, too.
pub(crate) fn keys() -> Keys {
    let mut keys = Keys::generate().unwrap();
    keys.verifier.trust(issuer());
    keys
}

/// A token for somebody of an organisation.
pub(crate) fn token(org: OrgId, role: Role, voice: bool) -> String {
    token_at(org, role, voice, moment())
}

/// When every test begins, whatever the day: the dates in the tests lie after it.
pub(crate) fn moment() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A token that was made at another time.
pub(crate) fn token_at(org: OrgId, role: Role, voice: bool, now: Timestamp) -> String {
    let lifetime = SignedDuration::from_hours(1);
    let scope = Scope { voice, ..Scope::default() };
    let grant = Grant { org, subject: "tester".to_owned(), role, scope, lifetime };
    let token = issuer().issue(&grant, now).unwrap();
    canaries::watch(&token);
    token
}

/// A request with a token.
pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    with_metadata(message, &[("authorization", &format!("Bearer {token}"))])
}

/// A request with metadata.
pub(crate) fn with_metadata<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        let value: MetadataValue<Ascii> = value.parse().unwrap();
        request.metadata_mut().insert(*name, value);
    }
    request
}
