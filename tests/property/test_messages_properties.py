"""Any JSON-like value given to any message is read or refused with an input error, and what is read goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus.errors import FrameFormatError, FrameValueError
from focus.protocol import messages
from focus.protocol.messages import Message

RECORDING = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
KINDS = sorted(
    (value for value in vars(messages).values() if isinstance(value, type) and issubclass(value, Message)),
    key=lambda kind: kind.__name__,
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.binary(max_size=50)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = sorted({name for kind in KINDS for name in kind.__dataclass_fields__} | {"screen"})
trackers = st.fixed_dictionaries(
    {
        "name": st.text(max_size=5) | values,
        "columns": st.lists(st.sampled_from(["gaze_x", "pupil_left", "?"])) | values,
    },
    optional={"rate_hz": values, "units": values, "gaze_space": values, "other": values},
)
likely = st.sampled_from([RECORDING, "lease", 0, 1, 17, b"payload", {}, [1, 2], True, "busy"]) | trackers
wires = st.dictionaries(st.sampled_from(FIELD_NAMES), likely | values)


def test_all_messages_are_covered() -> None:
    assert len(KINDS) >= 15


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(wire=wires | values)
def test_anything_is_read_or_refused(kind: type[Message], wire: object) -> None:
    try:
        message = kind.from_wire(wire)
    except (FrameFormatError, FrameValueError):
        return
    assert kind.from_wire(message.to_wire()) == message
