//! One data folder, one server, one owner.

use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    account::{Account, reachable},
    binaries::Binaries,
    guardian::guarded,
};

/// What the data is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed survives a crash. The data folder is kept.
    Durable,
    /// Nothing is flushed to disk, and each start begins anew: for tests.
    Fast,
}

/// A running server. It stops when this value is dropped, and also when the process that holds it is killed.
#[derive(Debug)]
pub struct Server {
    /// Address for the superuser: `postgres://postgres@127.0.0.1:<port>/postgres`.
    pub admin_url: String,
    /// The server's programs, `psql` among them.
    pub binaries: Binaries,
    child: Child,
    /// The server runs until this pipe closes, which the system does for us if we die.
    lifeline: Option<ChildStdin>,
    _owner: File,
}

impl Server {
    /// Starts a server on the data under `home`, which is made on first use. `named` is a folder with the server's programs.
    ///
    /// Fails when no server can be had, or when another process uses this data.
    pub fn start(home: &Path, named: Option<&Path>, durability: Durability) -> Result<Self> {
        let account = Account::instead_of_root()?;
        let home = reachable(account, &std::path::absolute(home)?);
        fs::create_dir_all(&home)?;
        let binaries = Binaries::find_or_fetch(named, &home.join("server"))?;
        let kind = if durability == Durability::Fast { "-fast" } else { "" };
        let folder = home.join(format!("pg{}{kind}", binaries.major));
        Account::own(account, &folder)?;
        let owner = own_alone(&folder)?;
        let data = folder.join("data");
        make_cluster(&binaries, account, &data, durability)?;
        // Another program may take the port between our look and the server's start.
        let mut last = None;
        for _ in 0..3 {
            match spawn(&binaries, account, &folder, durability) {
                Ok((child, lifeline, port)) => {
                    let admin_url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                    return Ok(Self { admin_url, binaries, child, lifeline: Some(lifeline), _owner: owner });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("the server was never tried")?)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Stops the server and waits until it is down.
    pub fn stop(&mut self) -> Result<()> {
        self.lifeline = None;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn own_alone(folder: &Path) -> Result<File> {
    let owner = OpenOptions::new().create(true).append(true).open(folder.join("owner.lock"))?;
    // Held until the file is closed, which the system does however we end.
    owner.try_lock().with_context(|| format!("another process is using {}", folder.display()))?;
    Ok(owner)
}

fn make_cluster(
    binaries: &Binaries,
    account: Option<Account>,
    data: &Path,
    durability: Durability,
) -> Result<()> {
    // Written last: without it, an attempt was interrupted.
    let complete = data.join("frontdesk.complete");
    if durability == Durability::Durable && complete.exists() {
        return Ok(());
    }
    if data.exists() {
        fs::remove_dir_all(data)?;
    }
    let mut making = guarded(Account::command(account, "sh"), "TERM", binaries.folder.join("initdb"))
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(data)
        .args((durability == Durability::Fast).then_some("--no-sync"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // Held while it works: waiting would close it.
    let _lifeline = making.stdin.take();
    let made = making.wait_with_output()?;
    ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    fs::write(complete, "")?;
    Ok(())
}

fn spawn(
    binaries: &Binaries,
    account: Option<Account>,
    folder: &Path,
    durability: Durability,
) -> Result<(Child, ChildStdin, u16)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let log_path = folder.join("server.log");
    let log = File::create(&log_path)?;
    let settings: &[&str] = match durability {
        Durability::Durable => &["max_connections=100"],
        Durability::Fast => {
            &["max_connections=400", "fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        }
    };
    // SIGINT is Postgres' fast shutdown.
    let mut child = guarded(Account::command(account, "sh"), "INT", binaries.folder.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let lifeline = child.stdin.take().context("stdin is a pipe")?;
    wait_until_ready(&mut child, &folder.join("data/postmaster.pid"), port, &log_path)?;
    Ok((child, lifeline, port))
}

fn wait_until_ready(child: &mut Child, pid_file: &Path, port: u16, log: &PathBuf) -> Result<()> {
    let started = Instant::now();
    let port = port.to_string();
    loop {
        // Lines of the file: 4 is the port, 8 becomes "ready". An older file names another port.
        let pid_file = fs::read_to_string(pid_file).unwrap_or_default();
        let line = |n: usize| pid_file.lines().nth(n - 1).map(str::trim);
        if line(4) == Some(&port) && line(8) == Some("ready") {
            return Ok(());
        }
        let ended = child.try_wait()?;
        if ended.is_some() || started.elapsed() > Duration::from_mins(1) {
            let mut said = String::new();
            let _ = File::open(log).and_then(|mut file| file.read_to_string(&mut said));
            bail!("Postgres did not start ({ended:?}):\n{said}");
        }
        sleep(Duration::from_millis(5));
    }
}
