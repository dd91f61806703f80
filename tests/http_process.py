"""Small HTTP servers in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: From method, path and body to status and body; None to close the connection without a word.
Answer = Callable[[bytes, str, bytes], Awaitable[tuple[int, bytes] | None]]


@contextlib.contextmanager
def http_process(make_answer: Callable[[], Answer]) -> Iterator[str]:
    """Run a server for the length of a block; gives its URL.

    :param make_answer: a function of a module, called in the new process.
    """
    command = [sys.executable, "-m", __name__, make_answer.__module__, make_answer.__name__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


async def _serve(answer: Answer) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while (answered := await answer(*await _read(reader))) is not None:
                status, body = answered
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                writer.write(body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 16)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, str, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    method, path, _ = head.split(b" ", 2)
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return method, path.decode(), await reader.readexactly(length)


if __name__ == "__main__":
    module, name = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(getattr(import_module(module), name)()))
