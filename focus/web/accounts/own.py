"""Pages of what is one's own: what one tells about oneself, what one agrees to, and everything that is stored."""

from __future__ import annotations

from flask import Response, current_app, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from focus.errors import AuthenticationError, ConflictError, ParameterError
from focus.services import accounts, calibrations, consent, looks, my_data, profile, recordings
from focus.storage.database import db
from focus.web.accounts.base import blueprint, sentence, settings
from focus.web.accounts.forms import DeleteAccountForm, ProfileForm
from focus.web.identity import current_principal, leave, login_needed

# -- profile ----------------------------------------------------------------------------------------------------------


@blueprint.route("/account/profile", methods=["GET", "POST"], endpoint="profile")
@login_needed
def profile_page() -> ResponseReturnValue:
    """Questions about oneself, each with its reason; none has to be answered."""
    principal = current_principal()
    if request.method != "POST":
        known = profile.get_profile(db.session(), principal).to_dict()
        form = ProfileForm(formdata=None, data={name: value for name, value in known.items() if value is not None})
    else:
        form = ProfileForm()
    if form.validate_on_submit():
        try:
            profile.save_profile(db.session(), principal, form.answers())
        except ParameterError as error:
            db.session.rollback()
            flash(sentence(error), "wrong")
        else:
            db.session.commit()
            flash("Your answers are kept.", "good")
            first = request.args.get("first")
            return redirect(url_for("sessions.home" if first else "accounts.profile"), code=303)
    page = render_template(
        "accounts/profile.html",
        form=form,
        questions=profile.QUESTIONS,
        is_first=bool(request.args.get("first")),
        calibrations=calibrations.list_calibrations(db.session(), principal),
    )
    return page, 422 if form.is_submitted() else 200


@blueprint.post("/account/calibrations/<int:calibration_id>/delete")
@login_needed
def delete_calibration(calibration_id: int) -> ResponseReturnValue:
    """Forget a calibration; recordings that name it keep what they say."""
    calibrations.delete_calibration(db.session(), current_principal(), calibration_id)
    db.session.commit()
    flash("The calibration is deleted.", "good")
    return redirect(url_for("accounts.profile"), code=303)


# -- consent ----------------------------------------------------------------------------------------------------------


@blueprint.route("/account/consent", methods=["GET", "POST"])
@login_needed
def consent_page() -> ResponseReturnValue:
    """What one's data may be used for, purpose by purpose, and the way to change it."""
    principal = current_principal()
    if request.method == "POST":
        purpose, answer = request.form.get("purpose", ""), request.form.get("answer", "")
        if answer == "give":
            consent.give(db.session(), principal, purpose)
            closed: list[str] = []
        elif answer == "refuse":
            closed = consent.refuse(db.session(), principal, purpose)
        else:
            raise ParameterError(f"the answer is {answer[:40]!r}; allowed are give and refuse")
        db.session.commit()
        for recording_id in closed:
            current_app.extensions["focus.engine"].look_again(recording_id)
        if closed:
            flash(f"It is noted, and {len(closed)} session(s) that were going on are ended.", "good")
        else:
            flash("It is noted.", "good")
        return redirect(url_for("accounts.consent_page"), code=303)
    return render_template(
        "accounts/consent.html",
        purposes=consent.PURPOSES,
        decisions=consent.decisions_of(db.session(), principal.user_id),
        history=consent.history(db.session(), principal.user_id),
        version=consent.TEXT_VERSION,
    )


# -- data -------------------------------------------------------------------------------------------------------------


@blueprint.get("/account/data")
@login_needed
def data() -> ResponseReturnValue:
    """Everything that is stored: a copy of it, and the ways to delete it."""
    return _data_page()


@blueprint.post("/account/data/exports")
@login_needed
def begin_export() -> ResponseReturnValue:
    """Have a copy of everything written in the background."""
    principal = current_principal()
    job = my_data.request_export(db.session(), principal)
    job_id = job.id
    db.session.commit()
    current_app.extensions["focus.my_data"].start(job_id, principal.user_id)
    return redirect(url_for("accounts.data"), code=303)


@blueprint.get("/account/data/exports/<int:job_id>")
@login_needed
def export_state(job_id: int) -> ResponseReturnValue:
    """How far an export has come, for the page that shows it."""
    return jsonify(my_data.export_dict(my_data.get_export(db.session(), current_principal(), job_id)))


@blueprint.get("/account/data/exports/<int:job_id>/file")
@login_needed
def export_file(job_id: int) -> ResponseReturnValue:
    """The finished zip."""
    path = my_data.export_file(db.session(), current_principal(), job_id, instance=settings().INSTANCE)
    answer: Response = send_file(
        path, mimetype="application/zip", as_attachment=True, download_name="my-focus-data.zip"
    )
    return answer


@blueprint.post("/account/data/sessions/delete")
@login_needed
def delete_sessions() -> ResponseReturnValue:
    """Delete every session; the account stays."""
    if request.form.get("word") != "DELETE":
        flash("Nothing is deleted: type DELETE in capital letters.", "wrong")
        return redirect(url_for("accounts.data"), code=303)
    ids = my_data.delete_all_recordings(db.session(), current_principal())
    db.session.commit()
    _tell_engine(ids)
    flash(f"{len(ids)} session(s) are deleted.", "good")
    return redirect(url_for("accounts.data"), code=303)


@blueprint.post("/account/delete")
@login_needed
def delete_account() -> ResponseReturnValue:
    """Delete the account with everything that hangs on it."""
    form, principal = DeleteAccountForm(), current_principal()
    if not form.validate_on_submit():
        return _data_page(form), 422
    try:
        accounts.require_password(accounts.get_user(db.session(), principal.user_id), form.current.data)
        removal = my_data.delete_account(db.session(), principal, instance=settings().INSTANCE)
    except AuthenticationError as error:
        db.session.rollback()
        form.current.errors = (sentence(error),)
        return _data_page(form), 422
    except ConflictError as error:
        db.session.rollback()
        form.word.errors = (sentence(error),)
        return _data_page(form), 409
    db.session.commit()
    my_data.remove_files(removal)
    _tell_engine(removal.recording_ids)
    leave()
    flash("Your account and everything in it is deleted.", "good")
    return redirect(url_for("sessions.home"), code=303)


def _tell_engine(recording_ids: list[str] | tuple[str, ...]) -> None:
    for recording_id in recording_ids:
        current_app.extensions["focus.engine"].look_again(recording_id)


def _data_page(form: DeleteAccountForm | None = None) -> str:
    principal = current_principal()
    return render_template(
        "accounts/data.html",
        exports=my_data.list_exports(db.session(), principal)[:5],
        looks=looks.looks_at(db.session(), principal.user_id),
        n_sessions=recordings.count_recordings(db.session(), principal),
        form=form or DeleteAccountForm(formdata=None),
        has_password=accounts.get_user(db.session(), principal.user_id).password_hash is not None,
        export_days=settings().EXPORT_DAYS,
    )
