"""What an agent is told when it is sent to a LiveKit room, and with whom it may talk there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from livekit import rtc
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.protocol.messages import LanguageChoice
from agent.transports import livekit_preconnect
from agent.transports.livekit_address import is_local

_TALKERS: Final = (
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
)


@dataclass(frozen=True)
class Invitation:
    """Where the agent is to go. `participant`: with whom it is to talk, empty for the first who comes. `room`: its name; `identity`: the agent's in it."""

    job_id: str
    url: str
    token: str = field(repr=False)
    metadata: str = ""
    participant: str = ""
    room: str = ""
    identity: str = ""


class Dispatch(BaseModel):
    """What the dispatch metadata may say, as JSON. Other fields are other people's."""

    model_config = ConfigDict(extra="ignore", strict=True)

    persona: str | None = None
    language: LanguageChoice | None = None


def parse_dispatch(metadata: str) -> Dispatch:
    """Read dispatch metadata. What is no JSON object is somebody else's and says nothing. Raises `ValueError`."""
    try:
        value = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return Dispatch()
    try:
        return Dispatch.model_validate(value) if isinstance(value, dict) else Dispatch()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"dispatch metadata, {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def is_operator(participant: rtc.RemoteParticipant) -> bool:
    """Whether the participant's token grants `canManageAgentSession`. Only who holds the API secret can grant that; our own token endpoint never does."""
    return participant.permissions.can_manage_agent_session


def can_talk(participant: rtc.RemoteParticipant) -> bool:
    """Whether the agent may link itself to the participant: a person who can speak or write, no agent, recorder, ingress, observer or operator."""
    may = participant.permissions
    return (
        participant.kind in _TALKERS
        and (may.can_publish or may.can_publish_data)
        and not may.hidden
        and not is_operator(participant)
        and "lk.publish_on_behalf" not in participant.attributes
    )


def room_options(url: str) -> rtc.RoomOptions:
    """Nothing is subscribed to unasked. On this machine nobody needs a STUN server, and livekit-server's default would have us ask public ones."""
    ice = [rtc.IceServer(urls=["stun:127.0.0.1:3478"])] if is_local(url) else []
    return rtc.RoomOptions(
        auto_subscribe=False,
        connect_timeout=5.0,
        rtc_config=rtc.RtcConfiguration(ice_servers=ice),
        data_stream=rtc.DataStreamOptions(max_payload_byte_length=livekit_preconnect.MAX_BYTES),
    )
