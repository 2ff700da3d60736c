"""Socket.IO in, services out: the namespaces `/tracker` and `/live`. `register` is called by `focus.app`."""

from __future__ import annotations

from flask import Flask
from flask_socketio import SocketIO

from config import Settings
from focus.analysis.parameters import AnalysisParameters
from focus.analysis.types import StateClassifier
from focus.protocol.messages import Limits
from focus.realtime.fanout import RedisFanout
from focus.realtime.guard import ConnectionGuard, look_after_changes
from focus.realtime.live import LiveNamespace
from focus.realtime.tracker import TrackerNamespace
from focus.services.demo import DemoRunner
from focus.services.imports.running import ImportRunner
from focus.services.ingest import EngineSettings, make_engine
from focus.services.ingest.requests import RequestTrackers
from focus.services.my_data_export import ExportRunner
from focus.services.releases import load_release
from focus.storage.database import make_writer_engine


def register(app: Flask, socketio: SocketIO) -> None:
    """Make the ingest engine of the application, and attach both namespaces to it; starts nothing.

    The engine is then in `app.extensions["focus.engine"]`.
    """
    settings: Settings = app.extensions["focus.settings"]
    engine = make_engine(
        app.config["SQLALCHEMY_DATABASE_URI"],
        lambda release: _load_classifier(settings, release),
        parameters=AnalysisParameters(lookahead_us=settings.LOOKAHEAD_MS * 1000),
        settings=EngineSettings(
            tick_s=settings.TICK_MS / 1000,
            queue_batches=settings.QUEUE_BATCHES,
            queue_wait_s=settings.QUEUE_WAIT_MS / 1000,
        ),
        pictures_per_s=settings.PICTURES_PER_S,
        statement_timeout_s=min(10.0, settings.DB_STATEMENT_TIMEOUT_S),
    )
    app.extensions["focus.engine"] = engine
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.extensions["focus.my_data"] = ExportRunner(
        settings.INSTANCE, lambda: make_writer_engine(url, pool_size=1), engine.write
    )
    app.extensions["focus.imports"] = ImportRunner(
        settings.INSTANCE, url, engine.write, on_stored=engine.analyse_soon, max_bytes=settings.MAX_UPLOAD_BYTES
    )
    app.extensions["focus.demos"] = DemoRunner(engine, settings.address)
    limits = Limits(settings.MAX_BATCH_BYTES, settings.MAX_FRAMES, settings.IN_FLIGHT)
    guard = ConnectionGuard(engine)
    look_after_changes(app, guard)
    TrackerNamespace(socketio, engine, limits, guard).register()
    app.extensions["focus.request_trackers"] = RequestTrackers(engine, limits)
    live = LiveNamespace(socketio, engine, guard)
    live.register()
    if settings.REDIS_URL:
        fanout = RedisFanout(settings.REDIS_URL, engine.live, live)
        live.fanout = fanout
        engine.when_started(fanout.start, fanout.stop)


def _load_classifier(settings: Settings, release: str) -> StateClassifier:
    return load_release(release, settings.INSTANCE / "models")
