"""The doors: WebRTC peer, LiveKit room, WebSocket, and in process."""
