//! The booking service's program: reads the settings, then does what they say.

use std::process::ExitCode;

use anyhow::Context as _;
use booking_service::{
    app::App,
    bootstrap,
    clock::Clock,
    config::{self, Command, Config, WrongSetting},
    db::Db,
    development_issuer::{DevelopmentIssuer, Grant},
    domain::{
        clinic,
        ids::{ClinicId, OrgId},
        text::Name,
    },
    ops::create_organisation::{CreateOrganisation, create_organisation},
    server::{self, Server},
    telemetry,
    token::Verifier,
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
        Command::Serve(config) => serve(config).await,
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
    let mut tokens = Verifier::default();
    if config.development.dev_issuer {
        tracing::warn!(
            "tokens of the development issuer are believed; never do this where real patients are booked"
        );
        tokens.trust(
            &DevelopmentIssuer::from_file(&config.development.dev_key)
                .context(WrongSetting("BOOKING_DEV_KEY"))?,
        );
    }
    let app = App::new(Db::connect(&config.database).context(WrongSetting("DATABASE_URL"))?, tokens);
    server::check(&app, &config).await?;
    let server = Server::bind(app, &config).await?;
    tracing::info!(grpc = %server.grpc_address()?, http = %server.http_address()?, "serving");
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    server.run(stop).await
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
        voice,
        lifetime: config.lifetime.try_into().context(WrongSetting("--lifetime"))?,
    };
    DevelopmentIssuer::from_file(&config.dev_key)
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
    let db = Db::connect(&config.database).context(WrongSetting("DATABASE_URL"))?;
    let app = App::new(db, Verifier::default());
    let made = create_organisation(&app, command).await?;
    Ok((org, made.then_some(clinic)))
}
