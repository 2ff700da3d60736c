"""The access matrix: who gets which answer from which route, and from which event of a socket.

A line is a method, an endpoint (perhaps with a query) and the statuses of those in `PAGE_ROLES` or `API_ROLES`, in
their order. Objects in the address belong to `owner`, groups to `leader`; see `world.py` for who they are. A person
whose account is disabled gets the answers of a stranger, and so does a token on a page: that is not written here but
checked for every line.

503 stands for "let in": the engine does not run here, and whoever may send frames hears that it takes none.
"""

from __future__ import annotations

from typing import Final

PAGE_ROLES: Final = ("stranger", "owner", "other", "leader", "foreign", "admin")
API_ROLES: Final = (
    *PAGE_ROLES,
    "owner frames",
    "owner read",
    "other frames",
    "other read",
    "admin read",
)

PAGES: Final = """
method endpoint                        stranger owner other leader foreign admin
GET    accounts.account                   302 200 200 200 200 200
POST   accounts.ask_for_email             302 200 200 200 200 200
POST   accounts.begin_export              302 303 303 303 303 303
POST   accounts.change_password           302 302 302 302 302 302
GET    accounts.consent_page              302 200 200 200 200 200
POST   accounts.consent_page              302 303 303 303 303 303
POST   accounts.create_token              302 200 200 200 200 200
GET    accounts.data                      302 200 200 200 200 200
POST   accounts.delete_account            302 303 303 303 303 409
POST   accounts.delete_calibration        302 303 404 404 404 404
POST   accounts.delete_sessions           302 303 303 303 303 303
POST   accounts.end_login                 302 302 404 404 404 404
GET    accounts.export_file               302 200 404 404 404 404
GET    accounts.export_state              302 200 404 404 404 404
GET    accounts.forgot                    200 200 200 200 200 200
POST   accounts.forgot                    200 200 200 200 200 200
GET    accounts.log_in                    200 302 302 302 302 302
POST   accounts.log_in                    422 302 302 302 302 302
GET    accounts.log_in_by_link            401 401 401 401 401 401
POST   accounts.log_out                   302 302 302 302 302 302
POST   accounts.log_out_everywhere        302 302 302 302 302 302
GET    accounts.profile                   302 200 200 200 200 200
POST   accounts.profile                   302 303 303 303 303 303
GET    accounts.register                  200 200 200 200 200 200
POST   accounts.register                  200 200 200 200 200 200
GET    accounts.reset                     410 410 410 410 410 410
POST   accounts.reset                     410 410 410 410 410 410
POST   accounts.revoke_token              302 302 404 404 404 404
GET    accounts.set_email                 410 410 410 410 410 410
POST   accounts.set_email                 410 410 410 410 410 410
GET    accounts.verify                    410 410 410 410 410 410
POST   accounts.verify                    410 410 410 410 410 410
GET    admin.audit                        302 403 403 403 403 200
POST   admin.cancel_job                   302 403 403 403 403 303
POST   admin.disable                      302 403 403 403 403 303
POST   admin.enable                       302 403 403 403 403 303
POST   admin.force_reset                  302 403 403 403 403 303
GET    admin.groups                       302 403 403 403 403 200
GET    admin.health                       302 403 403 403 403 200
GET    admin.index                        302 403 403 403 403 302
GET    admin.jobs                         302 403 403 403 403 200
GET    admin.model_card                   302 403 403 403 403 200
GET    admin.models                       302 403 403 403 403 200
POST   admin.promote_model                302 403 403 403 403 409
POST   admin.retry_job                    302 403 403 403 403 303
POST   admin.roll_back_model              302 403 403 403 403 409
GET    admin.sessions                     302 403 403 403 403 200
POST   admin.set_role                     302 403 403 403 403 303
GET    admin.user                         302 403 403 403 403 200
GET    admin.users                        302 403 403 403 403 200
POST   analyses.remove                    302 403 404 404 404 303
POST   analyses.show                      302 403 404 404 404 303
POST   analyses.start                     302 403 404 404 404 303
GET    exports.download                   302 200 404 200 404 200
POST   groups.create                      302 403 403 303 303 303
GET    groups.delete                      302 403 403 200 404 404
POST   groups.delete                      302 403 403 303 404 404
GET    groups.group                       302 403 403 200 404 404
GET    groups.index                       302 200 200 200 200 200
GET    groups.invitation                  302 410 200 410 410 410
POST   groups.invitation                  302 410 303 410 410 410
POST   groups.invite                      302 403 403 303 404 404
POST   groups.leave                       302 303 404 404 404 404
GET    groups.member                      302 403 403 200 404 404
POST   groups.remove_member               302 403 403 303 404 404
POST   groups.rename                      302 403 403 303 404 404
POST   groups.stop_run                    302 404 404 303 404 404
POST   groups.withdraw_invitation         302 403 403 303 404 404
GET    imports.page                       302 200 200 200 200 200
GET    imports.state                      401 200 404 404 404 404
POST   imports.upload                     401 201 201 201 201 201
GET    livez                              200 200 200 200 200 200
GET    readyz                             503 503 503 503 503 503
GET    reports.compare                    302 200 200 200 200 200
GET    reports.compare?a={recording_id}   302 200 404 200 404 200
GET    reports.day                        302 200 200 200 200 200
GET    reports.report                     302 200 404 200 404 200
GET    reports.standalone                 302 200 404 200 404 200
GET    reports.trend                      302 200 200 200 200 200
GET    reports.week                       302 200 200 200 200 200
GET    sessions.delete                    302 200 404 404 404 200
POST   sessions.delete                    302 303 404 404 404 303
GET    sessions.home                      200 200 200 200 200 200
GET    sessions.live                      302 302 404 302 404 302
POST   sessions.make_command              302 200 200 200 200 200
GET    sessions.several                   302 200 200 200 200 200
GET    sessions.start                     302 200 200 200 200 200
POST   sessions.start_demo                302 303 303 303 303 303
POST   sessions.stop                      302 303 404 404 404 303
GET    static                             200 200 200 200 200 200
GET    tracking.face_mesh                 200 200 200 200 200 200
POST   tracking.save_calibration          302 201 201 201 201 201
GET    tracking.track                     302 200 200 200 200 200
GET    tracking.worker                    200 200 200 200 200 200
"""

