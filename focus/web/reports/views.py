"""View of one session's report."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from focus.analysis.types import EVENT_KINDS
from focus.services import recordings, reports
from focus.services.methods import methods_paragraphs
from focus.storage.database import db
from focus.web.identity import current_principal, login_needed
from focus.web.paging import page_number
from focus.web.reports.blueprint import blueprint
from focus.web.reports.contents import charts_of, has_gaze, pupil_baseline_mm, quality_facts, signals_of, table_heads
from focus.web.reports.drawings import blink_rate_svg, gaze_map_svg

PAGE_SIZE = 20


@blueprint.get("/sessions/<uuid:recording_id>")
@login_needed
def report(recording_id: UUID) -> ResponseReturnValue:
    """Metrics, timeline, events, data quality and provenance of one session."""
    recording = recordings.view_recording(db.session(), current_principal(), str(recording_id))
    summary = recordings.summary(db.session(), recording)
    kind = request.args.get("kind", "")
    kind = kind if kind in EVENT_KINDS else ""
    page = page_number()
    events = reports.events_of(
        db.session(), recording, kind=kind or None, limit=PAGE_SIZE + 1, offset=(page - 1) * PAGE_SIZE
    )

    def events_url(page: int = 1, kind: str = kind) -> str:
        return url_for(
            "reports.report",
            recording_id=recording_id,
            _anchor="events",
            kind=kind or None,
            page=page if page > 1 else None,
        )

    return render_template(
        "reports/report.html",
        recording=recording,
        summary=summary,
        charts=charts_of(recording.tracker),
        signals=signals_of(recording.tracker),
        has_gaze=has_gaze(recording.tracker),
        table_heads=table_heads(recording.tracker),
        rates=reports.blink_rates(db.session(), recording),
        pages=reports.pages_read(db.session(), recording),
        pupil_baseline=pupil_baseline_mm(summary["metrics"]),
        quality=quality_facts(summary["metrics"]),
        methods=methods_paragraphs(recording, summary),
        events=events[:PAGE_SIZE],
        has_next=len(events) > PAGE_SIZE,
        page=page,
        kind=kind,
        events_url=events_url,
    )


@blueprint.get("/sessions/<uuid:recording_id>/report.html")
@login_needed
def standalone(recording_id: UUID) -> ResponseReturnValue:
    """The report as one file without scripts, to keep and to pass on."""
    recording = recordings.view_recording(db.session(), current_principal(), str(recording_id))
    summary = recordings.summary(db.session(), recording)
    found = reports.gaze_map(db.session(), recording)
    screen = recording.tracker.get("screen")
    aspect = screen["width_mm"] / screen["height_mm"] if screen else 16 / 9
    page = render_template(
        "reports/standalone.html",
        recording=recording,
        summary=summary,
        gaze_map=found,
        pages=reports.pages_read(db.session(), recording),
        gaze_map_svg=gaze_map_svg(found, aspect),
        blink_rate_svg=blink_rate_svg(reports.blink_rates(db.session(), recording)),
        methods=methods_paragraphs(recording, summary),
    )
    name = f"focus-report-{recording.started_at:%Y%m%d-%H%M%S}-{recording.id[:8]}.html"
    return page, {"Content-Disposition": f'attachment; filename="{name}"'}
