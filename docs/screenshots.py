"""Takes the pictures of the sandbox and of the outbox: ``python docs/screenshots.py [folder]``.

Starts the sandbox and a site with the admin, fills them, and visits them with Playwright and
Chromium. Without a folder it takes the pictures that the documentation shows; with one, every page
in light and dark, wide and narrow, for people to look at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.browser import browser  # noqa: E402
from tests.outbox.pictured_site import running_site  # noqa: E402
from tests.sandbox import running_sandbox  # noqa: E402

SIZES = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}
SCHEMES = ("light", "dark")
#: Pages of the outbox that the documentation shows.
PICTURED = ("list", "message", "doubt", "address", "batch", "account")
#: Pages whose picture is as long as they are.
LONG = ("account", "account-90")
EMPTY = {"messages-empty": "", "inbox-empty": "inbox/"}
HTML = "<h1>Your receipt</h1><p>Thank you! <a href='https://example.com/'>Look at it.</a></p>"


def fill(page: Any, start: str) -> dict[str, str]:
    """Send and receive a few things; gives the addresses of all pages by name."""
    for recipient, subject in (
        ("bounce@simulator.amazonses.com", "Reset your password"),
        ("click@simulator.amazonses.com", "Your receipt"),
        ("delay@simulator.amazonses.com, zoe@example.net", "News of the week"),
    ):
        page.goto(f"{start}compose/")
        page.get_by_label("To", exact=True).fill(recipient)
        page.get_by_label("Subject").fill(subject)
        page.get_by_label("HTML").fill(HTML)
        page.locator("#send").click()
        page.wait_for_selector("#timeline .entry >> nth=1")
    page.goto(f"{start}inbox/")
    page.get_by_role("button", name="sample").first.click()
    page.wait_for_selector("#timeline .signal")
    received = page.url
    page.goto(start)
    page.goto(f"{start}compose/")
    sample = page.evaluate("document.querySelector('[name=csrfmiddlewaretoken]').value")
    page.request.post(
        f"{start}compose/sample/",
        form={"csrfmiddlewaretoken": sample},
        headers={"Referer": start},
    )
    page.goto(start)
    page.wait_for_timeout(2500)
    page.goto(start)
    message = page.locator("#rows a").first.get_attribute("href")
    return {
        "messages": start,
        "message": f"{start.rstrip('/')}{message}",
        "compose": f"{start}compose/?to=bounce@simulator.amazonses.com",
        "inbox": f"{start}inbox/",
        "received": received,
        "receive": f"{start}inbox/receive/",
        "settings": f"{start}settings/",
        "error": f"{start}no-such-page/",
        "admin": f"{start}admin/",
    }


def shots(
    chromium: Any,
    addresses: dict[str, str],
    folder: Path,
    sizes: Iterable[str] = SIZES,
    *,
    of: str = "sandbox",
    cookies: Iterable[dict[str, str]] = (),
) -> Iterator[Path]:
    """Every page in each scheme and size."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in SCHEMES:
        for size in sizes:
            viewport = SIZES[size]
            context = chromium.new_context(color_scheme=scheme, viewport=viewport)
            context.add_cookies([*cookies])
            page = context.new_page()
            for name, address in addresses.items():
                page.goto(address)
                path = folder / f"{of}-{name}-{scheme}-{size}.png"
                page.screenshot(path=path, full_page=name in LONG)
                yield path
            context.close()


def main(arguments: list[str]) -> None:
    """Take the pictures."""
    with running_sandbox() as sandbox, browser() as chromium:
        page = chromium.new_page()
        if not arguments:
            addresses = {"message": fill(page, sandbox.page)["message"]}
            taken = [*shots(chromium, addresses, HERE / "images", ["wide"])]
        else:
            folder = Path(arguments[0])
            empty = {name: sandbox.page + path for name, path in EMPTY.items()}
            taken = [*shots(chromium, empty, folder)]
            taken += shots(chromium, fill(page, sandbox.page), folder)
        with running_site() as site:
            pages, cookies = {**site.pages}, [site.cookie]
            where = (Path(arguments[0]), [*SIZES]) if arguments else (HERE / "images", ["wide"])
            if not arguments:
                pages = {name: pages[name] for name in PICTURED}
            taken += shots(chromium, pages, *where, of="outbox", cookies=cookies)
        print(*taken, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
