"""The analysis of all recordings together: one feature pass and one prediction a tick, and what came of them.

Works on memory alone, but for loading models. The engine feeds batches that are committed, calls `advance` once a tick,
and collects with `take_writes` what is due to be written.
"""

from __future__ import annotations

import json
import logging
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from focus.analysis.parameters import AnalysisParameters
from focus.analysis.pipeline import CODE_VERSION, RecordingPipeline, advance
from focus.analysis.types import StateClassifier
from focus.concurrency import run_blocking
from focus.errors import CheckpointError, ModelError
from focus.protocol.batch import TrackerInfo
from focus.services.ingest.classifiers import Classifiers, release_of
from focus.services.ingest.state import Findings, LiveRecording, RunningAnalysis
from focus.services.ingest.transactions import AnalysisIdentity
from focus.services.live import LiveHub
from focus.storage.results import ResultWrite

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 1.0
"""How long frames wait for company in a recording that nobody watches."""

PASS_S: Final = 0.012
"""What one pass of the analysis should take at most: so long nothing is received or acknowledged."""

PASS_SHARE: Final = 0.3
"""Of the time for passes, unless frames wait longer and longer; then up to `MAX_HASTE` times as much."""

MAX_HASTE: Final = 4.0
MAX_REST_S: Final = 0.1
MIN_PASS_FRAMES: Final = 100
MAX_PASS_FRAMES: Final = 8000
RESULTS_INTERVAL_S: Final = 1.0
CHECKPOINT_INTERVAL_S: Final = 20.0
CHECKPOINT_SPAN_US: Final = 60_000_000
"""So much of a recording is analysed without a checkpoint at most, so that a server which ends again and again before
it has caught up still gets on."""

MAX_CHECKPOINTS: Final = 4
"""Checkpoints made in one tick: they are large, so they are spread over the ticks."""

MAX_FAILURES: Final = 3

_SIZE: Final = struct.Struct("<I")


