"""The tracker library: takes frames from a source and gets every one of them stored, whatever happens on the way.

`stream` does all of it for a source; `TrackerClient` is for programs that make their own batches. Needs NumPy and
python-socketio, and none of the server's packages. Command line: ``python -m focus.client stream --help``.
"""

from focus.client.markers import TimedMarker, read_markers
from focus.client.outbox import DiskOutbox, MemoryOutbox, Outbox
from focus.client.streaming import StreamResult, stream
from focus.client.tracker_client import DeliveryReport, TrackerClient

__all__ = [
    "DeliveryReport",
    "DiskOutbox",
    "MemoryOutbox",
    "Outbox",
    "StreamResult",
    "TimedMarker",
    "TrackerClient",
    "read_markers",
    "stream",
]
