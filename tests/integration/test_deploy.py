"""What deploy/nginx.conf sends where, against the routes of the running application."""

from __future__ import annotations

import re

from flask import Flask

from config import ROOT


def test_what_the_server_answers_below_static_itself_is_passed_on_to_it(app: Flask) -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    locations = dict(re.findall(r"location (/\S+) \{([^}]*)\}", text))
    own = [
        rule.rule.partition("<")[0]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/static/") and rule.endpoint != "static"
    ]

    assert own
    for prefix in own:
        # nginx takes the location with the longest beginning in common.
        chosen = max((place for place in locations if prefix.startswith(place)), key=len)
        assert "proxy_pass" in locations[chosen], f"{prefix} is looked for among the files"
