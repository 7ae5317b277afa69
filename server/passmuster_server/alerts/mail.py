"""Alerts by e-mail."""

import contextlib
import smtplib
import socket
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from passmuster_server.alerts.connections import connected
from passmuster_server.alerts.errors import NotSentError, RefusedError
from passmuster_server.alerts.rules import Mail
from passmuster_server.alerts.secret_files import read_secret

PERMANENT = 500
WANTS_A_PASSWORD = 530
"""About the rule and not the mail (RFC 4954, section 6): whoever mends the rule sends it yet."""


class _Server(smtplib.SMTP):
    """A mail server, on a connection that is there already."""

    def __init__(self, connection: socket.socket, mail: Mail, domain: str) -> None:
        self._connection = connection
        super().__init__(mail.host, mail.port, domain)

    def connect(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        """Return how the server greets."""
        self.sock, self.file = self._connection, None
        return self.getreply()


def send_mail(mail: Mail, subject: str, text: str, now: datetime) -> None:
    """Send one e-mail, and wait until the server has taken it.

    Raises `NotSentError`; `RefusedError` where the server says that it never will.
    """
    # As our own name to the server as well: looking up this machine's would ask a name server.
    domain = mail.sender.rpartition("@")[2]
    context = ssl.create_default_context()
    try:
        message = _written(mail, domain, subject, text, now)
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(connected(mail.host, mail.port))
            if mail.security == "tls":
                encrypted = context.wrap_socket(connection, server_hostname=mail.host)
                connection = opened.enter_context(encrypted)
            server = _Server(connection, mail, domain)
            opened.callback(_leave, server)
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, mail.password or read_secret(mail.password_file))
            server.send_message(message)
    except smtplib.SMTPDataError as error:
        raise _refused_by({error.smtp_code}) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused_by({code for code, _ in error.recipients.values()}) from None
    except smtplib.SMTPResponseException as error:
        # Its text may repeat an address.
        raise NotSentError(f"the mail server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise NotSentError(type(error).__name__) from None
    except (ValueError, IndexError, AttributeError) as error:
        # What smtplib and email make of characters that neither expects.
        raise NotSentError(type(error).__name__) from None


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye. What the server makes of it changes nothing about what it took or refused."""
    with contextlib.closing(server), contextlib.suppress(smtplib.SMTPException, OSError):
        server.quit()


def _refused_by(codes: set[int]) -> NotSentError:
    """Return what an answer to the mail itself, or to its recipient, means."""
    said = f"the mail server answered {', '.join(map(str, sorted(codes)))}"
    # A permanent negative completion (RFC 5321, section 4.2.1).
    for_good = all(code >= PERMANENT and code != WANTS_A_PASSWORD for code in codes)
    return RefusedError(said) if for_good else NotSentError(said)


def _written(mail: Mail, domain: str, subject: str, text: str, now: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, mail.to, subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message
