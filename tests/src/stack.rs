//! Database, booking service and gateway, as programs of their own.
#![expect(clippy::print_stdout, reason = "whoever starts a stack wants to see it come up")]

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use booking_service::{bootstrap, config::Passwords};
use clap::Args;
use devdb::{Durability, Server, guardian::guarded};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use crate::fake_gcal::WELL_KNOWN_CLIENT;

/// Where things are, as the services' own settings say; a port that is taken is replaced by a free one.
#[derive(Args, Clone, Debug)]
pub struct Places {
    /// The database. Without it, one is started here.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<SecretString>,
    /// Has to be set with `DATABASE_URL`.
    #[arg(long, env = "BOOKING_MIGRATOR_URL", hide_env_values = true, requires = "database_url")]
    migrator_url: Option<SecretString>,
    /// Has to be set with `DATABASE_URL`.
    #[arg(long, env = "BOOKING_AUTH_URL", hide_env_values = true, requires = "database_url")]
    auth_url: Option<SecretString>,
    /// Has to be set with `DATABASE_URL`.
    #[arg(long, env = "BOOKING_WORKER_URL", hide_env_values = true, requires = "database_url")]
    worker_url: Option<SecretString>,
    /// Has to be set with `DATABASE_URL`.
    #[arg(long, env = "BOOKING_ROUTER_URL", hide_env_values = true, requires = "database_url")]
    router_url: Option<SecretString>,
    /// A folder with a Postgres server's programs.
    #[arg(long, env = "FRONTDESK_PG_BIN")]
    pg_bin: Option<PathBuf>,
    /// Where the gateway serves HTTP.
    #[arg(long, env = "GATEWAY_ADDRESS", default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// Where the booking service serves gRPC.
    #[arg(long, env = "BOOKING_GRPC_ADDRESS", default_value = "127.0.0.1:50051")]
    grpc: SocketAddr,
    /// Where the booking service serves its probes.
    #[arg(long, env = "BOOKING_HTTP_ADDRESS", default_value = "127.0.0.1:9090")]
    service_http: SocketAddr,
    /// Where the stand-in for Google Calendar is.
    #[arg(long, default_value = "127.0.0.1:8090")]
    calendars: SocketAddr,
}

/// Everything that was started. It ends with this value, or with this process.
#[derive(Debug)]
pub struct Stack {
    /// Where the gateway serves HTTP.
    pub gateway: SocketAddr,
    /// Where the booking service serves gRPC.
    pub grpc: SocketAddr,
    /// Where the stand-in for Google Calendar is.
    pub calendars: SocketAddr,
    /// The database, as the booking service reaches it.
    pub service_url: String,
    /// Whether the database is ours, and its address no secret.
    pub own_database: bool,
    // Ended in this order.
    programs: Vec<Program>,
    database: Option<Server>,
}

