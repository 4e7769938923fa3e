//! `devdb run [--fast] --home=FOLDER --as=VARIABLE -- COMMAND…`: runs a command with a Postgres of its own.
//!
//! VARIABLE holds the superuser's address for the command. Where it is set already, its server is used and none is started.

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};
use devdb::{Durability, Server};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        #[expect(clippy::print_stderr, reason = "this is a command-line program")]
        Err(error) => {
            eprintln!("devdb: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<u8> {
    let mut durability = Durability::Durable;
    let (mut home, mut variable) = (None, None);
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_none_or(|verb| verb != "run") {
        bail!("usage: devdb run [--fast] --home=FOLDER --as=VARIABLE -- COMMAND…");
    }
    for argument in arguments.by_ref() {
        match argument.to_str() {
            Some("--fast") => durability = Durability::Fast,
            Some("--") => break,
            Some(option) if option.starts_with("--home=") => home = Some(PathBuf::from(&option[7..])),
            Some(option) if option.starts_with("--as=") => variable = Some(option[5..].to_owned()),
            _ => bail!("unknown option {}", argument.display()),
        }
    }
    let (home, variable) = (home.context("--home is missing")?, variable.context("--as is missing")?);
    let mut command = Command::new(arguments.next().context("no command")?);
    command.args(arguments);
    if env::var_os(&variable).is_some() {
        return code(&mut command);
    }
    let named = env::var_os("FRONTDESK_PG_BIN").map(PathBuf::from);
    let mut server = Server::start(&home, named.as_deref(), durability)?;
    let code = code(command.env(&variable, &server.admin_url));
    server.stop()?;
    code
}

fn code(command: &mut Command) -> Result<u8> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
