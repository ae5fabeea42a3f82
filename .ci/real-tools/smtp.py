"""Mail to a real mail server: what it says, how the connection is protected, and what a refusal does."""

import datetime
import time

from harness import Failed, Folder, Server, check, get_text, request, say, wait_until
from mail_server import PASSWORD, REFUSED, USER, Certificates, MailServer
from surroundings import Sink

ROUTING = """\
global:
  smtp_smarthost: '{host}:{port}'
  smtp_from: 'Bellwether <bellwether@example.com>'
  smtp_hello: bellwether.example.com
route:
  receiver: mail
  group_by: [alertname]
  group_wait: 0s
  group_interval: {interval}
  repeat_interval: 1h
receivers:
  - name: mail
    webhook_configs: [{{url: '{sink}', send_resolved: true}}]
    email_configs:
      - to: '{to}'
        send_resolved: true
        headers: {{Subject: '{{{{ .Status | toUpper }}}} {{{{ .CommonLabels.alertname }}}} at 91 °C', X-Team: edge}}
        text: '{{{{ range .Alerts }}}}{{{{ .Annotations.summary }}}} is {{{{ .Status }}}}. {{{{ end }}}}'
"""
PLAIN = "        require_tls: false\n"
LOGIN = f"        auth_username: {USER}\n        auth_password: {{password}}\n"
INSECURE = "        tls_config: {insecure_skip_verify: true}\n"
# What must not come would come within this time.
QUIET = 4


class World:
    """A server that tells one receiver, by mail and by webhook; the webhook shows that a flush took place."""

    def __init__(self, folder, mail, settings, to="team@example.com", host="127.0.0.1", interval="1s"):
        self.folder, self.mail, self.settings = folder, mail, settings
        self.names = {"to": to, "host": host, "interval": interval}

    def __enter__(self):
        self.sink = Sink().__enter__()
        text = ROUTING.format(port=self.mail.port, sink=self.sink.url, **self.names) + self.settings
        file = self.folder / "alertmanager.yml"
        file.write_text(text)
        self.server = Server(self.folder, "--alertmanager-config", file)
        try:
            self.server.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        self.sink.__exit__()

    def fire(self, ended=None):
        one = {"labels": {"alertname": "BoardTooHot", "device_id": "esp32-bench"},
               "annotations": {"summary": "esp32-bench is above 85 °C & <hot>"}}
        if ended:
            one["endsAt"] = ended.isoformat()
        request(self.server.alertmanager + "/api/v2/alerts", [one])

    def resolve(self):
        self.fire(ended=datetime.datetime.now(datetime.timezone.utc))

    def mails(self, count):
        try:
            return self.mail.wait_for(count)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.complaints()}") from None

    def complaints(self):
        """What the log says besides deliveries."""
        return "\n".join(line for line in self.server.log_text().splitlines() if " INFO " not in line)[-3000:]

    def failures(self):
        """How often the metrics say that mail failed."""
        lines = get_text(self.server.alertmanager + "/metrics").splitlines()
        failed = "bellwether_notification_failures_total{"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(failed) and '"email"' in line)


def part(message, kind):
    found = [one for one in message.walk() if one.get_content_type() == kind]
    check(len(found) == 1, f"it has one part {kind}", message)
    return found[0].get_content()


def what_a_mail_says():
    both = "Team <team@example.com>, b@example.com"
    with Folder() as folder, MailServer() as mail, World(folder, mail, PLAIN, both) as world:
        world.fire()
        first = world.mails(1)[0]
        world.resolve()
        second = world.mails(2)[1]
        time.sleep(QUIET)
        check(len(mail.mails) == 2, "one mail when it fires, one when it ends", [str(one.message) for one in mail.mails])
        for one, status in ((first, "firing"), (second, "resolved")):
            a_mail(one, status)
        check(first.message["Message-ID"] != second.message["Message-ID"], "each has an id of its own")


def a_mail(mail, status):
    message = mail.message
    check(mail.sender == "bellwether@example.com", f"{status}: the envelope's sender", mail.sender)
    check(sorted(mail.recipients) == ["b@example.com", "team@example.com"], "both recipients", mail.recipients)
    subject = message["Subject"]
    check(subject == f"{status.upper()} BoardTooHot at 91 °C", "the subject is that of `headers`", subject)
    check(message["X-Team"] == "edge", "other headers are set", message.keys())
    check(message["From"] == "Bellwether <bellwether@example.com>", "From names the sender", message["From"])
    addresses = {address.addr_spec for address in message["To"].addresses}
    check(addresses == {"team@example.com", "b@example.com"}, "To names both", message["To"])
    check(message["Message-ID"] and message["Date"], "it has an id and a date", message.keys())
    kind = message.get_content_type()
    check(kind == "multipart/alternative", "it is one message in two forms", kind)
    order = [one.get_content_type() for one in message.iter_parts()]
    check(order == ["text/plain", "text/html"], "the text comes before the preferred html", order)
    text = part(message, "text/plain").strip()
    check(text == f"esp32-bench is above 85 °C & <hot> is {status}.", "the text is that of the template", text)
    html = part(message, "text/html")
    check("BoardTooHot" in html and "esp32-bench" in html, "the html names the alert", html)
    check("85 °C &amp; &lt;hot&gt;" in html, "and escapes what would be markup", html)


