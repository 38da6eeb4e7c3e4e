"""Providers: speech recognition, language models, speech synthesis, voice activity and turn detection, all behind livekit-agents' interfaces."""
