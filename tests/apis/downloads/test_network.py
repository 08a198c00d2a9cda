"""Asking whether there is a network."""

from __future__ import annotations

import socket

import pytest

from footmm.apis.downloads.network import check_reachable
from footmm.errors import DownloadError


def test_any_answer_will_do(server):
    del server.files["/"]
    check_reachable(f"{server.url}/somewhere/else?x=1")


def test_a_closed_port_is_named(closed_port):
    host = closed_port.removeprefix("http://")
    with pytest.raises(DownloadError, match=rf"{host} cannot be reached \(.*refused.*HTTPS_PROXY"):
        check_reachable(closed_port)


def test_silence_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DownloadError, match="cannot be reached"):
            check_reachable(address, timeout_s=0.2)
