//! Runs a compiler: without a shell, in the project's folder, and not for ever.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::WorkbenchError;

/// The longest that one command may take: the first build of a language runtime downloads and compiles a lot.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How often a command is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A command that is to be run.
pub(super) struct Run {
    command: Command,
    shown: String,
    limit: Duration,
}

impl Run {
    pub(super) fn new(program: impl AsRef<OsStr>, folder: &Path) -> Self {
        let shown = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null());
        Self { command, shown, limit: LIMIT }
    }

    /// A program with its arguments; the list is not empty.
    pub(super) fn argv(words: &[String], folder: &Path) -> Self {
        let (program, arguments) = words.split_first().expect("the caller has a program");
        Self::new(program, folder).args(arguments)
    }

    #[must_use]
    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    #[must_use]
    pub(super) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub(super) fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The command in words, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it with the streams of this process; an error where it fails.
    pub(super) fn status(mut self) -> Result<(), WorkbenchError> {
        // What compilers print as their result belongs among the messages, not into the output of this program.
        let child = self.command.stdout(std::io::stderr()).spawn();
        let mut child = child.map_err(|source| self.spawn_error(source))?;
        let status = self.wait(&mut child)?;
        self.checked(status)
    }

    /// Runs it and gives what it prints.
    pub(super) fn output(mut self) -> Result<String, WorkbenchError> {
        let child = self.command.stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|source| self.spawn_error(source))?;
        let mut stdout = child.stdout.take().expect("it is piped");
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes).unwrap_or_default()
        });
        let status = self.wait(&mut child)?;
        let bytes = reading.join().unwrap_or_default();
        self.checked(status)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether it runs at all and is content. Says nothing.
    pub(super) fn works(mut self) -> bool {
        let child = self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.is_ok_and(|mut child| self.wait(&mut child).is_ok_and(|status| status.success()))
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, WorkbenchError> {
        let began = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if began.elapsed() < self.limit => thread::sleep(POLL),
                Ok(None) => {
                    // A child that is gone already needs no more.
                    drop(child.kill());
                    drop(child.wait());
                    return Err(WorkbenchError::TimedOut { command: self.shown.clone(), limit: self.limit });
                }
                Err(source) => return Err(self.spawn_error(source)),
            }
        }
    }

    fn checked(&self, status: ExitStatus) -> Result<(), WorkbenchError> {
        if status.success() {
            return Ok(());
        }
        Err(WorkbenchError::Command { command: self.shown.clone(), status })
    }

    fn spawn_error(&self, source: std::io::Error) -> WorkbenchError {
        WorkbenchError::Spawn { command: self.shown.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Run {
        Run::new("sh", Path::new(".")).args(["-c", script])
    }

    #[test]
    fn tells_how_a_command_ended() {
        assert_eq!(sh("echo a").output().unwrap(), "a\n");
        assert!(sh("true").works() && !sh("false").works());
        assert!(sh("exit 3").status().unwrap_err().to_string().contains("exit 3 failed with exit status: 3"));
        let missing = Run::new("no-such-program", Path::new(".")).status().unwrap_err();
        assert!(missing.to_string().contains("cannot run no-such-program"));
    }

    #[test]
    fn ends_what_takes_too_long() {
        let slow = Run { limit: Duration::from_millis(50), ..Run::new("sleep", Path::new(".")).args(["60"]) };
        assert!(matches!(slow.status(), Err(WorkbenchError::TimedOut { .. })));
    }
}
