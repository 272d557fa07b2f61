"""Browsers in which the operator has signed in to the guard's page: by the token, or by a link that works once.

A browser gets a cookie of this site alone and a second secret (CSRF) that its forms carry; both are needed to write.
Kept as digests, in memory: a restart signs everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

COOKIE = "flyball_guard"
BROWSERS_MAX = 32
SESSION_SECONDS = 1_800.0
LINK_SECONDS = 60.0
LINKS_MAX = 8


@dataclass(frozen=True, slots=True)
class Browser:
    """One signed-in browser: what its forms carry, and when it is signed out."""

    csrf: str
    until: float


@dataclass(slots=True)
class Browsers:
    """The signed-in browsers, and the links that were not used yet."""

    _browsers: OrderedDict[str, Browser] = field(default_factory=OrderedDict[str, Browser])
    _links: OrderedDict[str, float] = field(default_factory=OrderedDict[str, float])

    def link(self, now: float) -> str:
        """A secret that signs one browser in, once, within a minute."""
        code = secrets.token_urlsafe(32)
        self._links[_digest(code)] = now + LINK_SECONDS
        while len(self._links) > LINKS_MAX:
            self._links.popitem(last=False)
        return code

    def enter(self, code: str, now: float) -> str | None:
        """The cookie of a browser that followed a link; None where the link was used or is too old."""
        until = self._links.pop(_digest(code), 0.0)
        return self.sign_in(now) if now < until else None

    def sign_in(self, now: float) -> str:
        """The cookie of a browser that presented the operator's token."""
        cookie = secrets.token_urlsafe(32)
        self._browsers[_digest(cookie)] = Browser(secrets.token_urlsafe(32), now + SESSION_SECONDS)
        while len(self._browsers) > BROWSERS_MAX:
            self._browsers.popitem(last=False)
        return cookie

    def of(self, cookie: str, now: float) -> Browser | None:
        """The browser of this cookie, while it is signed in."""
        found = self._browsers.get(_digest(cookie))
        return found if found is not None and now < found.until else None

    def may_write(self, cookie: str, csrf: str, now: float) -> bool:
        """Whether a form came from a page that we gave this browser."""
        found = self.of(cookie, now)
        return found is not None and hmac.compare_digest(found.csrf.encode(), csrf.encode("utf-8", "replace"))

    def sign_out(self, cookie: str) -> None:
        """Forget this browser."""
        self._browsers.pop(_digest(cookie), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
