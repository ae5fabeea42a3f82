//! One mail, one connection: connect, encrypt, log in, hand over.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::message::Mail;
use super::smtp::{Smtp, SmtpError, Stream};
use super::{Mailing, Security};

/// Sends a mail.
pub(super) async fn send(mailing: &Mailing, mail: &Mail) -> Result<(), SmtpError> {
    let mut smtp = open(mailing).await?;
    let sent = deliver(&mut smtp, mailing, mail).await;
    smtp.quit().await;
    sent
}

async fn deliver(smtp: &mut Smtp, mailing: &Mailing, mail: &Mail) -> Result<(), SmtpError> {
    let is_private = mailing.security != Security::None || is_this_machine(&mailing.host);
    mailing.login.perform(smtp, is_private).await?;
    smtp.send(&mail.envelope, &mail.bytes).await
}

async fn open(mailing: &Mailing) -> Result<Smtp, SmtpError> {
    let tcp = TcpStream::connect((mailing.host.as_str(), mailing.port)).await?;
    let stream: Box<dyn Stream> = match mailing.security {
        Security::Implicit => encrypted(mailing, Box::new(tcp)).await?,
        Security::None | Security::StartTls => Box::new(tcp),
    };
    let mut smtp = Smtp::open(stream).await?;
    smtp.greet(&mailing.hello).await?;
    if mailing.security != Security::StartTls {
        return Ok(smtp);
    }
    if smtp.extension("STARTTLS").is_none() {
        let text = "require_tls is true (the default), and the server does not offer STARTTLS; set require_tls: false \
                    to send mail in the clear, or force_implicit_tls: true where the server begins with TLS";
        return Err(SmtpError::Unsuitable(text.to_owned()));
    }
    let stream = encrypted(mailing, smtp.start_tls().await?).await?;
    let mut smtp = Smtp::resumed(stream);
    smtp.greet(&mailing.hello).await?;
    Ok(smtp)
}

/// Certificates are read for each connection, so a new one counts from the next mail on.
async fn encrypted(mailing: &Mailing, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, SmtpError> {
    let material = mailing.tls.load().await.map_err(|error| SmtpError::Unsuitable(error.in_full()))?;
    let config = mailing.tls.client_config(&material).map_err(SmtpError::Unsuitable)?;
    let name = match mailing.tls.server_name() {
        Some(name) => name.clone(),
        None => {
            ServerName::try_from(mailing.host.clone()).map_err(|error| SmtpError::Tls(error.to_string()))?
        }
    };
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    Ok(Box::new(connected.map_err(|error| SmtpError::Tls(error.to_string()))?))
}

/// As Go's client has it, which sends passwords in the clear to nobody else.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
