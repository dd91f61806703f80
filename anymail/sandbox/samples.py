"""A message to send and a mail to receive, for the page and for ``--once``."""

from __future__ import annotations

import json
import secrets
from email.message import EmailMessage as MimeMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path

from ..message import AnymailMessage
from .journal import now

FOLDER = Path(__file__).parent / "sample_mail"
PRICES = "item;pieces;price\nGrüner Tee “Frühling”;2;9,80\nTea strainer;1;4,50\nPostage;1;2,90\n"
SENDER = "orders@tea.example"
SUPPORT = "support@tea.example"
CUSTOMER = "zoe@example.net"
SIMULATOR = "simulator.amazonses.com"

TEMPLATE = {
    "TemplateName": "welcome",
    "SubjectPart": "Welcome, {{name}}",
    "TextPart": "Hello {{name}},\n\ngood to have you at {{shop}}.\n",
    "HtmlPart": "<h1>Hello {{name}},</h1>\n<p>good to have you at <b>{{shop}}</b>.</p>\n",
}
#: What fills the template in.
TEMPLATE_DATA = {
    "template_id": TEMPLATE["TemplateName"],
    "to": f"Zoë Müller <{CUSTOMER}>",
    "merge_data": json.dumps({CUSTOMER: {"name": "Zoë"}}, ensure_ascii=False),
    "merge_global_data": '{"name": "friend", "shop": "the tea shop"}',
}


def order() -> AnymailMessage:
    """A message with text, HTML, an image, an attachment, tags and metadata.

    The addresses of the simulator are new ones each time: nothing more is sent to an address that
    bounced or complained.
    """
    label = secrets.token_hex(2)
    message = AnymailMessage(
        subject="Zoë, your tea is on its way",
        body=_text("order.txt"),
        from_email=f'"Tea Shop, Kyōto" <{SENDER}>',
        to=[f"Zoë Müller <{CUSTOMER}>"],
        cc=[f"click@{SIMULATOR}"],
        bcc=[f"bounce+{label}@{SIMULATOR}", f"complaint+{label}@{SIMULATOR}"],
        reply_to=[SUPPORT],
        # Django's own would be named after this machine, and ask the DNS for that.
        headers={"Message-ID": make_msgid(domain="tea.example")},
        tags=["order-confirmation", "Frühling"],
        metadata={"order": 1042, "customer": "Zoë Müller"},
    )
    cup = message.attach_inline_image(_cup(), "cup.png", "png", "cup", "tea.example")
    message.attach_alternative(_text("order.html").replace("CUP", cup), "text/html")
    message.attach("order 1042.csv", PRICES, "text/csv")
    return message


def question() -> bytes:
    """The source of a mail that arrives."""
    mail = MimeMessage(policy=SMTP)
    mail["From"] = f"Zoë Müller <{CUSTOMER}>"
    mail["To"] = f"Tea Shop <{SUPPORT}>"
    mail["Subject"] = "Re: Zoë, your tea is on its way"
    mail["Message-ID"] = f"<{secrets.token_hex(8)}@example.net>"
    mail["Date"] = format_datetime(now())
    mail.set_content("Lovely! Is this the right cup for it?\n\nZoë\n")
    mail.add_alternative(
        "<p>Lovely! Is this the right cup for it?</p>\n<p>Zoë</p>\n", subtype="html"
    )
    mail.add_attachment(_cup(), maintype="image", subtype="png", filename="Täßchen.png")
    return mail.as_bytes()


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _cup() -> bytes:
    return (FOLDER / "cup.png").read_bytes()
