//! Postgres alone: `pgbench` with the statements of a booking in the round trips of a booking, as the service's own login.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tests::{
    stack::Stack,
    statements::{ENTER, FIND, WRITE},
};

use crate::{
    ground::{Ground, Provider},
    measured::Measured,
};

/// What each client does first is not counted: its connection has to learn the catalogue and plan its statements, which the service's have
/// behind them.
const WARM: usize = 25;

/// The program, and where it was found.
#[derive(Debug)]
pub(crate) struct Pgbench {
    program: PathBuf,
    version: String,
}

impl Pgbench {
    /// The one that was named, else the one beside the server's programs, else the one in `PATH`.
    pub(crate) fn find(named: Option<&Path>, stack: &Stack) -> Result<Self> {
        let beside =
            stack.programs_folder().map(|folder| folder.join("pgbench")).filter(|path| path.is_file());
        let program = named.map(Path::to_owned).or(beside).unwrap_or_else(|| "pgbench".into());
        let output = Command::new(&program).arg("--version").output();
        let output = output.with_context(|| {
            "there is no pgbench beside the server's programs or in PATH (Debian: postgresql-contrib); FRONTDESK_PGBENCH names one"
        })?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { program, version })
    }

    /// Books `count` slots with so many clients, each waiting for its answer as the service does.
    pub(crate) fn run(
        &self,
        stack: &Stack,
        ground: &Ground,
        clients: usize,
        count: usize,
    ) -> Result<Measured> {
        let folder = std::env::current_dir()?.join(".frontdesk/bench/pgbench");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(&self.program);
        command.current_dir(&folder).args(["--no-vacuum", "--protocol=prepared", "--log", "--define=n=0"]);
        command.args([format!("--client={clients}"), format!("--jobs={}", clients.min(2))]);
        command.arg(format!("--transactions={}", count / clients + WARM));
        let script = folder.join("booking.sql");
        fs::write(&script, booking(ground))?;
        command.arg("--file").arg(script);
        let output = command.arg(&stack.service_url).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let log = log(&folder)?;
        ensure!(log.len() == count / clients * clients, "{} transactions were logged", log.len());
        let began = log.iter().map(|one| one.end.saturating_sub(one.latency)).min();
        let ended = log.iter().map(|one| one.end).max();
        let elapsed = began.zip(ended).map(|(began, ended)| ended.saturating_sub(began));
        let latencies = log.into_iter().map(|one| one.latency).collect();
        Ok(Measured::new(latencies, elapsed.context("pgbench did nothing")?))
    }
}

impl fmt::Display for Pgbench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.program.display())
    }
}

/// A transaction, as pgbench logs it.
struct Transaction {
    latency: Duration,
    /// Since 1970.
    end: Duration,
}

/// The transactions of all clients, without the first of each: client, number from 1, latency in microseconds, script, and when it ended in
/// seconds and microseconds.
fn log(folder: &Path) -> Result<Vec<Transaction>> {
    let mut log = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_none_or(|name| !name.to_string_lossy().starts_with("pgbench_log.")) {
            continue;
        }
        for line in fs::read_to_string(path)?.lines() {
            let words: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
            let [_, number, latency, _, seconds, microseconds] = words[..] else {
                bail!("pgbench logged {line:?}")
            };
            if number > WARM as u64 {
                let end = Duration::from_secs(seconds) + Duration::from_micros(microseconds);
                log.push(Transaction { latency: Duration::from_micros(latency), end });
            }
        }
    }
    Ok(log)
}

/// A booking in five round trips: begin, find, enter, write, commit. Each client has a provider of its own, as callers who take turns
/// have; every patient is new.
fn booking(ground: &Ground) -> String {
    let by_client = |line: fn(&Provider) -> String| {
        let count = ground.providers.len();
        let branches = ground.providers.iter().enumerate().fold(String::new(), |text, (n, provider)| {
            let word = if n == 0 { "if" } else { "elif" };
            text + &format!("\\{word} :client_id % {count} = {n}\n{}\n", line(provider))
        });
        branches + "\\endif\n"
    };
    // Once a client: its place in the world.
    let choice = by_client(|Provider { org, clinic, id, .. }| {
        format!("select '{org}' as org, '{clinic}' as clinic, '{id}' as provider \\gset")
    });
    // `set` takes no parameter.
    let set_org = by_client(|provider| format!("set local app.org_id = '{}';", provider.org));
    let id = |kind: &str| format!("('{kind}' || lpad(to_hex((:u)::bigint), 30, '0'))");
    let [key, appointment, patient, audit] = ["a0", "a1", "a2", "a3"].map(id);
    let start = "timestamptz '2031-01-01 00:00Z' + (:n)::int * interval '30 minutes'";
    let end = format!("{start} + interval '30 minutes'");
    let earliest = format!("{start} - interval '1 day'");
    let phone = "('+1' || lpad((:u)::text, 10, '0'))";
    // The sixteen digits in letters of the codes' alphabet.
    let code = "translate(lpad(to_hex((:u)::bigint), 6, '0'), '0123456789abcdef', '23456789CFHJKMNR')";
    let hash = "decode(repeat('ab', 32), 'hex')";
    let (org, clinic, providers) = (":org", ":clinic", "array[(:provider)::uuid]");
    let [from, to] = ["'2030-11-20 00:00'", "'2031-02-10 00:00'"];
    let find = FIND.with_values(&[org, clinic, providers, "10", "null", "null", from, to]);
    let enter = ENTER.with_values(&[
        org,
        "'BookAppointment'",
        &key,
        hash,
        &appointment,
        "now()",
        &patient,
        "'Bench Patient'",
        "'bench patient'",
        phone,
        "null",
        providers,
        start,
        &end,
        &earliest,
        "null",
    ]);
    let write = WRITE.with_values(&[
        org,
        "array[(:provider_id)::uuid]",
        "now()",
        start,
        &end,
        &earliest,
        &appointment,
        clinic,
        ":patient_id",
        code,
        "null",
        &audit,
        "null",
        "'bench'",
        "'admin'",
        "'BookAppointment'",
        "'request'",
        start,
        &end,
        "null",
        "null",
        "'{}'",
        "null",
    ]);
    let [find, enter, write] = [find, enter, write].map(|sql| one_line(&sql));
    format!(
        "\\set n :n + 1\n\\if :n = 1\n{choice}\\endif\n\\set u :client_id * 1000000 + :n\n\
         \\startpipeline\nbegin;\n{set_org}set local statement_timeout = 8000;\n\\endpipeline\n\
         {find};\n{enter} \\gset\n{write};\ncommit;\n"
    )
}

/// Without comments, which end with a line.
fn one_line(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
