"""Which batch to send next: the client's side of the promise that nothing is lost, doubled or out of order.

Pure bookkeeping for one connection, with no socket and no clock, so that it can be tested in every order of answers. A
new connection gets a new window, because after `open` the server's word replaces everything that was known.
"""

from __future__ import annotations


class DeliveryWindow:
    """Batches on their way over one connection.

    Parameters
    ----------
    next_seq : int
        From the answer to `open`.
    n_in_flight_max : int
        Most batches that may be sent and not answered; from the answer to `open`.

    Attributes
    ----------
    next_to_send : int
    stored_seq : int
        Everything below is stored, in the words of the server.
    """

    def __init__(self, next_seq: int, n_in_flight_max: int) -> None:
        self.next_to_send = next_seq
        self.stored_seq = next_seq
        self._resume_seq: int | None = None
        self._n_in_flight_max = n_in_flight_max
        self._in_flight: set[int] = set()
        self._is_drained_first = False

    @property
    def n_in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def is_recovering(self) -> bool:
        """Whether a batch was refused and others are still on their way."""
        return self._is_drained_first

    def may_send(self, end_seq: int) -> bool:
        """Whether `next_to_send` may go out now, if the outbox ends before `end_seq`."""
        return (
            not self._is_drained_first and self.next_to_send < end_seq and len(self._in_flight) < self._n_in_flight_max
        )

    def sent(self) -> None:
        """`next_to_send` has gone out."""
        self._in_flight.add(self.next_to_send)
        self.next_to_send += 1

    def stored(self, next_seq: int) -> None:
        """The server has reported everything below `next_seq` as stored."""
        self.stored_seq = max(self.stored_seq, next_seq)
        self.next_to_send = max(self.next_to_send, self.stored_seq)
        self._in_flight = {seq for seq in self._in_flight if seq >= self.stored_seq}
        self._go_on_when_drained()

    def refused(self, seq: int, next_seq: int | None) -> None:
        """The server has refused `seq`, and where it said so, goes on from `next_seq`.

        What was sent after it will be refused too, each with its own answer, or was stored before; only when all of it
        is answered does the window go on, so that no late answer can be taken for that of a second sending. A refusal's
        `next_seq` is where to go on, and not a report that what lies below is stored.
        """
        self._in_flight.discard(seq)
        if next_seq is not None:
            # The lowest: batches that waited in the server's queue when it named a higher one may have failed since.
            self._resume_seq = next_seq if self._resume_seq is None else min(self._resume_seq, next_seq)
        self._is_drained_first = True
        self._go_on_when_drained()

    def _go_on_when_drained(self) -> None:
        if self._is_drained_first and not self._in_flight:
            self._is_drained_first = False
            told_seq = self._resume_seq if self._resume_seq is not None else self.stored_seq
            self.next_to_send = max(told_seq, self.stored_seq)
            self._resume_seq = None
