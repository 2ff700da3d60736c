"""What client and server share: the columns, the batch, the bytes on the wire, the messages, the clock.

Needs NumPy and the standard library alone. Reads no clock, environment or random state, and no file but the recording
CSV that `recording_csv` is asked to read.
"""
