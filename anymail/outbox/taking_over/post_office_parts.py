"""What belongs to an e-mail of django-post-office: its texts, and its attachments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from typing import Any

from django.core.files.storage import storages
from django.template import Context, Template, engines

from .post_office_tables import OldAttachment, OldAttachmentLink, OldTemplate
from .rows import CannotTake

#: Headers of a part that follow from its content.
OWN_HEADERS = frozenset({"content-type", "content-transfer-encoding", "mime-version"})


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What people read of an e-mail."""

    subject: str
    text: str
    html: str


def read_json(value: Any, name: str) -> dict[str, Any]:
    """A JSON object in a column, which the database may have decoded already.

    :param value: empty for no object.
    :param name: of the column, for the error.
    :raises CannotTake: it is something else.
    """
    try:
        found = json.loads(value) if isinstance(value, str) and value else value or {}
    except ValueError:
        raise CannotTake(f"Its {name} is not JSON.") from None
    if not isinstance(found, dict):
        raise CannotTake(f"Its {name} is not a JSON object.")
    return found


def texts(row: Mapping[str, Any], alias: str, engine: str) -> Texts:
    """The texts of an e-mail. Those of a template are stored with it, unless they were to be
    rendered on delivery.

    :param row: of the table of e-mails.
    :param alias: the database's.
    :param engine: an alias in ``TEMPLATES``.
    :raises CannotTake: they cannot be rendered.
    """
    stored = Texts(subject=row["subject"], text=row["message"], html=row["html_message"])
    if row["template_id"] is None or stored.subject or stored.text or stored.html:
        return stored
    context = read_json(row["context"], "context")
    template = OldTemplate._default_manager.using(alias).filter(pk=row["template_id"]).first()
    if template is None:
        raise CannotTake(f"Its template, {row['template_id']}, does not exist.")
    try:
        return Texts(
            subject=_render(template.subject, context, engine, autoescape=False),
            text=_render(template.content, context, engine, autoescape=False),
            html=_render(template.html_content, context, engine, autoescape=True),
        )
    except Exception as err:
        raise CannotTake(
            f"Its template, {template.name!r}, cannot be rendered: {type(err).__name__}."
        ) from err


def _render(source: str, context: dict[str, Any], engine: str, *, autoescape: bool) -> str:
    backend: Any = engines[engine]
    template = Template(source, engine=backend.engine)
    return str(template.render(Context(context, autoescape=autoescape)))


def attachments(email_id: int, alias: str, storage: str) -> Iterator[Any]:
    """The attachments of an e-mail, in their order, as Django's ``attachments`` holds them.

    :param alias: the database's.
    :param storage: an alias in ``STORAGES``.
    :raises CannotTake: a file is not there.
    """
    links = OldAttachmentLink._default_manager.using(alias).filter(email_id=email_id)
    ids = list(links.values_list("attachment_id", flat=True))
    if not ids:
        return
    rows = OldAttachment._default_manager.using(alias).filter(pk__in=ids).order_by("pk")
    for row in rows.values():
        content = _content(row["file"], storage)
        yield _attachment(row, content, read_json(row["headers"], "attachment's headers"))


def _content(name: str, storage: str) -> bytes:
    try:
        with storages[storage].open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        raise CannotTake(
            f"Its attachment, {name!r}, is not in the storage STORAGES[{storage!r}]."
        ) from None


def _attachment(row: Mapping[str, Any], content: bytes, headers: Mapping[str, Any]) -> Any:
    mimetype = row["mimetype"] or None
    if not headers:
        return row["name"], content, mimetype
    maintype, _, subtype = (mimetype or "application/octet-stream").partition("/")
    part = MIMEBase(maintype, subtype)
    part.set_payload(content)
    encode_base64(part)
    for name, value in headers.items():
        if name.lower() not in OWN_HEADERS:
            part[name] = str(value)
    if "Content-Disposition" not in part:
        part.add_header("Content-Disposition", "attachment", filename=row["name"])
    return part