#[derive(Debug)]
struct Program {
    name: &'static str,
    child: Child,
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

impl Stack {
    /// Starts everything, and waits until it is ready. What the stack leaves behind is under `home`. The booking service gets more settings than
    /// those that it needs.
    pub async fn start(options: &Places, home: &Path, more: &[(&'static str, &str)]) -> Result<Self> {
        let began = Instant::now();
        let (database, logins) = database(options, home).await?;
        step(began, "database");
        let [gateway, grpc, service_http, calendars] =
            [options.gateway, options.grpc, options.service_http, options.calendars].map(free_port);
        let service_url = logins[0].1.clone();
        let key = home.join("development.key");
        let (client_id, client_secret) = WELL_KNOWN_CLIENT;
        let mut service = vec![
            ("BOOKING_GOOGLE_CLIENT_ID", client_id.to_owned()),
            ("BOOKING_GOOGLE_CLIENT_SECRET", client_secret.to_owned()),
            ("BOOKING_GOOGLE_REDIRECT_URL", format!("http://{gateway}/api/calendar/google/callback")),
            ("BOOKING_GOOGLE_API_URL", format!("http://{calendars}/calendar/v3")),
            ("BOOKING_GOOGLE_AUTH_URL", format!("http://{calendars}/o/oauth2/v2/auth")),
            ("BOOKING_GOOGLE_TOKEN_URL", format!("http://{calendars}/token")),
            ("BOOKING_GOOGLE_REVOKE_URL", format!("http://{calendars}/revoke")),
            ("BOOKING_GRPC_ADDRESS", grpc.to_string()),
            ("BOOKING_HTTP_ADDRESS", service_http.to_string()),
            ("BOOKING_DEV_ISSUER", "true".to_owned()),
            ("BOOKING_DEV_KEY", key.to_string_lossy().into_owned()),
        ];
        service.extend(logins);
        service.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let edge =
            [("GATEWAY_BOOKING_URL", format!("http://{grpc}")), ("GATEWAY_ADDRESS", gateway.to_string())];
        let programs = vec![
            Program::start("gateway", &[], &edge, home)?,
            Program::start("fake-gcal", &[&format!("--address={calendars}")], &[], home)?,
            Program::start("booking-service", &["serve"], &service, home)?,
        ];
        let own_database = database.is_some();
        let mut stack = Self { gateway, grpc, calendars, service_url, own_database, programs, database };
        stack.wait_until_ready().await?;
        step(began, &format!("booking service (gRPC {grpc}) and gateway (HTTP {gateway})"));
        Ok(stack)
    }

    /// What each of the services has in memory, in megabytes, where the system tells.
    pub fn memory(&self) -> Vec<(&'static str, f64)> {
        let of = |program: &Program| {
            if program.name == "fake-gcal" {
                return None;
            }
            let names: [&'static str; 2] = ["memory at rest, gateway", "memory at rest, booking service"];
            let name = names[usize::from(program.name != "gateway")];
            Some((name, resident(program.child.id())?))
        };
        self.programs.iter().filter_map(of).collect()
    }

    /// The folder of the database server's programs, if the server is ours.
    pub fn programs_folder(&self) -> Option<&Path> {
        self.database.as_ref().map(|server| server.binaries.folder.as_path())
    }

    /// The database's superuser, if the server is ours.
    pub async fn superuser(&self) -> Result<Option<PgConnection>> {
        let Some(server) = &self.database else { return Ok(None) };
        let options: PgConnectOptions = server.admin_url.parse()?;
        Ok(Some(options.database("frontdesk").connect().await?))
    }

    /// Tells the planner how large the tables have become, as the server's own autovacuum does within a minute or so; if the server is ours.
    pub async fn analyze(&self) -> Result<()> {
        if let Some(mut superuser) = self.superuser().await? {
            sqlx::raw_sql("vacuum analyze").execute(&mut superuser).await?;
        }
        Ok(())
    }

    /// What the database server says of itself, if it is ours.
    pub fn server_version(&self) -> Option<String> {
        let output = Command::new(self.programs_folder()?.join("postgres")).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let url = format!("http://{}/readyz", self.gateway);
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        let began = Instant::now();
        while !client.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
            self.look_after()?;
            if began.elapsed() > Duration::from_mins(1) {
                bail!("the services did not become ready; their logs are in .frontdesk");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Until somebody interrupts us, or one of the programs ends.
    pub async fn wait(mut self) -> Result<()> {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return self.stop(),
                _ = terminate.recv() => return self.stop(),
                () = tokio::time::sleep(Duration::from_millis(500)) => self.look_after()?,
            }
        }
    }

    /// Stops everything: first what is in front.
    pub fn stop(mut self) -> Result<()> {
        for program in &mut self.programs {
            program.stop()?;
        }
        self.database.take().map_or(Ok(()), |mut database| database.stop())
    }

    fn look_after(&mut self) -> Result<()> {
        if let Some(database) = &mut self.database
            && !database.is_running()?
        {
            bail!("the database server ended; its log is beside its data");
        }
        for program in &mut self.programs {
            if let Some(status) = program.child.try_wait()? {
                let said = std::fs::read_to_string(&program.log).unwrap_or_default();
                bail!("{} ended ({status}):\n{said}", program.name);
            }
        }
        Ok(())
    }
}

impl Program {
    /// Starts one of our programs, which lie beside this one.
    fn start(
        name: &'static str,
        arguments: &[&str],
        settings: &[(&str, String)],
        home: &Path,
    ) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name(name);
        let log = home.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let mut child = guarded(Command::new("sh"), "TERM", &program)
            .args(arguments)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let lifeline = child.stdin.take();
        Ok(Self { name, child, lifeline, log })
    }

    fn stop(&mut self) -> Result<()> {
        self.lifeline = None;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Megabytes in memory of the process that this one, a guardian, looks after.
fn resident(guardian: u32) -> Option<f64> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let status = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        Some((field("PPid:")?.parse::<u32>().ok()?, field("VmRSS:")?.parse::<f64>().ok()?))
    };
    // The guardian's other children are shells that wait, which are small.
    let own = processes
        .filter_map(status)
        .filter(|(parent, _)| *parent == guardian)
        .map(|(_, kilobytes)| kilobytes);
    own.reduce(f64::max).map(|kilobytes| kilobytes / 1e3)
}

/// The settings of the service's logins, with their values.
type Logins = Vec<(&'static str, String)>;

/// The database named by the user, or one of our own, brought up to date.
async fn database(options: &Places, home: &Path) -> Result<(Option<Server>, Logins)> {
    let Places { database_url, auth_url, worker_url, router_url, migrator_url, .. } = options;
    let named = [
        ("DATABASE_URL", database_url),
        ("BOOKING_AUTH_URL", auth_url),
        ("BOOKING_WORKER_URL", worker_url),
        ("BOOKING_ROUTER_URL", router_url),
    ];
    if database_url.is_some() {
        let value = |(name, url): (&'static str, &Option<SecretString>)| {
            let url =
                url.as_ref().with_context(|| format!("DATABASE_URL is set, so {name} has to be, too"))?;
            Ok((name, url.expose_secret().to_owned()))
        };
        let logins = named.into_iter().map(value).collect::<Result<Logins>>()?;
        let migrator = migrator_url.as_ref();
        bootstrap::migrate(migrator.context("DATABASE_URL is set, so BOOKING_MIGRATOR_URL has to be, too")?)
            .await?;
        return Ok((None, logins));
    }
    let server = Server::start(home, options.pg_bin.as_deref(), Durability::Durable)?;
    let admin = server.admin_url.clone().into();
    let logins = bootstrap::bootstrap(&admin, "frontdesk", Passwords::None).await?;
    let url = |setting: &str| logins.iter().find(|login| login.setting == setting).map(|login| &login.url);
    bootstrap::migrate(url("BOOKING_MIGRATOR_URL").context("a login for the migrator")?).await?;
    let urls = named
        .map(|(name, _)| (name, url(name).map(|url| url.expose_secret().to_owned()).unwrap_or_default()));
    Ok((Some(server), urls.into()))
}

/// The address, if nobody has it; else another port there.
fn free_port(address: SocketAddr) -> SocketAddr {
    if TcpListener::bind(address).is_ok() {
        return address;
    }
    let other = TcpListener::bind((address.ip(), 0)).and_then(|listener| listener.local_addr());
    let other = other.unwrap_or(address);
    println!("  {address} is taken; using {other}");
    other
}

fn step(began: Instant, what: &str) {
    println!("  {:>6.2} s  {what}", began.elapsed().as_secs_f64());
}
