"""A mail server of loopback that keeps what it takes: aiosmtpd, with or without TLS and passwords."""

import collections
import email
import email.policy
import logging
import ssl

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from harness import Failed, free_port, wait_until

# Handshakes that end early are part of the checks.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
USER, PASSWORD = "bellwether", "correct horse"
REFUSED = "nobody@example.com"

Mail = collections.namedtuple("Mail", "sender recipients encrypted user message")


class Certificates:
    """A certificate authority of this run; one certificate that it signed, and one that vouches for itself."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)

    def signed(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        return context

    def self_signed(self):
        alone, file = trustme.CA(), self.folder / "self-signed.pem"
        alone.private_key_pem.write_to_path(file)
        alone.cert_pem.write_to_path(file, append=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


class Dialogue(SMTP):
    """Asks for name and password in the words that mail servers use."""

    AuthLoginUsernameChallenge, AuthLoginPasswordChallenge = "Username:", "Password:"


class Listener(Controller):
    def factory(self):
        return Dialogue(self.handler, **self.SMTP_kwargs)


class MailServer:
    """Takes mail on a free port. `busy` is how many recipients it still turns away for now."""

    def __init__(self, tls=None, mechanism=None, busy=0):
        self.mails, self.busy, self.asked, self.mechanisms = [], busy, [], []
        self.port = free_port()
        options = {}
        if tls:
            options |= {"tls_context": tls, "require_starttls": True}
        if mechanism:
            others = {"PLAIN", "LOGIN"} - {mechanism}
            options |= {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": bool(tls),
                        "auth_exclude_mechanism": others}
        self.controller = Listener(self, hostname="127.0.0.1", port=self.port, **options)

    def _authenticate(self, server, session, envelope, mechanism, given):
        self.mechanisms.append(mechanism)
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False, auth_data=USER if right else None)

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.asked.append(address)
        if address == REFUSED:
            return "550 5.1.1 no such mailbox here"
        if self.busy:
            self.busy -= 1
            return "451 4.3.0 busy, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail = Mail(envelope.mail_from, envelope.rcpt_tos, session.ssl is not None, session.auth_data, message)
        self.mails.append(mail)
        return "250 OK"

    def wait_for(self, count, timeout=20):
        """The first `count` mails."""
        try:
            wait_until(f"{count} mails", lambda: len(self.mails) >= count, timeout)
        except Failed as failed:
            raise Failed(f"{failed}; there are {len(self.mails)}; recipients asked for: {self.asked}") from None
        return self.mails[:count]

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()
