//! Serial ports, and PTYs, which look the same.
//!
//! Ports are opened exclusively. What the modem control lines do decides whether a board runs: see [`set_signals`].

use std::io;

use tokio_serial::{
    ErrorKind, SerialPort as _, SerialPortBuilderExt, SerialPortType, SerialStream, UsbPortInfo,
};

use super::{OpenError, Opened};
use crate::config::{DEFAULT_BAUD, SerialConfig, SerialPort, Signal, UsbId};

/// Opens one port, or the port of one USB device wherever it turns up.
#[derive(Debug)]
pub struct SerialTransport {
    config: SerialConfig,
}

impl SerialTransport {
    pub(super) const fn new(config: SerialConfig) -> Self {
        Self { config }
    }

    pub(super) async fn open(&self, driver_baud: Option<u32>) -> Result<Opened, OpenError> {
        let config = self.config.clone();
        let baud = config.baud.or(driver_baud).unwrap_or(DEFAULT_BAUD);
        // Opening asks the device, and some drivers in the kernel take their time over it.
        let opening = tokio::task::spawn_blocking(move || open(&config, baud));
        opening.await.unwrap_or_else(|error| {
            Err(OpenError::Other("the serial port".to_owned(), io::Error::other(error)))
        })
    }
}

fn open(config: &SerialConfig, baud: u32) -> Result<Opened, OpenError> {
    let (path, facts) = match config.port() {
        Some(SerialPort::Path(path)) => (path, Vec::new()),
        Some(SerialPort::Usb(usb)) => find_usb(&usb)?,
        None => return Err(OpenError::NoSuchDevice("no port is configured".to_owned())),
    };
    keep_lines_on_close(&path)?;
    let mut stream =
        tokio_serial::new(&path, baud).open_native_async().map_err(|error| classify(&path, error))?;
    set_signals(&mut stream, config.dtr, config.rts).map_err(|error| classify(&path, error))?;
    Ok(Opened { facts, ..Opened::new(stream) })
}

/// Puts DTR and RTS where they are wanted.
///
/// On the usual reset circuit of ESP32 boards both lines asserted, or both released, let the chip run; RTS alone
/// holds it in reset, DTR alone selects the boot loader at the next reset. Linux asserts both on opening. So RTS is
/// released before DTR, and asserted after it: the state in between is never "RTS alone".
fn set_signals(stream: &mut SerialStream, dtr: Signal, rts: Signal) -> tokio_serial::Result<()> {
    if rts == Signal::Off {
        tolerate_missing_lines(stream.write_request_to_send(false))?;
    }
    match dtr {
        Signal::Keep => {}
        Signal::On => tolerate_missing_lines(stream.write_data_terminal_ready(true))?,
        Signal::Off => tolerate_missing_lines(stream.write_data_terminal_ready(false))?,
    }
    if rts == Signal::On {
        tolerate_missing_lines(stream.write_request_to_send(true))?;
    }
    Ok(())
}

/// PTYs and some adapters have no such lines: then there is nothing to hold in reset either.
fn tolerate_missing_lines(result: tokio_serial::Result<()>) -> tokio_serial::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::Io(kind) if is_unsupported(kind)) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Unknown => Ok(()),
        other => other,
    }
}

const fn is_unsupported(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::Other)
}

/// Clears HUPCL, so that closing the port does not drop DTR and RTS one after the other and reset the board.
#[cfg(unix)]
fn keep_lines_on_close(path: &str) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use nix::fcntl::OFlag;
    use nix::sys::termios::{ControlFlags, SetArg, tcgetattr, tcsetattr};

    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let port = std::fs::OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path);
    let port = port.map_err(|error| OpenError::from_io(path, error))?;
    // A port that somebody else works with is left as it is.
    if let Err(std::fs::TryLockError::WouldBlock) = port.try_lock() {
        return Err(OpenError::Busy(path.to_owned()));
    }
    // Not a terminal at all is found and told by the real opening.
    if let Ok(mut settings) = tcgetattr(&port) {
        settings.control_flags.remove(ControlFlags::HUPCL);
        // Best effort: without it the board may reset on close, which it also survives.
        let _ = tcsetattr(&port, SetArg::TCSANOW, &settings);
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_lines_on_close(_path: &str) -> Result<(), OpenError> {
    Ok(())
}

fn find_usb(wanted: &UsbId) -> Result<(String, Vec<(String, String)>), OpenError> {
    let name = format!("usb {wanted}");
    let ports = tokio_serial::available_ports().map_err(|error| classify(&name, error))?;
    let mut fitting = ports.into_iter().filter_map(|port| match port.port_type {
        SerialPortType::UsbPort(usb) if fits(wanted, &usb) => Some((port.port_name, usb)),
        _ => None,
    });
    let Some((path, usb)) = fitting.next() else {
        return Err(OpenError::NoSuchDevice(name));
    };
    let others = fitting.count();
    if others > 0 {
        return Err(OpenError::Ambiguous(others + 1, name));
    }
    let serial = usb.serial_number.map(|serial| ("usb_serial".to_owned(), serial));
    let product = usb.product.map(|product| ("usb_product".to_owned(), product));
    Ok((path, serial.into_iter().chain(product).collect()))
}

fn fits(wanted: &UsbId, usb: &UsbPortInfo) -> bool {
    wanted.vid == usb.vid
        && wanted.pid.is_none_or(|pid| pid == usb.pid)
        && wanted.serial.as_ref().is_none_or(|serial| usb.serial_number.as_ref() == Some(serial))
}

/// The library reports a port in use as `NoDevice`; only its text tells that from one that is gone.
fn classify(path: &str, error: tokio_serial::Error) -> OpenError {
    let busy = error.kind() == ErrorKind::NoDevice && {
        let text = error.to_string().to_ascii_lowercase();
        text.contains("lock") || text.contains("busy")
    };
    match error.kind() {
        _ if busy => OpenError::Busy(path.to_owned()),
        ErrorKind::NoDevice => OpenError::NoSuchDevice(path.to_owned()),
        ErrorKind::Io(_) => OpenError::from_io(path, error.into()),
        ErrorKind::InvalidInput | ErrorKind::Unknown => OpenError::Other(path.to_owned(), error.into()),
    }
}
