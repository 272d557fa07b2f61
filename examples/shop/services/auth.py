"""auth: whose session is this token? Tokens are signed, so nothing has to be stored."""

from __future__ import annotations

import logging

from shop import agreed
from shop.service import Settings, run
from shop.web import Reply, Request, Routes

ENDS_SOON_S = 60

_log = logging.getLogger("shop.auth")


def verify(request: Request) -> Reply:
    """200 and the user, or 401."""
    session = agreed.read(str(request.body.get("token", "")))
    if session is None:
        _log.warning("a token with a wrong signature was refused")
        return Reply(status=401)
    user, session_s = session
    if session_s < ENDS_SOON_S:
        _log.warning("session of user %d ends in %d s", user, session_s)
    _log.info("user %d is signed in for another %d s", user, session_s)
    return Reply(body={"user": user})


def _routes(_: Settings) -> Routes:
    return {"POST /sessions/verify": verify}


if __name__ == "__main__":
    run(_routes)
