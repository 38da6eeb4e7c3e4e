"""Every message that crosses a wire, once.

`messages` says what can be said, `envelope` how it is written as JSON, `frames` how audio is written as bytes, `parts` how a message that is too
large for one frame travels. JSON Schema, TypeScript types and docs/protocol.md are made from these files by `python -m agent.protocol.generate`.
"""
