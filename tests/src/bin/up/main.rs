//! `./x up`: a whole Frontdesk on this machine, and one telephone call played through it.
#![expect(clippy::print_stdout, reason = "this program tells a story")]

mod demo;
mod rows;
mod story;

use std::{os::unix::fs::OpenOptionsExt as _, path::Path, process::ExitCode};

use booking_service::domain::ids::OrgId;
use clap::Parser;

use tests::stack::{Places, Stack};

/// Where everything is kept that is not the source's: the database, keys, logs.
const HOME: &str = ".frontdesk";

#[derive(Debug, Parser)]
#[command(name = "up")]
struct Options {
    /// Stop after the call.
    #[arg(long)]
    once: bool,
    /// The demo's organisation.
    #[arg(long, env = "BOOKING_DEV_ORG")]
    org: OrgId,
    #[command(flatten)]
    stack: Places,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(clippy::print_stderr, reason = "this is a command-line program")]
        Err(error) => {
            eprintln!("\nup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let home = Path::new(HOME);
    std::fs::create_dir_all(home)?;
    let stack = Stack::start(&options.stack, home, &[]).await?;
    let clinic = demo::set_up(&stack, options.org, home).await?;
    write_secret(&home.join("token"), &clinic.admin_token)?;
    println!("\nA call at {} (debug build; the times are the whole HTTP request)\n", demo::CLINIC);
    story::play(&stack, &clinic).await?;
    rows::show(&stack, options.org).await?;
    what_next(&stack);
    if options.once {
        return stack.stop();
    }
    println!("\nServing. Stop with Ctrl-C.");
    stack.wait().await
}

fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    // Removed first: the mode counts only for a new file.
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())
}

fn what_next(stack: &Stack) {
    let Stack { gateway, grpc, calendars, .. } = stack;
    println!(
        r#"
Go on yourself. The token of the clinic's administrator is in {HOME}/token, good for 12 hours; ./x token makes new ones.

  Book over HTTP:
    curl -s http://{gateway}/api/vapi/tools -H "Authorization: Bearer $(cat {HOME}/token)" \
      -H 'Content-Type: application/json' \
      -d '{{"tool": "book_appointment", "params": {{"patient_name": "Ada Lovelace", "appointment_time": "2027-06-01T10:00"}}}}'

  List over gRPC:
    grpcurl -plaintext -H "authorization: Bearer $(cat {HOME}/token)" \
      {grpc} booking.v1.AppointmentService/ListAppointments

  Look into the provider's calendar, which is not Google's but stands in for it:
    http://{calendars}/"#
    );
    if stack.own_database {
        println!(
            "\n  Look into the database as the service sees it: nothing, until a tenant is set.\n    psql '{}'",
            stack.service_url
        );
    }
}
