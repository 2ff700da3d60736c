"""The blueprint that the modules of this package share, and its forms."""

from __future__ import annotations

from flask import Blueprint, current_app
from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import DataRequired, Length

from focus.services.groups import MAX_NAME_LENGTH

blueprint = Blueprint("groups", __name__, url_prefix="/groups", template_folder="../templates")


class GroupForm(FlaskForm):  # type: ignore[misc]
    """A new group, or another name for one."""

    name = StringField(
        "Name of the group", [DataRequired("Please give the group a name."), Length(max=MAX_NAME_LENGTH)]
    )


class InviteForm(FlaskForm):  # type: ignore[misc]
    """An address to invite."""

    email = EmailField("E-mail address", [DataRequired("Please give an e-mail address."), Length(max=254)])


def tell_engine(recording_ids: list[str]) -> None:
    """Have the engine notice that these recordings were closed."""
    for recording_id in recording_ids:
        current_app.extensions["focus.engine"].look_again(recording_id)
