//! The booking service's program: reads the settings, then does what they say.

mod import;

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use booking_service::{
    app::App,
    bootstrap,
    calendars::Calendars,
    clock::Clock,
    config::{self, Audit, Command, Config, Rates, WrongSetting},
    db::Db,
    development_issuer,
    domain::{
        audit_event::Seal,
        clinic,
        ids::{ClinicId, OrgId},
        patient,
        scope::Scope,
        text::Name,
    },
    embedding::Embedding,
    keys::{self, Keys},
    ops::{
        audit_seals::{self, Findings},
        create_organisation::{CreateOrganisation, create_organisation},
        rotate_secrets::rotate_secrets,
    },
    server::{self, Server},
    telemetry,
    token::issuer::Grant,
};
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

/// sysexits.h: a setting is wrong.
const WRONG_SETTING: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::try_parse() {
        Ok(config) => config,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { WRONG_SETTING.into() } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = telemetry::init(&config.logging) {
        return fail(&error.context("BOOKING_LOG"), WRONG_SETTING);
    }
    match run(config.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<WrongSetting>() => fail(&error, WRONG_SETTING),
        Err(error) => fail(&error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "this is a command-line program")]
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("booking-service: {error:#}");
    code.into()
}

#[expect(clippy::print_stdout, reason = "what these commands print is what they are for")]
async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(config) => Box::pin(serve(*config)).await,
        Command::Bootstrap(config) => {
            for login in bootstrap::bootstrap(&config.admin_url, &config.database, config.passwords()).await?
            {
                if login.password_kept {
                    println!("# The login keeps the password that it has: put it into the address.");
                }
                println!("{}={}", login.setting, secrecy::ExposeSecret::expose_secret(&login.url));
            }
            Ok(())
        }
        Command::Migrate(config) => {
            bootstrap::migrate(&config.migrator_url).await.context("BOOKING_MIGRATOR_URL")
        }
        Command::Probe(config) => proto::readyz::ask(config.http_address).context("the service is not ready"),
        Command::Token(config) => {
            println!("{}", token(&config)?);
            Ok(())
        }
        Command::NewKey(config) => {
            println!("{}", keys::new_key(config.purpose)?);
            Ok(())
        }
        Command::RotateSecrets(config) => {
            let keys = Keys {
                vault: keys::vault(&config.secret_keys).context(WrongSetting("BOOKING_SECRET_KEYS"))?,
                ..Keys::generate()?
            };
            let rotated = rotate_secrets(&operator(&config.operator, keys).await?).await?;
            println!("{rotated} secrets were encrypted anew; the other keys are not needed any more");
            Ok(())
        }
        Command::Audit(Audit::Seal(config)) => {
            let mut out = std::io::stdout().lock();
            let app = operator(&config, Keys::generate()?).await?;
            Ok(audit_seals::seal(&app, |seal| writeln!(out, "{seal}").and_then(|()| out.flush())).await?)
        }
        Command::Audit(Audit::Verify(config)) => verify(config).await,
        Command::Import(config) => import::import(&config).await,
        Command::CreateOrganization(config) => {
            match create_organization(config).await? {
                (org, Some(clinic)) => println!("org_id={org}\nclinic_id={clinic}"),
                (org, None) => println!("org_id={org}\n# It was there already; nothing was changed."),
            }
            Ok(())
        }
    }
}

async fn serve(config: config::Serve) -> anyhow::Result<()> {
    if config.keys.development.dev_issuer {
        tracing::warn!(
            "tokens of the development issuer are believed; never do this where real patients are booked"
        );
    }
    let keys = Keys::load(&config.keys)?;
    let db = Db::connect(&config.database, Some(&config.logins))
        .context(WrongSetting("DATABASE_URL, BOOKING_AUTH_URL, BOOKING_WORKER_URL or BOOKING_ROUTER_URL"))?;
    let calendars = Calendars::new(&config.calendars)?;
    let embedding = Embedding::new(&config.knowledge)
        .context(WrongSetting("BOOKING_KNOWLEDGE_MODEL or BOOKING_EMBED_URL"))?;
    let app = App::new(db, keys, &config.rates, calendars, embedding);
    patient::learn_numbers();
    server::check(&app, &config).await?;
    let server = Server::bind(app.clone(), &config).await?;
    tracing::info!(grpc = %server.grpc_address()?, http = %server.http_address()?, "serving");
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    tokio::spawn(read_keys_again_on_signal(app, config.keys));
    Box::pin(server.run(stop)).await
}

