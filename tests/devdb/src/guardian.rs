//! Programs that end when their owner does, however it ends.

use std::{
    ffi::OsStr,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

/// Runs a program, and sends it a signal when standard input ends. Whatever happens to the owner ends standard input, because the system
/// closes the owner's files; so nothing is left behind even by a SIGKILL, and nothing unsafe is needed for it.
const SCRIPT: &str = r#"
exec 3<&0
signal=$1
shift
"$@" </dev/null 3<&- &
program=$!
{ read -r _ <&3; kill -"$signal" $program; } 2>/dev/null &
guard=$!
exec 3<&-
wait $program
code=$?
kill $guard 2>/dev/null
exit $code
"#;

/// Makes `shell`, a command for `sh`, run the program until its standard input, a pipe that the caller takes, is closed. Arguments
/// that are added go to the program.
pub fn guarded(mut shell: Command, signal: &str, program: impl AsRef<OsStr>) -> Command {
    shell.args(["-c", SCRIPT, "guardian", signal]).arg(program);
    // Its own group: an interrupt from the keyboard is for the owner, who ends the program after its own work.
    shell.process_group(0).stdin(Stdio::piped());
    shell
}

#[cfg(test)]
mod tests {
    use std::{
        process::Command,
        time::{Duration, Instant},
    };

    use super::guarded;

    #[test]
    fn a_program_ends_with_its_owner_and_its_exit_code_is_told() {
        let mut sleeping = guarded(Command::new("sh"), "TERM", "sleep").arg("60").spawn().unwrap();
        let began = Instant::now();
        drop(sleeping.stdin.take());
        assert!(!sleeping.wait().unwrap().success());
        assert!(began.elapsed() < Duration::from_secs(30));
        let mut ending = guarded(Command::new("sh"), "TERM", "sh").args(["-c", "exit 7"]).spawn().unwrap();
        // `wait` would close it.
        let _lifeline = ending.stdin.take();
        assert_eq!(ending.wait().unwrap().code(), Some(7));
    }
}
