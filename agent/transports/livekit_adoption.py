"""Sessions in LiveKit rooms whose worker died, or handed them over: taken up by a worker that has a place for them.

What livekit-server (1.13) does for us: nothing. When a worker's connection breaks off it forgets the worker's jobs, and offers them to nobody (its `migrate_job` does
nothing either). The dead agent stays in the room as a participant until the server has not heard of it for some ten seconds or more. It makes jobs when a room is created, or
when somebody asks for an agent; so after a restart of the server, rooms that are created anew by clients whose tokens name our agent are offered again, see
`worker.Attendants.offer`.

So a session is looked for in the journal's store, and its room is joined with a token of our own, under the identity that the agent had there: the server removes the dead
participant at once (`DUPLICATE_IDENTITY`), and clients see the same agent with a new track.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple, Protocol

from livekit import api

from agent.config import Config
from agent.conversation.host import Busy, NotReady, Place
from agent.sessions.chronicle import Returned
from agent.sessions.holding import Taken
from agent.sessions.store import StoreError
from agent.transports.livekit_dispatch import Invitation

logger = logging.getLogger("visavis.adoption")

LOOK_SECONDS: Final = 0.2
"""How often orphans are looked for."""
ANSWER_SECONDS: Final = 5.0
"""How long the store may take."""
TOKEN_SECONDS: Final = 3_600
"""As livekit-server's own tokens for jobs."""


class Orphanage(Protocol):
    """What is needed of `agent.sessions.chronicle.Chronicler`."""

    async def orphans(self) -> list[str]: ...

    async def adopt(self, session: str) -> Returned: ...


class Adopted(NamedTuple):
    """A session that is ours now, and what it has come to."""

    session: str
    returned: Returned


class Adoptions:
    """One a worker. `reserve` takes a place (raises `Busy`, `NotReady`); `attend` is given the session and the place, and sends an agent."""

    def __init__(self, orphanage: Orphanage, reserve: Callable[[], Place], attend: Callable[[Adopted, Place], None]) -> None:
        self._orphanage = orphanage
        self._reserve = reserve
        self._attend = attend
        self._trouble = False

    async def run(self) -> None:
        """Look for orphans until it is cancelled. A store that fails is asked again."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._look()
            except (StoreError, TimeoutError) as error:
                if not self._trouble:
                    logger.warning("orphans cannot be looked for: %s", error or "the store took too long")
                self._trouble = True
            else:
                self._trouble = False
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        for session in await self._orphanage.orphans():
            try:
                place = self._reserve()
            except (Busy, NotReady):
                return
            logger.info("session %s: has no worker", session)
            try:
                returned = await self._orphanage.adopt(session)
            except Taken:
                place.release()
                continue
            except BaseException:
                place.release()
                raise
            if not (returned.state.room and returned.state.agent and returned.state.user):
                logger.warning("session %s is in no room of which anything is known: nobody goes on with it", session)
                place.release()
                await returned.chronicle.release(over=False)
                continue
            logger.info("session %s: taken, after %d events", session, returned.state.seq)
            self._attend(Adopted(session, returned), place)


def invitation(adopted: Adopted, config: Config) -> Invitation:
    """To the session's room, under the identity that its agent had there, for the participant who was in it."""
    state = adopted.returned.state
    dispatch = {"persona": state.persona} if state.persona in config.personas else {}
    return Invitation(
        job_id=f"of {adopted.session}",
        url=config.livekit.url,
        token=agent_token(config, state.room, state.agent, config.personas.get(state.persona, config.personas["default"]).name),
        metadata=json.dumps(dispatch),
        room=state.room,
        identity=state.agent,
    )


def agent_token(config: Config, room: str, identity: str, name: str) -> str:
    """With which an agent may do in `room` what it may with a token that livekit-server gave it for a job."""
    grants = api.VideoGrants(
        room_join=True, agent=True, room=room, can_publish=True, can_subscribe=True, can_publish_data=True, can_update_own_metadata=True
    )
    token = api.AccessToken(config.livekit.api_key, config.livekit.api_secret.get_secret_value())
    token = token.with_kind("agent").with_identity(identity).with_name(name).with_grants(grants)
    attributes = {"lk.agent.name": config.agent_name, "lk.agent_name": config.agent_name, "lk.agent.state": "initializing"}
    return token.with_attributes(attributes).with_ttl(timedelta(seconds=TOKEN_SECONDS)).to_jwt()