/// SIGHUP: the files that the settings name have changed. What cannot be read leaves the keys as they are.
async fn read_keys_again_on_signal(app: App, settings: config::KeySettings) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    while hang_up.recv().await.is_some() {
        match Keys::load(&settings) {
            Ok(keys) => {
                app.keys.replace(keys);
                tracing::info!("the keys were read again");
            }
            Err(error) => tracing::error!("the keys stay as they were: {error:#}"),
        }
    }
}

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}

/// For the operator's verbs, which go through all organisations.
async fn operator(config: &config::Operator, keys: Keys) -> anyhow::Result<App> {
    let database = config::Database {
        database_url: config.operator_url.clone(),
        database_connections: 1,
        database_wait: Duration::from_secs(10),
    };
    let db = Db::connect(&database, None).context(WrongSetting("BOOKING_OPERATOR_URL"))?;
    anyhow::ensure!(db.is_operator().await?, "the login of BOOKING_OPERATOR_URL is not frontdesk_operator");
    Ok(App::new(db, keys, &Rates::UNLIMITED, Calendars::idle()?, Embedding::idle()?))
}

#[expect(clippy::print_stdout, reason = "what was found is what this is for")]
async fn verify(config: config::Verify) -> anyhow::Result<()> {
    let text = if config.seals.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(&config.seals)
            .with_context(|| format!("cannot read {}", config.seals.display()))?
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let seals: Vec<Seal> = lines.map(str::parse).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    let Findings { sound, unsealed, faults } =
        audit_seals::verify(&operator(&config.operator, Keys::generate()?).await?, &seals).await?;
    for fault in &faults {
        println!("{fault}");
    }
    println!(
        "{sound} rows are as they were sealed, {unsealed} are not sealed yet; {} seals were compared",
        seals.len()
    );
    if seals.is_empty() {
        println!(
            "without a seal that was kept outside of the database, a chain that was made anew is not noticed"
        );
    }
    anyhow::ensure!(faults.is_empty(), "the audit is not as it was sealed: {} faults", faults.len());
    Ok(())
}

fn token(config: &config::Token) -> anyhow::Result<String> {
    let voice = config.scope.is_some();
    let role = config.role.unwrap_or(if voice {
        booking_service::caller::Role::Agent
    } else {
        booking_service::caller::Role::Admin
    });
    let grant = Grant {
        org: config.org,
        subject: config.subject.clone(),
        role,
        scope: Scope { voice, ..Scope::default() },
        lifetime: config.lifetime.try_into().context(WrongSetting("--lifetime"))?,
    };
    development_issuer::from_file(&config.dev_key)
        .context(WrongSetting("BOOKING_DEV_KEY"))?
        .issue(&grant, Clock::default().now())
}

async fn create_organization(
    config: config::CreateOrganization,
) -> anyhow::Result<(OrgId, Option<ClinicId>)> {
    let name = |setting: &'static str, text: &str| {
        Name::parse(text).map_err(|problem| anyhow::anyhow!("{setting} {problem}"))
    };
    let command = CreateOrganisation {
        org: config.org.unwrap_or_else(OrgId::generate),
        name: name("--name", &config.name)?,
        clinic: config.clinic.unwrap_or_else(ClinicId::generate),
        clinic_name: name("--clinic-name", &config.clinic_name)?,
        zone: clinic::zone(&config.time_zone).map_err(|problem| anyhow::anyhow!("--time-zone {problem}"))?,
    };
    let (org, clinic) = (command.org, command.clinic);
    let db = Db::connect(&config.database, None).context(WrongSetting("DATABASE_URL"))?;
    let app = App::new(db, Keys::generate()?, &Rates::UNLIMITED, Calendars::idle()?, Embedding::idle()?);
    let made = create_organisation(&app, command).await?;
    Ok((org, made.then_some(clinic)))
}
