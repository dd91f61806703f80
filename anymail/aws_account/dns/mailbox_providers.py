"""Providers of mailboxes, each of which lets only its own servers send for its domains."""

from __future__ import annotations

_NAMES = """
    126.com 163.com aol.com att.net comcast.net cox.net fastmail.com free.fr gmail.com gmx.at gmx.ch
    gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es
    hotmail.fr hotmail.it icloud.com laposte.net libero.it live.co.uk live.com live.fr live.nl
    mac.com mail.com mail.ru me.com msn.com naver.com orange.fr outlook.com outlook.de outlook.es
    outlook.fr pm.me proton.me protonmail.com qq.com rocketmail.com sbcglobal.net t-online.de
    tutanota.com verizon.net web.de yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com
    yahoo.com.au yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com
    zoho.com
"""
#: The domains in which the largest of them give addresses to people.
MAILBOX_PROVIDERS: frozenset[str] = frozenset(_NAMES.split())
