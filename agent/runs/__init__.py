"""The life of a run: start, end, approval, retry, recording, and waking the engine."""
