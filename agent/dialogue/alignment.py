"""Which stretch of the text that was read stands behind a stretch of the text that was written."""

from __future__ import annotations

from collections import deque


class Alignment:
    """Filled step by step as a text is transformed, asked from front to back."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, int, int]] = deque()
        self._read = 0
        self._written = 0

    def note(self, read: int, written: int) -> None:
        """`read` more characters have been read, and `written` characters written for them."""
        self._read += read
        self._written += written
        if written:
            self._steps.append((self._written, self._read, read))

    def source(self, written: int) -> int:
        """How many characters had been read for the first `written` ones. Later questions must be about no earlier places.

        Inside a step characters are counted from its end, which is exact where they were copied.
        """
        while self._steps and self._steps[0][0] < written:
            self._steps.popleft()
        if not self._steps:
            return self._read
        end_written, end_read, read = self._steps[0]
        return end_read - min(end_written - written, read)
