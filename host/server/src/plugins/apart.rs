//! Compiling plugins in a process of its own, which `bellwether compile-plugin` bounds.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bellwether_sandbox::{CompileFailure, Compiler};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::runtime::Handle;

/// The longest that compiling one plugin may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Longest text of an error that is shown.
const MAX_ERROR_CHARS: usize = 500;

/// Compiles by calling this program again.
#[derive(Debug)]
pub(super) struct Apart {
    pub(super) program: PathBuf,
}

impl Compiler for Apart {
    fn compile(&self, wasm: &[u8], cache: &Path) -> Result<(), CompileFailure> {
        Handle::current().block_on(self.run(wasm, cache))
    }
}

impl Apart {
    async fn run(&self, wasm: &[u8], cache: &Path) -> Result<(), CompileFailure> {
        let mut command = Command::new(&self.program);
        command.arg("compile-plugin").arg("--cache").arg(cache);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| CompileFailure::NotStarted(error.to_string()))?;
        let stdin = child.stdin.take();
        let compile = async {
            if let Some(mut stdin) = stdin {
                // A compiler that has given up reads no further; why it has, it says itself.
                drop(stdin.write_all(wasm).await);
            }
            child.wait_with_output().await
        };
        match tokio::time::timeout(TIMEOUT, compile).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said: String = said.trim().chars().take(MAX_ERROR_CHARS).collect();
                let why = said.strip_prefix("error: ").unwrap_or(&said);
                let why = if why.is_empty() {
                    format!("its compiler ended with {}", output.status)
                } else {
                    why.to_owned()
                };
                Err(CompileFailure::Component(why))
            }
            Ok(Err(error)) => Err(CompileFailure::NotStarted(error.to_string())),
            Err(_) => Err(CompileFailure::Component(format!(
                "compiling it takes more than {} s",
                TIMEOUT.as_secs()
            ))),
        }
    }
}