API: Final = """
method endpoint    stranger owner other leader foreign admin, tokens of owner (frames, read), other (both), admin
POST   api_accounts.forgot                202 202 202 202 202 202 202 202 202 202 202
POST   api_accounts.register              202 202 202 202 202 202 202 202 202 202 202
POST   api_accounts.reset                 403 403 403 403 403 403 403 403 403 403 403
POST   api_accounts.set_email             403 403 403 403 403 403 403 403 403 403 403
POST   api_accounts.verify                403 403 403 403 403 403 403 403 403 403 403
GET    api_admin.get_user                 401 403 403 403 403 200 403 403 403 403 403
PATCH  api_admin.change_user              401 403 403 403 403 200 403 403 403 403 403
POST   api_admin.force_reset              401 403 403 403 403 202 403 403 403 403 403
POST   api_admin.cancel_job               401 403 403 403 403 204 403 403 403 403 403
GET    api_admin.list_audit               401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.list_jobs                401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.list_recordings          401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.list_releases            401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.list_users               401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.health                   401 403 403 403 403 200 403 403 403 403 403
GET    api_admin.list_groups              401 403 403 403 403 200 403 403 403 403 403
POST   api_admin.retry_job                401 403 403 403 403 409 403 403 403 403 403
POST   api_admin.promote_release          401 403 403 403 403 409 403 403 403 403 403
POST   api_admin.roll_back_release        401 403 403 403 403 409 403 403 403 403 403
GET    api_analyses.list_analyses         401 200 404 200 404 200 403 200 403 404 200
DELETE api_analyses.remove                401 403 404 404 404 204 403 403 403 403 403
POST   api_analyses.show                  401 403 404 404 404 200 403 403 403 403 403
POST   api_analyses.start                 401 403 404 404 404 202 403 403 403 403 403
POST   api_data.begin_export              401 202 202 202 202 202 403 403 403 403 403
DELETE api_data.delete_calibration        401 204 404 404 404 404 403 403 403 403 403
POST   api_data.delete_recordings         401 200 200 200 200 200 403 403 403 403 403
GET    api_data.export_file               401 200 404 404 404 404 403 403 403 403 403
GET    api_data.export_state              401 200 404 404 404 404 403 403 403 403 403
GET    api_data.get_consent               401 200 200 200 200 200 200 200 200 200 200
GET    api_data.list_calibrations         401 200 200 200 200 200 200 200 200 200 200
GET    api_data.list_exports              401 200 200 200 200 200 403 403 403 403 403
GET    api_data.newest_calibration?tracker=Test%20tracker  401 200 404 404 404 404 200 200 404 404 404
PUT    api_data.put_consent               401 200 200 200 200 200 403 403 403 403 403
POST   api_data.store_calibration         401 201 201 201 201 201 201 403 201 403 403
POST   api_delivery.close                 401 503 404 404 404 404 503 403 404 403 403
PUT    api_delivery.put_batch             401 503 404 404 404 404 503 403 404 403 403
PUT    api_delivery.put_marker            401 503 404 404 404 404 503 403 404 403 403
PUT    api_delivery.take_lease            401 503 503 503 503 503 503 403 503 403 403
GET    api_document.docs                  200 200 200 200 200 200 200 200 200 200 200
GET    api_document.openapi               200 200 200 200 200 200 200 200 200 200 200
POST   api_groups.answer_invitation       401 403 200 403 403 403 403 403 403 403 403
POST   api_groups.create_group            401 403 403 201 201 201 403 403 403 403 403
DELETE api_groups.delete_group            401 403 403 204 404 404 403 403 403 403 403
POST   api_groups.invite                  401 403 403 202 404 404 403 403 403 403 403
DELETE api_groups.leave                   401 204 404 404 404 404 403 403 403 403 403
GET    api_groups.list_groups             401 200 200 200 200 200 403 403 403 403 403
GET    api_groups.list_invitations        401 403 403 200 404 404 403 403 403 403 403
GET    api_groups.list_places             401 200 200 200 200 200 403 403 403 403 403
GET    api_groups.overview                401 403 403 200 404 404 403 403 403 403 403
GET    api_groups.recordings_of_member    401 403 403 200 403 403 403 403 403 403 403
DELETE api_groups.remove_member           401 403 403 204 404 404 403 403 403 403 403
PATCH  api_groups.rename_group            401 403 403 204 404 404 403 403 403 403 403
POST   api_groups.stop_run                401 404 404 204 404 404 403 403 403 403 403
DELETE api_groups.withdraw_invitation     401 403 403 204 404 404 403 403 403 403 403
POST   api_me.ask_for_email               401 202 202 202 202 202 403 403 403 403 403
POST   api_me.change_password             401 204 204 204 204 204 403 403 403 403 403
POST   api_me.create_token                401 201 201 201 201 201 403 403 403 403 403
GET    api_me.csrf                        401 200 200 200 200 200 403 403 403 403 403
POST   api_me.delete_account              401 204 204 204 204 409 403 403 403 403 403
DELETE api_me.end_all_logins              401 204 204 204 204 204 403 403 403 403 403
DELETE api_me.end_login                   401 204 404 404 404 404 403 403 403 403 403
GET    api_me.get_profile                 401 200 200 200 200 200 403 403 403 403 403
GET    api_me.list_logins                 401 200 200 200 200 200 403 403 403 403 403
GET    api_me.list_tokens                 401 200 200 200 200 200 403 403 403 403 403
GET    api_me.me                          401 200 200 200 200 200 200 200 200 200 200
PUT    api_me.put_profile                 401 200 200 200 200 200 403 403 403 403 403
DELETE api_me.revoke_token                401 204 404 404 404 404 403 403 403 403 403
DELETE api_recordings.delete              401 204 404 404 404 204 403 403 403 403 403
GET    api_recordings.events              401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.export              401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.export_formats      401 200 200 200 200 200 403 200 403 200 200
GET    api_recordings.eye_strain          401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.gaze_map            401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.list_recordings     401 200 200 200 200 200 403 200 403 200 200
GET    api_recordings.markers             401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.metrics             401 200 404 200 404 200 403 200 403 404 200
PATCH  api_recordings.rename              401 200 404 404 404 200 403 403 403 403 403
POST   api_recordings.stop                401 200 404 404 404 200 403 403 403 403 403
GET    api_recordings.summary             401 200 404 200 404 200 403 200 403 404 200
GET    api_recordings.timeline            401 200 404 200 404 200 403 200 403 404 200
GET    api_reports.day                    401 200 200 200 200 200 403 200 403 200 200
GET    api_reports.trend                  401 200 200 200 200 200 403 200 403 200 200
GET    api_reports.week                   401 200 200 200 200 200 403 200 403 200 200
"""

