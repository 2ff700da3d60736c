"""Claims about the codec that hold for any batch and any bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from focus.errors import FrameFormatError, FrameValueError
from focus.protocol.batch import FrameBatch
from focus.protocol.codec import decode_batch, encode_batch, peek_header
from focus.protocol.schema import column_mask
from tests.property.protocol_strategies import frame_batches


@given(batch=frame_batches())
def test_a_batch_comes_back_as_it_was_encoded(batch: FrameBatch) -> None:
    assert decode_batch(encode_batch(batch)).equals(batch)


@given(batch=frame_batches())
def test_the_header_says_what_is_in_the_batch(batch: FrameBatch) -> None:
    header = peek_header(encode_batch(batch))

    told = (header.n, header.mask, header.t0_us, header.t1_us)
    assert told == (len(batch), column_mask(tuple(batch.columns)), batch.t_us[0], batch.t_us[-1])


def _decoded(payload: bytes) -> FrameBatch | None:
    try:
        return decode_batch(payload)
    except (FrameFormatError, FrameValueError):
        return None


@given(payload=st.binary(max_size=200))
def test_any_bytes_give_a_batch_or_an_input_error(payload: bytes) -> None:
    batch = _decoded(payload)
    assert batch is None or encode_batch(batch) == payload


@given(batch=frame_batches(max_frames=6), data=st.data())
def test_a_batch_with_changed_bytes_gives_a_batch_or_an_input_error(batch: FrameBatch, data: st.DataObject) -> None:
    payload = bytearray(encode_batch(batch))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))

    changed = _decoded(bytes(payload))

    assert changed is None or encode_batch(changed) == bytes(payload)


@given(batch=frame_batches(max_frames=6), data=st.data())
def test_a_batch_cut_short_or_drawn_out_is_a_format_error(batch: FrameBatch, data: st.DataObject) -> None:
    payload = encode_batch(batch)
    cut = data.draw(st.integers(0, len(payload) - 1))
    for wrong in (payload[:cut], payload + b"\0", payload + payload):
        try:
            decode_batch(wrong)
        except FrameFormatError:
            continue
        raise AssertionError(f"{len(wrong)} bytes were taken for a batch of {len(payload)}")


@given(batch=frame_batches(max_frames=6), offset=st.integers(0, 7))
def test_a_payload_inside_of_a_larger_buffer_is_read_at_any_alignment(batch: FrameBatch, offset: int) -> None:
    payload = encode_batch(batch)
    buffer = memoryview(b"x" * offset + payload + b"yy")[offset : offset + len(payload)]
    assert decode_batch(buffer).equals(batch)
