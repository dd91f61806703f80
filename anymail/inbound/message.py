"""AnymailInboundMessage: a received mail, with what the standard library's messages lack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, cast

from ..addresses import EmailAddress
from ..mime.headers import parse_rfc2822date
from .chunks import read_chunks, slices
from .construct import attachment, construct
from .forgiving import ForgivingMessage
from .headers import ReceivedHeader
from .parser import parse_chunks
from .parts import attached_parts, find_body, inline_parts, is_unnamed_text, parts_by_content_id
from .text import encode_source, safe_filename, unfold

if TYPE_CHECKING:
    from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
    from typing_extensions import Self


class AnymailInboundMessage(ForgivingMessage):
    """A received mail, or a part of one.

    Everything that :class:`email.message.EmailMessage` can do, with the modern policy. No mail,
    however broken, makes a property or method raise where it is not documented to. Everything wrong
    with it is in ``defects``: for headers, once they have been read.

    The sender can write anything into headers and contents. The results of SES's checks are in the
    attributes from ``envelope_sender`` on (Amazon SES Developer Guide, "Contents of
    notifications for Amazon SES email receiving").

    :param policy: of the standard library; the one for received mail unless given.
    """

    #: The envelope's MAIL FROM: where bounces go. Empty for a bounce.
    envelope_sender: str | None = None
    #: The first of :attr:`envelope_recipients`.
    envelope_recipient: str | None = None
    #: The text body without quoted replies and signature (SES does not provide it).
    stripped_text: str | None = None
    #: The HTML body without quoted replies and signature (SES does not provide it).
    stripped_html: str | None = None
    #: True for a FAIL of SES's spam scan, False for a PASS, None for everything else.
    spam_detected: bool | None = None
    #: SES does not provide it.
    spam_score: float | None = None
    #: True for a FAIL of SES's virus scan, False for a PASS, None for everything else.
    virus_detected: bool | None = None
    #: Of the SPF check: ``"PASS"``, ``"FAIL"``, or None for everything else.
    spf_verdict: str | None = None
    #: Of the DKIM check: ``"PASS"``, ``"FAIL"``, or None for everything else.
    dkim_verdict: str | None = None
    #: Of the DMARC check: ``"PASS"``, ``"FAIL"``, or None for everything else.
    dmarc_verdict: str | None = None
    #: What the sender's domain asks for after a failed DMARC check: ``"none"``,
    #: ``"quarantine"`` or ``"reject"``. None where it was not reported.
    dmarc_policy: str | None = None

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        #: Every address that the envelope named and the receipt rule matched.
        self.envelope_recipients: list[str] = []

    # Addresses and other headers

    @property
    def from_email(self) -> EmailAddress | list[EmailAddress] | None:
        """The address in From; None without a valid one, a list of several.

        Who sent the mail is not proven by it: see :attr:`dmarc_verdict`.
        """
        addresses = self.get_address_header("From")
        if len(addresses) > 1:
            return addresses
        return addresses[0] if addresses else None

    @property
    def to(self) -> list[EmailAddress]:
        """The addresses in To."""
        return self.get_address_header("To")

    @property
    def cc(self) -> list[EmailAddress]:
        """The addresses in Cc."""
        return self.get_address_header("Cc")

    @property
    def bcc(self) -> list[EmailAddress]:
        """The addresses in Bcc, which received mail rarely has: see ``envelope_recipients``."""
        return self.get_address_header("Bcc")

    @property
    def subject(self) -> str | None:
        """The Subject, decoded, on one line."""
        subject = self.get("Subject")
        return None if subject is None else " ".join(str(subject).splitlines())

    @property
    def date(self) -> datetime | None:
        """The Date, or None if it is missing or invalid; naive only for the zone ``-0000``."""
        return self.get_date_header("Date")

    @property
    def auto_submitted(self) -> str | None:
        """The keyword in Auto-Submitted (RFC 3834), for example ``"auto-replied"``.

        None for a mail that a person sent: without the header, or with ``no``. Do not answer
        others automatically.
        """
        words = re.split(r"[;(\s]", str(self.get("Auto-Submitted", "")).strip(), maxsplit=1)
        keyword = words[0].lower()
        return keyword if keyword not in ("", "no") else None

    def get_address_header(self, header: str) -> list[EmailAddress]:
        """The addresses in all headers of that name.

        Anything that is not a valid address is left out, and noted in ``defects``.

        :param header: its name, in any case.
        """
        found: list[EmailAddress] = []
        for name, value in self.raw_items():
            if name.lower() == header.lower():
                source = value.source if isinstance(value, ReceivedHeader) else unfold(value)
                addresses, defects = self._reader().addresses(header, source)
                found += addresses
                for defect in defects:
                    self.note_defect(defect)
        return found

    def get_date_header(self, header: str) -> datetime | None:
        """The datetime in a header.

        :param header: its name, in any case.
        :return: aware, naive for the zone ``-0000``, or None if it is missing or invalid.
        """
        value = self.get(header)
        return None if value is None else parse_rfc2822date(str(value))

    # Bodies and attachments

    @property
    def text(self) -> str | None:
        r"""The first text/plain part that is not attached, with ``\n`` at line ends, or None.

        Text of an attached message does not count.
        """
        body = find_body(self, "text/plain")
        return None if body is None else body.get_content_text()

    @property
    def html(self) -> str | None:
        """The first text/html part that is not attached, or None. See :attr:`text`.

        It may contain scripts: sanitise it before you show it.
        """
        body = find_body(self, "text/html")
        return None if body is None else body.get_content_text()

    @property
    def attachments(self) -> list[Self]:
        """The parts that are attached, those of attached messages included.

        They have the disposition ``attachment`` or an unknown one; or none, and are neither the
        body nor :attr:`inlines`.
        """
        return cast("list[Self]", list(attached_parts(self)))

    @property
    def inlines(self) -> list[Self]:
        """The parts to be shown in the body.

        They have the disposition ``inline``; or none, and a Content-ID in a multipart/related.
        """
        return cast("list[Self]", list(inline_parts(self)))

    @property
    def content_id_map(self) -> dict[str, Self]:
        """The parts by their Content-ID, without its angle brackets.

        Parts of any disposition, except the body. Of several with the same Content-ID the first
        counts, and the mail's own parts take precedence over those of attached messages.
        """
        return cast("dict[str, Self]", parts_by_content_id(self))

    @property
    def inline_attachments(self) -> dict[str, Self]:
        """The old name of :attr:`content_id_map`."""
        return self.content_id_map

    def is_attachment(self) -> bool:
        """Whether the Content-Disposition is ``attachment``."""
        return self.get_content_disposition() == "attachment"

    def is_inline(self) -> bool:
        """Whether the Content-Disposition is ``inline``."""
        return self.get_content_disposition() == "inline"

    def is_inline_attachment(self) -> bool:
        """The old name of :meth:`is_inline`."""
        return self.is_inline()

    def as_uploaded_file(self) -> SimpleUploadedFile | None:
        """The attachment as a file that Django's storages and model fields take.

        Its name is the last component of the sender's, without control characters, or
        ``"attachment"`` where there is none. The sender chooses name and content type:
        check both before you serve the file.

        An attached message is the source of that message, as it came.

        :return: None for a multipart without Content-Disposition, and for text/plain and text/html
            without one and without a file name, since that is a body.
        """
        from django.core.files.uploadedfile import SimpleUploadedFile

        if self.get_content_disposition() is None and (
            self._is_container() or is_unnamed_text(self)
        ):
            return None
        whole = self.get_content_maintype() == "multipart"
        content = self.as_bytes() if whole else self.get_content_bytes()
        name = safe_filename(self.get_filename(""))
        return SimpleUploadedFile(name, content, self.get_content_type())

    # Making messages

    @classmethod
    def parse_raw_mime(cls, string: str) -> Self:
        """A message from its source as text.

        :param string: is encoded as UTF-8 first; bytes in it may be surrogates.
        """
        return cls.parse_raw_mime_bytes(encode_source(string))

    @classmethod
    def parse_raw_mime_bytes(cls, content: bytes) -> Self:
        """A message from its source.

        :param content: the whole mail as it was transferred (RFC 5322).
        """
        return cls.parse_raw_mime_chunks(slices(content))

    @classmethod
    def parse_raw_mime_file(cls, fp: IO[bytes] | IO[str]) -> Self:
        """A message from an open file.

        :param fp: binary or text; it is read to its end, and not closed.
        """
        return cls.parse_raw_mime_chunks(read_chunks(fp))

    @classmethod
    def parse_raw_mime_chunks(cls, chunks: Iterable[bytes | memoryview]) -> Self:
        """A message from its source in pieces.

        :param chunks: of any size.
        :raises Exception: iterating over them raised it.
        """
        return parse_chunks(cls, chunks)

    @classmethod
    def construct(
        cls,
        raw_headers: str | None = None,
        from_email: str | None = None,
        to: str | None = None,
        cc: str | None = None,
        bcc: str | None = None,
        subject: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        text: str | None = None,
        text_charset: str = "utf-8",
        html: str | None = None,
        html_charset: str = "utf-8",
        attachments: Iterable[Self] | None = None,
    ) -> Self:
        """A message from its contents.

        :param raw_headers: headers as they appear in a mail; the other arguments replace those of
            their name.
        :param from_email: one or more addresses, as they appear in a header; the same for ``to``,
            ``cc`` and ``bcc``.
        :param subject: not encoded.
        :param headers: more headers, in addition to those of the same name.
        :param text: the text body; None for none.
        :param html: the HTML body; None for none. With both, they are alternatives.
        :param attachments: made by :meth:`construct_attachment`.
        :raises ValueError: a header has a line break in it, or a text is not of its charset.
        :raises LookupError: the charset is unknown.
        """
        fields = {"From": from_email, "To": to, "Cc": cc, "Bcc": bcc, "Subject": subject}
        bodies = [("plain", text, text_charset), ("html", html, html_charset)]
        return construct(cls, raw_headers, fields, headers, bodies, attachments or ())

    @classmethod
    def construct_attachment(
        cls,
        content_type: str,
        content: str | bytes,
        charset: str | None = None,
        filename: str | None = None,
        content_id: str | None = None,
        base64: bool = False,
    ) -> Self:
        """A part for :meth:`construct`.

        :param content_type: with or without parameters, for example ``"text/csv"``.
        :param content: text is encoded as ``charset``, or as UTF-8.
        :param charset: of the content; None to leave it out for bytes.
        :param filename: None for no name.
        :param content_id: makes it an inline part; angle brackets may be left out.
        :param base64: ``content`` is base64, and is decoded first.
        :raises ValueError: ``content`` is not base64, or not of the charset.
        :raises LookupError: the charset is unknown.
        """
        return attachment(cls, content_type, content, charset, filename, content_id, base64)

    @classmethod
    def construct_attachment_from_uploaded_file(
        cls, file: UploadedFile[Any], content_id: str | None = None
    ) -> Self:
        """A part for :meth:`construct`, from a file that Django received.

        :param file: read from its beginning; its name and content type are taken over.
        :param content_id: makes it an inline part; angle brackets may be left out.
        """
        file.seek(0)
        return cls.construct_attachment(
            file.content_type or "application/octet-stream",
            file.read(),
            filename=file.name,
            content_id=content_id,
        )

    def _is_container(self) -> bool:
        return self.get_content_maintype() == "multipart"
