"""Whether a host answers, asked before a library that would try for minutes."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import requests

from footmm.errors import DownloadError

#: Seconds that a host has for its first answer; with slow proxies in mind.
TIMEOUT_S = 8.0
NO_NETWORK = (
    "connect the machine (behind a proxy: set HTTPS_PROXY), or download on another one and bring "
    "the files here: docs/data.md says where they go. Training works without: configs draw "
    "synthetic data where the real one is missing"
)


def check_reachable(address: str, timeout_s: float = TIMEOUT_S) -> None:
    """Ask a host for any answer.

    Args:
        address: A URL on the host.
        timeout_s: Seconds to wait at the most, the look-up of the name included.

    Raises:
        DownloadError: There was none.
    """
    parts = urlsplit(address)
    failures: list[str] = []
    # Nothing limits the look-up of a name: it is left behind in a thread of its own.
    thread = threading.Thread(
        target=_ask, args=(f"{parts.scheme}://{parts.netloc}/", timeout_s, failures), daemon=True
    )
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        failures.append(f"no answer in {timeout_s:g} s")
    if failures:
        raise DownloadError(f"{parts.netloc} cannot be reached ({failures[0]}); {NO_NETWORK}")


def _ask(address: str, timeout_s: float, failures: list[str]) -> None:
    try:
        requests.head(address, timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        failures.append(_innermost(error))


def _innermost(error: BaseException) -> str:
    """The last words of a chain of exceptions: those before it repeat them with addresses."""
    text = str(getattr(error.args[0], "reason", error) if error.args else error)
    return text.rpartition(": ")[2].strip("'()\" ") or type(error).__name__