class AnalysisStage:
    """Runs the pipelines.

    Parameters
    ----------
    classifiers : Classifiers
        The models; every recording keeps the one that its analysis began with.
    parameters : AnalysisParameters
        Of all analyses of this process.
    live : LiveHub
        Is told what every recording just did.
    """

    def __init__(self, classifiers: Classifiers, parameters: AnalysisParameters, live: LiveHub) -> None:
        self._classifiers = classifiers
        self.parameters = parameters
        self.live = live
        self._pass_frames = 1000
        self._rest_until_s = 0.0

    def active_release(self, session: Session) -> str:
        """Name of the model for a recording that begins now."""
        return self._classifiers.active_name(session)

    def load_first(self, release: str) -> StateClassifier:
        """Load the model of the active release; ModelError if that cannot be."""
        return run_blocking(self._classifiers.load_first, release)

    def active_classifier(self, session: Session) -> StateClassifier:
        """The model for a recording that begins now; ModelError if none can be loaded."""
        return self._classifiers.active(session)

    def classifier_of(self, identity: AnalysisIdentity | None) -> StateClassifier | None:
        """The model that goes on with an analysis; None if it cannot, and a new analysis has to begin."""
        if identity is None:
            return None
        try:
            classifier = run_blocking(self._classifiers.get, identity.model_release)
        except ModelError as err:
            logger.warning("an analysis cannot go on: %s", err.message)
            return None
        return classifier if self.identity_of(classifier) == identity else None

    def identity_of(self, classifier: StateClassifier) -> AnalysisIdentity:
        """What the analyses with this model are made with."""
        return AnalysisIdentity(release_of(classifier), self.parameters.to_dict(), str(CODE_VERSION))

    # -- beginning ----------------------------------------------------------------------------------------------------

    def begin(
        self, recording_id: str, analysis_id: int, classifier: StateClassifier, tracker: TrackerInfo, now_s: float
    ) -> RunningAnalysis:
        """An analysis at its first frame."""
        pipeline = RecordingPipeline(tracker, self.parameters)
        self.live.begin(recording_id)
        return RunningAnalysis(analysis_id, pipeline, classifier, written_at_s=now_s, checkpoint_at_s=now_s)

    def restore(
        self,
        recording_id: str,
        analysis_id: int,
        classifier: StateClassifier,
        tracker: TrackerInfo,
        checkpoint: bytes,
        seq: int,
        now_s: float,
    ) -> RunningAnalysis:
        """An analysis as it was at a checkpoint.

        Raises
        ------
        CheckpointError
            If the bytes do not fit this code, tracker or parameters.
        """
        n_final, counts, blob = _split(checkpoint)
        pipeline = RecordingPipeline.restore(blob, tracker, self.parameters)
        self.live.set_past(recording_id, gaze_space=tracker.gaze_space, n_frames=pipeline.n_frames, counts=counts)
        return RunningAnalysis(
            analysis_id,
            pipeline,
            classifier,
            fed_seq=seq,
            pushed_seq=seq,
            n_final=n_final,
            checkpoint_seq=seq,
            written_at_s=now_s,
            checkpoint_at_s=now_s,
            checkpoint_us=pipeline.newest_us,
        )

    # -- a tick -------------------------------------------------------------------------------------------------------

    def advance(self, recordings: Iterable[LiveRecording], now_s: Callable[[], float]) -> list[LiveRecording]:
        """Take waiting frames through the analysis: of those that are due, as many as there is time for.

        A recording that somebody watches is due at once, others when their frames have waited a while: a pass over many
        frames costs little more than one over few, and their results are written once a second in any case.

        Parameters
        ----------
        recordings : iterable of LiveRecording
            All that may have frames waiting or are to be finished.
        now_s : callable
            Monotonic seconds.

        Returns
        -------
        list of LiveRecording
            Those whose analysis failed and was dropped; it has to be loaded again.
        """
        begun_s = now_s()
        if begun_s < self._rest_until_s:
            return []
        due = self._due(recordings, begun_s)
        if not due:
            return []
        failed: list[LiveRecording] = []
        for group in _groups(due):
            failed += self._advance_group(group)
        self._pace(now_s() - begun_s, begun_s, _lag_s(due, begun_s))
        return failed

    def _due(self, recordings: Iterable[LiveRecording], now_s: float) -> list[LiveRecording]:
        """Recordings to be analysed now, the most urgent first."""
        urgent: list[LiveRecording] = []
        patient: list[LiveRecording] = []
        for recording in recordings:
            if not _has_work(recording):
                continue
            if self._is_urgent(recording):
                urgent.append(recording)
            elif now_s - _running(recording).waiting_since_s >= PATIENCE_S:
                patient.append(recording)
        patient.sort(key=lambda recording: _running(recording).waiting_since_s)
        return self._that_fit(urgent + patient)

    def wait_s(self, recording: LiveRecording, now_s: float) -> float:
        """How long the frames that wait in this recording are still to wait."""
        due_s = now_s if self._is_urgent(recording) else _running(recording).waiting_since_s + PATIENCE_S
        return max(due_s, self._rest_until_s, now_s) - now_s

    def _is_urgent(self, recording: LiveRecording) -> bool:
        return recording.is_closed or self.live.is_watched(recording.recording_id)

    def _that_fit(self, recordings: Sequence[LiveRecording]) -> list[LiveRecording]:
        """As many of them, in their order, as one pass may take on; at least one."""
        fitting: list[LiveRecording] = []
        left = self._pass_frames
        for recording in recordings:
            if left <= 0:
                break
            fitting.append(recording)
            left -= min(_running(recording).n_waiting, self._most_of_one())
        return fitting

    def _most_of_one(self) -> int:
        """What one recording may have of a pass, so that a fast stream leaves room for others."""
        return max(1, self._pass_frames // 2)

    def _pace(self, took_s: float, begun_s: float, lag_s: float) -> None:
        """Choose how much the next pass may take on and when it comes, so that storing never waits for long."""
        haste = min(max(lag_s / PATIENCE_S, 1.0), MAX_HASTE)
        if took_s > PASS_S * haste:
            self._pass_frames = max(MIN_PASS_FRAMES, self._pass_frames * 3 // 4)
        else:
            self._pass_frames = min(MAX_PASS_FRAMES, self._pass_frames * 5 // 4)
        self._rest_until_s = begun_s + min(took_s / min(PASS_SHARE * haste, 1.0), MAX_REST_S)

    def _advance_group(self, group: list[LiveRecording]) -> list[LiveRecording]:
        try:
            self._advance_together(group)
        except Exception:
            # What the pipelines hold now is not known. All of them are made again from what is stored.
            logger.exception("the analysis of %d recordings failed", len(group))
            for recording in group:
                recording.failed_seq = max(recording.failed_seq, _running(recording).fed_seq)
                recording.analysis = None
                recording.n_failures += 1
            return group
        for recording in group:
            if recording.n_failures and _running(recording).pushed_seq > recording.failed_seq:
                recording.n_failures = 0
        return []

    def _advance_together(self, group: list[LiveRecording]) -> None:
        pushed = [_running(recording).push_waiting(self._most_of_one()) for recording in group]
        analyses = [_running(recording) for recording in group]
        for recording, analysis in zip(group, analyses, strict=True):
            if analysis.is_finishing and recording.is_caught_up:
                analysis.pipeline.finish()
                analysis.is_finished = True
                analysis.has_progress = True
        watched = [self.live.is_watched(recording.recording_id) for recording in group]
        outputs = advance([analysis.pipeline for analysis in analyses], analyses[0].classifier, prompt=watched)
        for recording, analysis, frames, output in zip(group, analyses, pushed, outputs, strict=True):
            analysis.n_final += len(output.t_us)
            findings = analysis.findings
            findings.runs += output.runs
            findings.events += output.events
            findings.windows += output.windows
            recording.facts.note_windows(output.windows)
            recording_id = recording.recording_id
            self.live.note(
                recording_id,
                frames,
                output,
                gaze_space=recording.tracker.gaze_space,
                received_s=recording.received_s,
            )

    # -- what is written ----------------------------------------------------------------------------------------------

    def make_checkpoints(self, recordings: Iterable[LiveRecording], now_s: float) -> None:
        """Make the checkpoints that are due, a few in each tick; call it right after `advance`."""
        n_made = 0
        for recording in recordings:
            analysis = recording.analysis
            if analysis is None or analysis.is_finished or analysis.checkpoint is not None:
                continue
            is_due = now_s - analysis.checkpoint_at_s >= CHECKPOINT_INTERVAL_S
            is_due |= analysis.pipeline.newest_us - analysis.checkpoint_us >= CHECKPOINT_SPAN_US
            if is_due and analysis.pushed_seq > analysis.checkpoint_seq:
                self.make_checkpoint(recording, now_s)
                n_made += 1
                if n_made == MAX_CHECKPOINTS:
                    return

    def make_checkpoint(self, recording: LiveRecording, now_s: float) -> None:
        """Make a checkpoint now, to be written with the next results."""
        analysis = _running(recording)
        past = {"n_final": analysis.n_final, "events": self.live.counts_of(recording.recording_id)}
        analysis.checkpoint = _join(past, analysis.pipeline.checkpoint())
        analysis.checkpoint_seq = analysis.pushed_seq
        analysis.checkpoint_at_s = now_s
        analysis.checkpoint_us = analysis.pipeline.newest_us
        analysis.has_progress = True

    def take_writes(
        self, recordings: Iterable[LiveRecording], now_s: float, now: datetime, *, all_of_them: bool = False
    ) -> dict[str, tuple[ResultWrite, Findings]]:
        """Results that are due, by recording; the second of each pair is for `give_back`."""
        writes: dict[str, tuple[ResultWrite, Findings]] = {}
        for recording in recordings:
            analysis = recording.analysis
            if analysis is None or not analysis.has_progress:
                continue
            is_due = analysis.is_finished or analysis.checkpoint is not None or all_of_them
            if not is_due and now_s - analysis.written_at_s < RESULTS_INTERVAL_S:
                continue
            findings = analysis.findings
            analysis.findings = Findings()
            analysis.has_progress = False
            analysis.written_at_s = now_s
            write = ResultWrite(
                analysis_id=analysis.analysis_id,
                analysed_seq=analysis.pushed_seq,
                n_frames=analysis.n_final,
                runs=findings.runs,
                events=findings.events,
                windows=findings.windows,
                checkpoint=analysis.checkpoint,
                checkpoint_seq=analysis.checkpoint_seq,
                finished_at=now if analysis.is_finished else None,
            )
            writes[recording.recording_id] = (write, findings)
            analysis.checkpoint = None
        return writes


def give_back(recording: LiveRecording | None, write: ResultWrite, findings: Findings) -> None:
    """Keep results whose transaction failed for the next one; their checkpoint is made anew when it is due."""
    analysis = recording.analysis if recording is not None else None
    if analysis is not None and analysis.analysis_id == write.analysis_id:
        analysis.findings.put_before(findings)
        analysis.has_progress = True
        if write.checkpoint is not None:
            analysis.checkpoint_at_s = 0.0
            analysis.checkpoint_seq = 0


def _has_work(recording: LiveRecording) -> bool:
    analysis = recording.analysis
    if analysis is None or analysis.is_finished:
        return False
    return bool(analysis.waiting) or (analysis.is_finishing and recording.is_caught_up)


def _groups(due: Sequence[LiveRecording]) -> list[list[LiveRecording]]:
    """Recordings that are predicted in one call: those of one model.

    One that failed before runs alone, so that it cannot take others with it again.
    """
    groups: dict[int, list[LiveRecording]] = {}
    for place, recording in enumerate(due):
        key = -1 - place if recording.n_failures else id(_running(recording).classifier)
        groups.setdefault(key, []).append(recording)
    return list(groups.values())


def _running(recording: LiveRecording) -> RunningAnalysis:
    assert recording.analysis is not None
    return recording.analysis


def _lag_s(due: Sequence[LiveRecording], now_s: float) -> float:
    """How long the frames have waited that waited longest, of those that came from a tracker just now."""
    since_s = [_running(recording).waiting_since_s for recording in due if recording.analysis is not None]
    return max((now_s - waited_s for waited_s in since_s if math.isfinite(waited_s)), default=0.0)


def _join(past: dict[str, object], blob: bytes) -> bytes:
    head = json.dumps(past).encode()
    return _SIZE.pack(len(head)) + head + blob


def _split(checkpoint: bytes) -> tuple[int, dict[str, int], bytes]:
    try:
        (size,) = _SIZE.unpack_from(checkpoint)
        past = json.loads(checkpoint[_SIZE.size : _SIZE.size + size])
        return int(past["n_final"]), dict(past["events"]), checkpoint[_SIZE.size + size :]
    except (struct.error, ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f"a checkpoint of {len(checkpoint)} bytes cannot be read: {err}") from err
