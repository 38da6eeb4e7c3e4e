"""A ring of resume secrets as the text by which a store keeps it. The same ring is always the same text, so that stores compare texts."""

from __future__ import annotations

import json

from agent.sessions.secrets import Kept, Ring


def as_text(ring: Ring) -> str:
    """For `from_text`. Hashes only, as in the ring."""
    content = {
        "session": ring.session,
        "user": ring.user,
        "number": ring.number,
        "good": [[kept.number, kept.digest.hex(), kept.until_ms, kept.used_ms] for kept in ring.good],
        "replaced": [digest.hex() for digest in ring.replaced],
    }
    return json.dumps(content, separators=(",", ":"))


def from_text(text: str) -> Ring | None:
    """The ring that was kept; None when it is damaged: then nobody comes back with it."""
    try:
        content = json.loads(text)
        good = tuple(Kept(int(number), bytes.fromhex(digest), int(until), used) for number, digest, until, used in content["good"])
        replaced = tuple(bytes.fromhex(digest) for digest in content["replaced"])
        return Ring(str(content["session"]), str(content["user"]), good, int(content["number"]), replaced)
    except (KeyError, TypeError, ValueError):
        return None
