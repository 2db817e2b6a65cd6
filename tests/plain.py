"""Clients of what speaks no TLS: to read everybody's certificates would take longer than to ask."""

import ssl
from typing import Any

import httpx

# Believed by a client that needs to believe nobody.
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def get(address: str, **more: Any) -> httpx.Response:
    return httpx.get(address, trust_env=False, verify=NOBODY, **more)


def visitor(**more: Any) -> httpx.Client:
    return httpx.Client(trust_env=False, verify=NOBODY, **more)