def protected(mechanism, tls_settings, signed, host="127.0.0.1"):
    """STARTTLS and a password, which is only told over TLS."""
    with Folder() as folder:
        certificates = Certificates(folder)
        tls = certificates.signed() if signed else certificates.self_signed()
        settings = LOGIN.format(password=PASSWORD) + tls_settings.replace("CA_FILE", str(certificates.ca_file))
        with MailServer(tls, mechanism) as mail, World(folder, mail, settings, host=host) as world:
            world.fire()
            taken = world.mails(1)[0]
            check(taken.encrypted, "the mail came over TLS")
            check(taken.user == USER and mail.mechanisms == [mechanism], f"after AUTH {mechanism}", mail.mechanisms)


def self_signed_and_not_verified():
    for mechanism in ("PLAIN", "LOGIN"):
        protected(mechanism, INSECURE, signed=False)


def authority_in_a_file():
    for mechanism in ("PLAIN", "LOGIN"):
        protected(mechanism, "        tls_config: {ca_file: 'CA_FILE'}\n", signed=True)


def name_in_the_certificate():
    protected("PLAIN", "        tls_config: {ca_file: 'CA_FILE', server_name: localhost}\n", signed=True)
    protected("PLAIN", "        tls_config: {ca_file: 'CA_FILE'}\n", signed=True, host="localhost")


def nothing_may_arrive(world, mail, why):
    world.fire()
    wait_until("the webhook of the same flush", lambda: world.sink.of("firing"), 20)
    wait_until("a failure in the metrics", world.failures, 20)
    time.sleep(QUIET)
    check(not mail.mails, f"no mail {why}", [str(one.message) for one in mail.mails])
    complaints = world.complaints()
    check("127.0.0.1" in complaints, "the log tells which mail server it was", complaints)
    say(complaints.splitlines()[0][:300])
    return complaints


def unknown_certificate():
    with Folder() as folder:
        tls = Certificates(folder).self_signed()
        with MailServer(tls) as mail, World(folder, mail, "") as world:
            complaints = nothing_may_arrive(world, mail, "to a server whose certificate nobody vouches for")
            check("certificate" in complaints, "the log tells that it was the certificate", complaints)


def no_tls_where_it_is_wanted():
    with Folder() as folder, MailServer() as mail, World(folder, mail, "") as world:
        nothing_may_arrive(world, mail, "over an open connection where TLS is wanted")


def wrong_password():
    with Folder() as folder:
        tls = Certificates(folder).self_signed()
        settings = LOGIN.format(password="wrong") + INSECURE
        with MailServer(tls, "PLAIN") as mail, World(folder, mail, settings) as world:
            complaints = nothing_may_arrive(world, mail, "with a wrong password")
            check("535" in complaints, "the log has the server's answer", complaints)
            check("wrong" not in complaints.replace("wrong password", ""), "and not the password", complaints)


def refused_recipient():
    """The group's next flush would try it anew, as it should: here it is a minute away."""
    with Folder() as folder, MailServer() as mail, World(folder, mail, PLAIN, to=REFUSED, interval="1m") as world:
        complaints = nothing_may_arrive(world, mail, "to a recipient that is refused")
        check("no such mailbox here" in complaints, "the log has the server's answer", complaints)
        check(mail.asked == [REFUSED], "what is refused for good is tried once in a flush", mail.asked)


def busy_for_a_while():
    with Folder() as folder, MailServer(busy=2) as mail, World(folder, mail, PLAIN) as world:
        world.fire()
        world.mails(1)
        time.sleep(QUIET)
        check(len(mail.asked) == 3, "a server that is busy is asked again, until it takes the mail", mail.asked)
        check(len(mail.mails) == 1, "and no more after that", [str(one.message) for one in mail.mails])
        check(len(world.sink.of("firing")) == 1, "the webhook beside it is posted once", world.sink.log())


CHECKS = [
    ("smtp: what a mail says, firing and resolved", what_a_mail_says),
    ("smtp: STARTTLS with a self-signed certificate, AUTH PLAIN and LOGIN", self_signed_and_not_verified),
    ("smtp: STARTTLS with an authority of one's own, AUTH PLAIN and LOGIN", authority_in_a_file),
    ("smtp: STARTTLS by a server's name", name_in_the_certificate),
    ("smtp: STARTTLS with a certificate that nobody vouches for", unknown_certificate),
    ("smtp: no TLS where it is wanted", no_tls_where_it_is_wanted),
    ("smtp: a wrong password", wrong_password),
    ("smtp: a recipient that is refused", refused_recipient),
    ("smtp: a server that is busy for a while", busy_for_a_while),
]
