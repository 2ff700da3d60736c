"""kill -9, ten times, under ten trackers: nothing acknowledged is lost, nothing is stored twice or out of order."""

from __future__ import annotations

import random
import time

from tests.faults.auditor import Auditor, Finding
from tests.faults.conftest import StartServer, StartTrackers
from tests.faults.processes import EAGER, ServerProcess

N_KILLS = 10


def kill_often(server: ServerProcess, auditor: Auditor, n_kills: int) -> list[Finding]:
    """Kill the server again and again, each time when all trackers have got on; returns the first findings."""
    rng = random.Random(1)
    for _ in range(n_kills):
        auditor.wait_for_progress()
        time.sleep(rng.uniform(0.1, 0.5))  # to die at another place of its work each time
        server.kill()
        findings = auditor.check_acknowledged()
        if findings:
            return findings
        server.start()
    auditor.wait_for_progress()
    return []


def test_an_auditor_finds_nothing_after_ten_kills_under_ten_trackers(
    database_url: str, start_server: StartServer, start_trackers: StartTrackers
) -> None:
    server = start_server(database_url)
    auditor = start_trackers(server, database_url)

    findings = kill_often(server, auditor, N_KILLS)
    for tracker in auditor.trackers:
        tracker.end(60)
    auditor.wait_for_results()

    assert findings == []
    assert auditor.check_everything() == []
    assert auditor.check_results() == []
    assert server.stop() == 0


def test_the_auditor_catches_a_server_that_acknowledges_before_it_commits(
    postgres_url: str, start_server: StartServer, start_trackers: StartTrackers
) -> None:
    server = start_server(postgres_url, EAGER)
    auditor = start_trackers(server, postgres_url)

    findings = kill_often(server, auditor, N_KILLS)

    assert any("must be stored, and only" in finding.what for finding in findings)
