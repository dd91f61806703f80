"""Images in the HTML body of a message (``cid:`` URLs, RFC 2392)."""

from __future__ import annotations

from email.mime.image import MIMEImage
from email.utils import make_msgid, unquote
from pathlib import Path
from typing import Any

import django
from django.core.mail import EmailMessage


def attach_inline_image_file(
    message: EmailMessage,
    path: str | Path,
    subtype: str | None = None,
    idstring: str = "img",
    domain: str | None = None,
) -> str:
    """Attach an image file for use in the HTML body.

    The other arguments, the result and the other errors are those of :func:`attach_inline_image`.

    :param message: any Django message.
    :param path: of the file; its name is the attachment's.
    :raises OSError: the file cannot be read.
    """
    path = Path(path)
    return attach_inline_image(message, path.read_bytes(), path.name, subtype, idstring, domain)


def attach_inline_image(
    message: EmailMessage,
    content: bytes,
    filename: str | None = None,
    subtype: str | None = None,
    idstring: str = "img",
    domain: str | None = None,
) -> str:
    """Attach an image for use in the HTML body (``cid:`` URLs, RFC 2392).

    :param message: any Django message.
    :param content: the image file's bytes.
    :param filename: its name; None for no name.
    :param subtype: for example ``"png"``; guessed from the content unless given.
    :param idstring: a part of the content id.
    :param domain: the end of the content id; ``"inline"`` unless given.
    :return: the content id, for ``<img src="cid:…">``: without angle brackets.
    :raises TypeError: the subtype was not given and cannot be guessed.
    :raises ValueError: a line break in the file name.
    """
    if filename and ("\n" in filename or "\r" in filename):
        raise ValueError("The file name of an inline image can't contain newlines.")
    # Not the host's name, which make_msgid takes by default: some clients (Gmail) then show the
    # image as an attachment.
    content_id = make_msgid(idstring, domain or "inline")
    message.attach(_image_part(content, filename, subtype, content_id))
    return unquote(content_id)


def _image_part(content: bytes, filename: str | None, subtype: str | None, cid: str) -> Any:
    image = MIMEImage(content, subtype) if subtype else MIMEImage(content)
    if django.VERSION < (6, 0):  # from there on a MIMEBase is deprecated, before it a MIMEPart
        disposition = {} if filename is None else {"filename": filename}
        image.add_header("Content-Disposition", "inline", **disposition)
        image["Content-ID"] = cid
        return image
    from email.message import MIMEPart

    part = MIMEPart()
    part.set_content(
        content,
        maintype="image",
        subtype=image.get_content_subtype(),
        disposition="inline",
        filename=filename,
        cid=cid,
    )
    return part
