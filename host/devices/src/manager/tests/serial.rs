//! Serial ports for real: PTYs, with real time. Nothing sleeps; everything waits for what it is told.

#![cfg(unix)]

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

use super::*;
use crate::config::{SerialConfig, Signal};
use crate::transport::Transport;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A board at the end of a cable; dropping it pulls the cable.
struct Cable {
    board: std::fs::File,
    /// Keeps the port alive until somebody opens it.
    port: Option<OwnedFd>,
}

impl Cable {
    /// Plugs a board in, so that its port is found at `path`.
    fn plug(path: &Path) -> Self {
        let pty = openpty(None, None).unwrap();
        let mut settings = tcgetattr(&pty.slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &settings).unwrap();
        drop(std::fs::remove_file(path));
        std::os::unix::fs::symlink(ttyname(&pty.slave).unwrap(), path).unwrap();
        Self { board: pty.master.into(), port: Some(pty.slave) }
    }

    fn print(&mut self, line: &str) {
        self.board.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
}

fn serial_board(path: &Path) -> DeviceConfig {
    let serial = SerialConfig {
        path: Some(path.display().to_string()),
        usb: None,
        baud: None,
        dtr: Signal::Off,
        rts: Signal::Off,
    };
    DeviceConfig { transport: TransportConfig::Serial(serial), ..board("a", &[]) }
}

fn port_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("ttyBOARD")
}

async fn next(house: &mut House) -> String {
    let notice = tokio::time::timeout(PATIENCE, house.heard.recv()).await.expect("something happens in time");
    brief(&notice.unwrap())
}

#[tokio::test]
async fn unplugging_is_noticed_at_once_and_replugging_connects_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = port_in(&folder);
    let mut cable = Cable::plug(&path);
    cable.print("temp=5");
    let mut house = House::new(vec![serial_board(&path)]);
    assert_eq!(next(&mut house).await, "a connected");
    let series = r#"temp{device_id="a", model_name="stories260k", platform="esp32"}"#;
    cable.print("event");
    assert_eq!(next(&mut house).await, "a event declared");
    assert_eq!(house.sink.latest(series), 5.0);

    cable.port = None;
    let unplugged = Instant::now();
    drop(cable);
    assert!(next(&mut house).await.starts_with("a disconnected: "));
    assert!(unplugged.elapsed() < Duration::from_millis(500), "{:?}", unplugged.elapsed());

    let mut cable = Cable::plug(&path);
    cable.print("temp=6");
    assert_eq!(next(&mut house).await, "a connected");
    assert_eq!(house.status("a").counters.reconnects, 1);
    cable.print("event");
    assert_eq!(next(&mut house).await, "a event declared");
    assert_eq!(house.sink.latest(series), 6.0);
    house.manager.around.stop.cancel();
    house.manager.stopped().await;
}

#[tokio::test]
async fn port_in_use_and_missing_port_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = port_in(&folder);
    let mut transport = Transport::new(&Arc::new(serial_board(&path)), Instant::now());
    let missing = transport.open(None).await.unwrap_err();
    assert_eq!(missing.reason(), "no_such_device", "{missing}");
    assert!(missing.is_absent());

    let _cable = Cable::plug(&path);
    let first = transport.open(None).await.unwrap();
    let busy = transport.open(None).await.unwrap_err();
    assert_eq!(busy.to_string(), format!("port busy: another process holds {}", path.display()));
    drop(first);
    transport.open(None).await.expect("free again once closed");

    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "no terminal").unwrap();
    let wrong = transport.open(None).await.unwrap_err();
    assert_eq!(wrong.reason(), "other", "{wrong}");
}
