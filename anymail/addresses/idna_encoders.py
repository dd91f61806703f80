"""The ASCII form of internationalized domains, by the rules that ``IDNA_ENCODER`` chooses.

Sources: RFC 5891 (IDNA 2008), RFC 3490 (IDNA 2003), Unicode Technical Standard 46.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ..conf.values import import_callable

#: Turns a domain into its ASCII form, or raises UnicodeError.
IdnaEncoder = Callable[[str], str]


def idna_encoder(choice: str | IdnaEncoder, where: str = 'ANYMAIL["IDNA_ENCODER"]') -> IdnaEncoder:
    """The function that ``IDNA_ENCODER`` names.

    :param choice: ``"idna2008"``, ``"idna2003"``, ``"uts46"``, ``"none"``, a dotted path, or the
        function itself.
    :param where: it was found, for the error.
    :raises AnymailConfigurationError: there is no such function.
    """
    if callable(choice):
        return choice
    if choice in IDNA_ENCODERS:
        return IDNA_ENCODERS[choice]
    return _import_encoder(choice, where)


def _encode_idna2008(domain: str) -> str:
    import idna

    # UTS 46 mapping first, as browsers do: IDNA 2008 by itself refuses upper case.
    return idna.encode(domain, uts46=True, transitional=False).decode("ascii")


def _encode_idna2003(domain: str) -> str:
    return domain.encode("idna").decode("ascii")


def _encode_uts46(domain: str) -> str:
    import idna

    mapped = idna.uts46_remap(domain, std3_rules=False, transitional=False)
    return ".".join(_punycode_label(label) for label in mapped.split("."))


def _encode_none(domain: str) -> str:
    return domain


#: By the names that ``IDNA_ENCODER`` knows.
IDNA_ENCODERS: dict[str, IdnaEncoder] = {
    "idna2008": _encode_idna2008,
    "idna2003": _encode_idna2003,
    "uts46": _encode_uts46,
    "none": _encode_none,
}


def _punycode_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


@cache
def _import_encoder(path: str, where: str) -> IdnaEncoder:
    return import_callable(path, f"{where} is {path!r}, none of {sorted(IDNA_ENCODERS)}, and")
