"""The delivery window against a strict server: answers in any order, any batch refused, nothing lost or doubled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from focus.client.window import DeliveryWindow


class StrictServer:
    """Takes a batch only in its turn, and answers each; the answers wait on the way."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.answers: list[tuple[str, int, int]] = []

    def receive(self, seq: int, *, is_busy: bool) -> None:
        if seq == len(self.taken) and not is_busy:
            self.taken.append(seq)
        if seq < len(self.taken):
            self.answers.append(("stored", seq, len(self.taken)))
        else:
            self.answers.append(("refused", seq, len(self.taken)))


@given(data=st.data(), n_batches=st.integers(1, 25), n_in_flight=st.integers(1, 8), tells=st.booleans())
def test_every_batch_is_taken_once_and_in_order_whatever_is_refused(data, n_batches, n_in_flight, tells) -> None:
    window, server = DeliveryWindow(0, n_in_flight), StrictServer()
    n_refusals = 0
    while window.stored_seq < n_batches:
        may_send = window.may_send(n_batches)
        assert may_send or server.answers, "nothing may be sent and nothing will come: the delivery is stuck"
        if may_send and (not server.answers or data.draw(st.booleans())):
            assert window.n_in_flight < n_in_flight
            is_busy = n_refusals < 6 and data.draw(st.booleans())
            n_refusals += is_busy
            server.receive(window.next_to_send, is_busy=is_busy)
            window.sent()
        else:
            kind, seq, next_seq = server.answers.pop(data.draw(st.integers(0, min(2, len(server.answers) - 1))))
            if kind == "stored":
                window.stored(next_seq)
            else:
                window.refused(seq, next_seq if tells else None)

    assert server.taken == list(range(n_batches))


@given(data=st.data(), start=st.integers(0, 50))
def test_after_a_refusal_nothing_goes_out_until_everything_is_answered(data, start: int) -> None:
    window = DeliveryWindow(start, 6)
    for _ in range(6):
        window.sent()
    order = data.draw(st.permutations(range(start, start + 6)))

    for seq in order[:-1]:
        window.refused(seq, start)
        assert window.is_recovering
        assert not window.may_send(start + 100)
    window.refused(order[-1], start)

    assert window.may_send(start + 100)
    assert window.next_to_send == start


def test_a_higher_number_named_before_a_queued_batch_failed_is_not_believed() -> None:
    window = DeliveryWindow(5, 4)
    window.sent()
    window.sent()
    window.refused(6, 6)  # the queue was full; 5 waited in it
    window.refused(5, 5)  # and then could not be written

    assert window.next_to_send == 5
