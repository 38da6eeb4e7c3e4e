"""The media agent: it listens, thinks, speaks and drives the face."""

import os

# onnxruntime reports its use to its maker from the moment it is imported, unless it is told otherwise before. Nothing here speaks to anybody unasked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
