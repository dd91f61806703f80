"""What the sandbox sends, and what it receives."""

from __future__ import annotations

from email.message import EmailMessage as MimeMessage
from email.utils import make_msgid

from ..message import AnymailMessage

SENDER = "orders@tea.example"
CUSTOMER = "zoe@example.net"
SUPPORT = "support@tea.example"
#: Addresses that SES answers for itself (Amazon SES Developer Guide, "mailbox simulator").
BOUNCE = "bounce@simulator.amazonses.com"
COMPLAINT = "complaint@simulator.amazonses.com"

TEXT = """\
Hello Zoë,

two packets of “Grüner Tee” (€ 9.80) left us today.

Your tea shop
"""
HTML = """\
<h1>Hello Zoë,</h1>
<p>two packets of <b>“Grüner Tee”</b> (€&nbsp;9.80) left us today.</p>
<p>Your tea shop</p>
"""
INVOICE = "item;pieces;price\nGrüner Tee;2;9,80\n"
PICTURE = bytes.fromhex(  # a PNG of one green pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c633098e0000001f4010134beb9da0000000049454e44ae426082"
)


def order_confirmation() -> AnymailMessage:
    """The message to send: text, HTML, an attachment, tags, metadata, hidden recipients."""
    message = AnymailMessage(
        subject="Your tea is on its way 🍵",
        body=TEXT,
        from_email=f'"Tee & Töpfe, the tea shop" <{SENDER}>',
        to=[f'"Zoë Müller" <{CUSTOMER}>'],
        bcc=[BOUNCE, COMPLAINT],
        reply_to=[SUPPORT],
        # Django's own would be named after this machine, and ask the DNS for that.
        headers={"Message-ID": make_msgid(domain="tea.example")},
        tags=["order-confirmation", "Frühling"],
        metadata={"order": 1042, "customer": "Zoë Müller", "shelf": "green tea, second from left"},
    )
    message.attach_alternative(HTML, "text/html")
    message.attach("invoice 1042.csv", INVOICE, "text/csv")
    return message


def question() -> MimeMessage:
    """The mail that arrives."""
    mail = MimeMessage()
    mail["From"] = f"Zoë Müller <{CUSTOMER}>"
    mail["To"] = f"Support <{SUPPORT}>"
    mail["Subject"] = "Re: Your tea is on its way 🍵"
    mail["Message-ID"] = "<question-1@example.net>"
    mail["Date"] = "Tue, 04 Mar 2025 06:06:05 +0100"
    mail.set_content("Lovely! Is this the right pot for it?\n\nZoë\n")
    mail.add_attachment(PICTURE, maintype="image", subtype="png", filename="Töpfchen.png")
    return mail
