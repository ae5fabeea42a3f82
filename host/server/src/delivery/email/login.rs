//! Who is sending: CRAM-MD5, PLAIN and LOGIN, in the order in which the server offers them, as Alertmanager.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::smtp::{Smtp, SmtpError, expect};
use crate::http_client::Secret;

/// A step of a login that wants an answer.
const CHALLENGE: u16 = 334;
/// The login is good.
const WELCOME: u16 = 235;

/// A user of a mail server.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// Empty where nobody logs in.
    pub(super) username: String,
    /// For whom the user acts; empty for itself.
    pub(super) identity: String,
    /// For PLAIN and LOGIN, which send it.
    pub(super) password: Option<Secret>,
    /// For CRAM-MD5, which does not.
    pub(super) secret: Option<Secret>,
}

/// A way to log in with what it takes.
enum Way {
    CramMd5(String),
    Plain(String),
    Login(String),
}

impl Login {
    /// Logs in, if there is a user and the server asks for one. `is_private`: nobody else can listen.
    pub(super) async fn perform(&self, smtp: &mut Smtp, is_private: bool) -> Result<(), SmtpError> {
        let Some(offered) = smtp.extension("AUTH").map(str::to_owned) else { return Ok(()) };
        if self.username.is_empty() {
            return Ok(());
        }
        match self.choose(&offered).await? {
            Way::CramMd5(secret) => self.cram_md5(smtp, &secret).await,
            Way::Plain(_) if !is_private => Err(SmtpError::Unsuitable(
                "the password would be sent in the clear; set require_tls: true, or auth_secret where the server knows CRAM-MD5"
                    .to_owned(),
            )),
            Way::Plain(password) => {
                let response = format!("{}\0{}\0{password}", self.identity, self.username);
                let reply = smtp.command(&format!("AUTH PLAIN {}", STANDARD.encode(response))).await?;
                expect_welcome("AUTH PLAIN", reply)
            }
            Way::Login(password) => self.login(smtp, &password).await,
        }
    }

    async fn choose(&self, offered: &str) -> Result<Way, SmtpError> {
        let mut missing = Vec::new();
        for mechanism in offered.split_ascii_whitespace() {
            let (secret, setting) = match mechanism {
                "CRAM-MD5" => (&self.secret, "auth_secret"),
                "PLAIN" | "LOGIN" => (&self.password, "auth_password"),
                _ => continue,
            };
            let Some(secret) = secret else {
                missing.push(format!("{mechanism} needs {setting}"));
                continue;
            };
            let secret = secret.read().await.map_err(|error| SmtpError::Unsuitable(error.in_full()))?;
            return Ok(match mechanism {
                "CRAM-MD5" => Way::CramMd5(secret),
                "PLAIN" => Way::Plain(secret),
                _ => Way::Login(secret),
            });
        }
        let why = if missing.is_empty() { "none is known here".to_owned() } else { missing.join(", ") };
        Err(SmtpError::Unsuitable(format!("no way to log in: the server offers {offered}; {why}")))
    }

    /// RFC 2195: the server's text, keyed with the secret.
    async fn cram_md5(&self, smtp: &mut Smtp, secret: &str) -> Result<(), SmtpError> {
        let reply = expect("AUTH CRAM-MD5", smtp.command("AUTH CRAM-MD5").await?, CHALLENGE)?;
        let challenge = STANDARD.decode(reply.text().trim());
        let challenge = challenge.map_err(|_| SmtpError::Garbled(reply.text()))?;
        let answer = format!("{} {}", self.username, digest(secret.as_bytes(), &challenge));
        expect_welcome("AUTH CRAM-MD5", smtp.command(&STANDARD.encode(answer)).await?)
    }

    /// A name, then a password; what the server writes in between is not looked at.
    async fn login(&self, smtp: &mut Smtp, password: &str) -> Result<(), SmtpError> {
        expect("AUTH LOGIN", smtp.command("AUTH LOGIN").await?, CHALLENGE)?;
        expect("AUTH LOGIN", smtp.command(&STANDARD.encode(&self.username)).await?, CHALLENGE)?;
        expect_welcome("AUTH LOGIN", smtp.command(&STANDARD.encode(password)).await?)
    }
}

fn expect_welcome(command: &'static str, reply: super::smtp::Reply) -> Result<(), SmtpError> {
    expect(command, reply, WELCOME).map(drop)
}

/// HMAC-MD5 in hexadecimal.
fn digest(key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_as_the_example_of_rfc_2195() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(digest(b"tanstaaftanstaaf", challenge), "b913a602c7eda7a495b4e6e7334d3890");
    }
}
