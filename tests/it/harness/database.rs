//! A database for one test, cloned from one that was migrated once.

use booking_service::{
    app::App,
    bootstrap,
    calendars::Calendars,
    config::{Database, Logins, Passwords, Rates},
    db::{Db, MIGRATOR},
    embedding::Embedding,
    keys::Keys,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

/// Gone when it is dropped.
pub(crate) struct TestDatabase {
    /// For the booking service, as its own login.
    pub(crate) service_url: String,
    admin: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let admin: PgConnectOptions = admin_url().parse().unwrap();
        let template = migrated_template(&admin).await;
        let name = format!("t_{}", uuid::Uuid::from_u128(rand_u128()).simple());
        let clone = format!("create database {name} template {template} strategy file_copy");
        run(&admin, &clone).await;
        let own = format!(
            "revoke all on database {name} from public;
            grant connect on database {name} to frontdesk_service, frontdesk_auth, frontdesk_worker, frontdesk_router, frontdesk_operator, frontdesk_migrator"
        );
        run(&admin, &own).await;
        let service_url = url(&admin, "frontdesk_service", &name);
        Self { service_url, admin, name }
    }

    /// As the superuser, who sees past row security: for looking at what is really there.
    pub(crate) async fn superuser(&self) -> PgConnection {
        quiet(self.admin.clone().database(&self.name)).connect().await.unwrap()
    }

    /// As the login that the service uses.
    pub(crate) async fn service_login(&self) -> PgConnection {
        self.login("frontdesk_service").await.unwrap()
    }

    /// What the operator's verbs run on.
    pub(crate) fn operator(&self) -> App {
        let database = Database {
            database_url: self.url("frontdesk_operator").into(),
            database_connections: 2,
            database_wait: std::time::Duration::from_secs(5),
        };
        App::new(
            Db::connect(&database, None).unwrap(),
            Keys::generate().unwrap(),
            &Rates::UNLIMITED,
            Calendars::idle().unwrap(),
            Embedding::idle().unwrap(),
        )
    }

    /// The addresses of the logins that the service has beside its own.
    pub(crate) fn logins(&self) -> Logins {
        let [auth_url, worker_url, router_url] =
            ["frontdesk_auth", "frontdesk_worker", "frontdesk_router"].map(|role| self.url(role).into());
        Logins { auth_url, worker_url, router_url }
    }

    /// The address for another login.
    pub(crate) fn url(&self, role: &str) -> String {
        url(&self.admin, role, &self.name)
    }

    /// As another login.
    pub(crate) async fn login(&self, role: &str) -> sqlx::Result<PgConnection> {
        quiet(self.url(role).parse()?).connect().await
    }

    /// Host and port of the server.
    pub(crate) fn server_address(&self) -> String {
        format!("{}:{}", self.admin.get_host(), self.admin.get_port())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A runtime of its own: the test's is blocked by this very drop.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&admin, &format!("drop database {name} with (force)")));
        });
        let _ = dropping.join();
    }
}

/// A test's own statements are not what is listened for.
fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    options.disable_statement_logging()
}

/// The disposable server that `./x test` starts.
#[expect(clippy::disallowed_methods, reason = "a test has no other settings than this one")]
pub(crate) fn admin_url() -> String {
    std::env::var("TEST_ADMIN_URL")
        .expect("run the tests with ./x test, which starts a database server for them")
}

/// Bootstrapped and migrated by whichever test comes first; the others wait for it.
async fn migrated_template(admin: &PgConnectOptions) -> &'static str {
    const NAME: &str = "frontdesk_template";
    let mut connection = admin.connect().await.unwrap();
    if is_template(&mut connection, NAME).await {
        return NAME;
    }
    sqlx::query("select pg_advisory_lock(7)").execute(&mut connection).await.unwrap();
    if !is_template(&mut connection, NAME).await {
        let admin_url = admin_url().into();
        let logins = bootstrap::bootstrap(&admin_url, NAME, Passwords::None).await.unwrap();
        let migrator = logins.iter().find(|login| login.setting == "BOOKING_MIGRATOR_URL").unwrap();
        bootstrap::migrate(&migrator.url).await.unwrap();
        assert!(MIGRATOR.iter().count() > 0);
        // Last: what is half made is never cloned.
        run(admin, &format!("alter database {NAME} is_template true")).await;
    }
    connection.close().await.unwrap();
    NAME
}

async fn is_template(connection: &mut PgConnection, name: &str) -> bool {
    let sql = "select coalesce(bool_or(datistemplate), false) from pg_database where datname = $1";
    sqlx::query_scalar(sql).bind(name).fetch_one(connection).await.unwrap()
}

async fn run(admin: &PgConnectOptions, sql: &str) {
    let mut connection = admin.connect().await.unwrap();
    for statement in sql.split(';') {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

fn url(admin: &PgConnectOptions, role: &str, database: &str) -> String {
    admin.clone().username(role).database(database).to_url_lossy().to_string()
}

fn rand_u128() -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    // Each `RandomState` is new.
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    half() << 64 | half()
}