SOCKET_ROLES: Final = (
    "stranger",
    "gone",
    *("owner", "other", "leader", "foreign", "admin"),
    *("owner frames", "owner read", "other frames", "other read", "admin read"),
)

SOCKETS: Final = """
namespace event  stranger gone owner other leader foreign admin, tokens of owner (frames, read), other (both), admin
/tracker connect unauthenticated unauthenticated ok ok ok ok ok  ok forbidden ok forbidden forbidden
/tracker clock   - - ok ok ok ok ok  ok - ok - -
/tracker open    - - ok forbidden forbidden forbidden forbidden  ok - forbidden - -
/tracker frames  - - lease lease lease lease lease  lease - lease - -
/tracker marker  - - lease lease lease lease lease  lease - lease - -
/tracker close   - - lease lease lease lease lease  lease - lease - -
/live    connect unauthenticated unauthenticated ok ok ok ok ok  forbidden ok forbidden ok ok
/live    watch   - - ok not_found ok not_found ok  - ok - not_found ok
/live    unwatch - - ok ok ok ok ok  - ok - ok ok
"""
"""`ok`, or the code of the answer; `-` where the connection was refused. The recording and its lease are `owner`'s,
held by another connection; `open` asks for a takeover. `disconnect` has no rule: it comes from the server's library."""


def lines(table: str) -> list[list[str]]:
    """The fields of each line below the heading."""
    return [line.split() for line in table.strip().splitlines()[1:]]
