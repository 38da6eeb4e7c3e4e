"""An agent's connection to a room: joined, with its voice on the air, and left in good order.

livekit.rtc restores a connection by itself: a short cut is bridged, and nobody notices; after a longer one (livekit-server was killed and comes again) it joins anew with the
token that it has and publishes the voice anew, ten times in some 20 s. Then, and at once when the server says that it shuts down, the room is lost.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError

from agent.transports.livekit_dispatch import Invitation, room_options
from agent.transports.livekit_voice import Voice, Voices

logger = logging.getLogger("visavis.livekit")

CONNECT_SECONDS: Final = 15.0
LEAVE_SECONDS: Final = 5.0
LISTENED_SECONDS: Final = 1.0
EAR_SECONDS: Final = 0.1
"""From a subscription to the first sound at the ear."""
PAUSE_SECONDS: Final = 0.3
"""Between two attempts."""
SETTLED_SECONDS: Final = 5.0
"""After we have joined a room anew livekit-server may still end the job of the agent that we were before."""
_LOST: Final = frozenset(
    rtc.DisconnectReason.Value(name)
    for name in (
        "UNKNOWN_REASON",
        "SERVER_SHUTDOWN",
        "STATE_MISMATCH",
        "JOIN_FAILURE",
        "MIGRATION",
        "SIGNAL_CLOSE",
        "CONNECTION_TIMEOUT",
        "MEDIA_FAILURE",
        "DUPLICATE_IDENTITY",
    )
)
"""Why we are not in the room any more although nobody wants the conversation to end; by the last of them another worker goes on with it."""


class Failed(Exception):
    """The agent cannot do what it was dispatched for; the text tells the operator why."""


class Connection:
    """`on_cut_off`: we have lost the room, perhaps for a moment. `on_back`: we are in it again. `on_end`: we are out of it, by no doing of ours; told why, and whether the room
    goes on without us."""

    def __init__(
        self,
        room: rtc.Room,
        invitation: Invitation,
        voices: Voices,
        *,
        on_cut_off: Callable[[], None],
        on_back: Callable[[], None],
        on_end: Callable[[str, bool], None],
    ) -> None:
        self._room = room
        self._invitation = invitation
        self._voices = voices
        self._on_cut_off = on_cut_off
        self._on_back = on_back
        self._on_end = on_end
        self._voice: Voice | None = None
        self._cut_off = False
        self._joined_at = -math.inf
        self._listened = asyncio.Event()
        room.on("local_track_subscribed", lambda track: self._listened.set())
        room.on("local_track_republished", lambda publication, sid: self._listened.clear())
        room.on("reconnecting", self._reconnecting)
        room.on("reconnected", self._reconnected)
        room.on("disconnected", self._disconnected)

    @property
    def settled(self) -> bool:
        """Whether we are in the room, and have been for a while."""
        return not self._cut_off and asyncio.get_running_loop().time() - self._joined_at > SETTLED_SECONDS

    async def join(self, insist_seconds: float, over: Callable[[], bool]) -> None:
        """Join the room, again and again for so long or until it is `over`. Raises `Failed`."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + insist_seconds
        while True:
            try:
                await self._join()
            except Failed as failure:
                if over() or loop.time() >= limit:
                    raise
                logger.info("job %s: %s; trying again", self._invitation.job_id, failure)
                await self._disconnect()
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._joined_at = loop.time()
                logger.info("job %s: in room %s", self._invitation.job_id, self._room.name)
                return

    async def _join(self) -> None:
        url = self._invitation.url
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._room.connect(url, self._invitation.token, room_options(url))
                await self.published()
        except rtc.ConnectError as error:
            raise Failed(f"cannot join the room at {url}: {error.message}") from None
        except PublishTrackError as error:
            raise Failed(f"cannot publish the agent's voice: {error}") from None
        except TimeoutError:
            raise Failed(f"cannot join the room at {url} within {CONNECT_SECONDS:g} s") from None

    async def leave(self) -> None:
        in_good_order = self._room.isconnected()
        in_good_order = await self._disconnect() and in_good_order
        if self._voice is not None:
            await self._voices.give_back(self._voice, in_good_order=in_good_order)
            self._voice = None

    async def _disconnect(self) -> bool:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._room.disconnect()
        except TimeoutError:
            logger.warning("job %s: the room was not left within %g s", self._invitation.job_id, LEAVE_SECONDS)
            return False
        return True

    async def published(self) -> Voice:
        """The agent's voice, on the air."""
        if self._voice is None:
            self._listened.clear()
            self._voice = self._voices.take()
            await self._voice.publish(self._room)
        return self._voice

    async def listened_to(self) -> None:
        """Wait, for a moment, until somebody listens to the voice that was published last. What is said before is not heard. livekit-server tells of the first one alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENED_SECONDS):
                await self._listened.wait()
        await asyncio.sleep(EAR_SECONDS)

    async def unpublish(self) -> None:
        """Nobody listens: a track costs as much as a conversation, even when it is silent."""
        if self._voice is not None and self._room.isconnected():
            voice, self._voice = self._voice, None
            try:
                async with asyncio.timeout(LEAVE_SECONDS):
                    await voice.unpublish(self._room)
            except (UnpublishTrackError, TimeoutError) as error:
                logger.warning("job %s: the voice was not unpublished: %s", self._invitation.job_id, error or "it took too long")
                await self._voices.give_back(voice, in_good_order=False)
            else:
                await self._voices.give_back(voice, in_good_order=True)

    def _reconnecting(self) -> None:
        logger.info("job %s: the connection to %s is being restored", self._invitation.job_id, self._invitation.url)
        self._cut_off = True
        self._on_cut_off()

    def _reconnected(self) -> None:
        logger.info("job %s: the connection to %s is restored", self._invitation.job_id, self._invitation.url)
        self._cut_off = False
        self._joined_at = asyncio.get_running_loop().time()
        self._on_back()

    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self._on_end(f"the room is over ({rtc.DisconnectReason.Name(reason).lower()})", reason in _LOST)
