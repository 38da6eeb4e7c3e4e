"""The server's hello: who answers, and what this server can do."""

from __future__ import annotations

from typing import Final

from agent.config import Persona
from agent.conversation import echo
from agent.media.arkit import ARKIT
from agent.protocol.messages import PersonaInfo, ResumeTicket, ServerHello
from agent.sessions.tickets import Ticket

BLENDSHAPES: Final = "blendshapes"
"""What a client wants that has a face of ARKit's names and nothing to move it."""
FEATURES: Final = (
    "text_input",
    "interrupt",
    "context_update",
    "playout",
    "viseme_timeline",
    "subtitle",
    "emotion_tag",
    "control",
    "resume",
    "page_state",
    BLENDSHAPES,
    echo.WANT,
)


def greeting(
    session_id: str, persona_id: str, persona: Persona, *, stored: bool, recorded: bool, face: bool, resumed: bool, ticket: Ticket | None
) -> ServerHello:
    """`stored`: words are written down beyond the session; `recorded`: the sound is; `face`: the client wants frames of the whole face; `resumed`: the session goes on;
    `ticket`: for coming back to it."""
    info = PersonaInfo(id=persona_id, name=persona.name, language=persona.language)
    return ServerHello(
        session_id=session_id,
        features=list(FEATURES),
        persona=info,
        stored=stored,
        recorded=recorded,
        resumed=resumed,
        resume=None if ticket is None else ResumeTicket(secret=ticket.secret, number=ticket.number, ttl_ms=ticket.ttl_ms),
        blendshapes=list(ARKIT) if face else None,
    )
