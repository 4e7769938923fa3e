//! Whom the server runs as: Postgres refuses to run as root.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

/// An unprivileged account of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account to use instead of ours: `None` unless we are root.
    pub fn instead_of_root() -> Result<Option<Self>> {
        let id = Command::new("id").arg("-u").output()?;
        if String::from_utf8_lossy(&id.stdout).trim() != "0" {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        // By convention of the systems, where neither name is known.
        let nobody = Self { uid: 65534, gid: 65534 };
        Ok(Some(["postgres", "nobody"].iter().find_map(|n| find(&accounts, n)).unwrap_or(nobody)))
    }

    /// Makes the folder and hands it over.
    pub fn own(account: Option<Self>, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        if let Some(Self { uid, gid }) = account {
            std::os::unix::fs::chown(folder, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// A command that runs as this account, in a folder that every account can enter.
    pub fn command(account: Option<Self>, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env_remove("PGDATA").env_remove("PGHOST").env_remove("PGPORT");
        if let Some(Self { uid, gid }) = account {
            command.gid(gid).uid(uid);
        }
        command
    }
}

fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [n, _, uid, gid, ..] if n == name => {
                Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            }
            _ => None,
        }
    })
}

/// Where our files go: `wanted`, or a folder under /var/tmp where another account could not reach `wanted`.
pub fn reachable(account: Option<Account>, wanted: &Path) -> PathBuf {
    let open =
        |folder: &Path| fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o001 == 0o001);
    // The folder itself is ours to open; what counts is what exists above it.
    let reachable = wanted.ancestors().skip(1).filter(|f| f.exists()).all(open);
    if account.is_none() || reachable {
        return wanted.to_owned();
    }
    let name: String =
        wanted.to_string_lossy().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Path::new("/var/tmp").join(format!("frontdesk{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:7::/:\nnobody:x:99:98::/:/bin/false\n";
        assert_eq!(find(accounts, "nobody"), Some(Account { uid: 99, gid: 98 }));
        assert_eq!(find(accounts, "postgres"), None);
    }

    #[test]
    fn without_another_account_every_folder_will_do() {
        assert_eq!(reachable(None, Path::new("/root/x")), Path::new("/root/x"));
    }
}
