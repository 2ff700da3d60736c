"""What the server needs goes away for a while: PostgreSQL, Redis. Trackers wait, and nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.auditor import Auditor
from tests.faults.conftest import StartServer, StartTrackers
from tests.servers import PostgresServer, RedisServer

OUTAGE_S = 10.0


def assert_nothing_amiss(auditor: Auditor) -> None:
    for tracker in auditor.trackers:
        tracker.end(60)
    auditor.wait_for_results()
    assert auditor.check_everything() == []
    assert auditor.check_results() == []


def test_nothing_is_lost_while_postgresql_is_stopped_for_ten_seconds(
    own_postgres: PostgresServer, start_server: StartServer, start_trackers: StartTrackers
) -> None:
    url = own_postgres.url(own_postgres.create_database())
    server = start_server(url)
    auditor = start_trackers(server, url)
    auditor.wait_for_progress()

    own_postgres.stop()
    time.sleep(0.5)
    during = auditor.n_acknowledged()
    time.sleep(OUTAGE_S - 0.5)
    assert auditor.n_acknowledged() == during  # nothing is acknowledged without a database
    own_postgres.start()
    auditor.wait_for_progress()

    assert auditor.check_acknowledged() == []
    assert_nothing_amiss(auditor)
    assert server.stop() == 0


def test_the_server_answers_others_while_postgresql_is_frozen(
    own_postgres: PostgresServer, start_server: StartServer, start_trackers: StartTrackers
) -> None:
    url = own_postgres.url(own_postgres.create_database())
    server = start_server(url)
    auditor = start_trackers(server, url, 3)
    auditor.wait_for_progress()

    with own_postgres.frozen():
        time.sleep(1.0)  # a commit waits by now
        during = auditor.n_acknowledged()
        answers_s = [server.time_to_answer("/livez") for _ in range(10)]
    auditor.wait_for_progress()

    assert auditor.n_acknowledged() > during
    assert max(answers_s) < 1.0
    assert_nothing_amiss(auditor)


def test_a_redis_that_is_stopped_holds_no_batch_up(
    sqlite_url: str, tmp_path: Path, start_server: StartServer, start_trackers: StartTrackers
) -> None:
    redis = RedisServer(tmp_path / "redis")
    redis.start()
    server = start_server(sqlite_url, REDIS_URL=redis.url)
    auditor = start_trackers(server, sqlite_url)
    auditor.wait_for_progress()

    redis.stop()
    begun_s, begun = time.monotonic(), auditor.n_acknowledged()
    for _ in range(20):
        auditor.wait_for_progress(limit_s=5)
    took_s, gained = time.monotonic() - begun_s, auditor.n_acknowledged() - begun
    redis.start()
    auditor.wait_for_progress()
    redis.stop()

    assert gained >= 200
    assert took_s < 20  # two seconds of frames; a server that waited for Redis would need ten for each picture
    assert_nothing_amiss(auditor)
    assert server.stop() == 0
