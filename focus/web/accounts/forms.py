"""Forms of log-in and account pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    FloatField,
    IntegerField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    AnyOf,
    DataRequired,
    EqualTo,
    Length,
    NumberRange,
    Optional,
    ValidationError,
)
from wtforms.widgets import CheckboxInput, ListWidget

from focus.analysis.metrics.breaks import MAX_LIMIT_MIN
from focus.errors import ParameterError
from focus.services.accounts import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, normalise_email
from focus.services.profile import ProfileAnswers

SCOPES: Final = (
    SelectChoice("frames:write", "Send frames: a tracker needs this"),
    SelectChoice("recordings:read", "Read sessions: a script that fetches results needs this"),
)
LIFETIMES_DAYS: Final = (
    SelectChoice("30", "30 days"),
    SelectChoice("90", "90 days"),
    SelectChoice("365", "1 year"),
    SelectChoice("0", "no end"),
)


class LogInForm(FlaskForm):  # type: ignore[misc]
    """E-mail address and password."""

    email = EmailField("E-mail address", [DataRequired("Please give your e-mail address."), Length(max=254)])
    password = PasswordField("Password", [DataRequired("Please give your password."), Length(max=MAX_PASSWORD_LENGTH)])


class TokenForm(FlaskForm):  # type: ignore[misc]
    """A new API token."""

    name = StringField(
        "Name",
        [DataRequired("Please give the token a name, so that you know it again."), Length(max=120)],
        filters=[lambda text: text.strip() if text else text],
    )
    scopes = SelectMultipleField(
        "What it may do",
        [DataRequired("Please tick at least one thing that the token may do.")],
        choices=SCOPES,
        default=["frames:write"],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    lifetime_days = SelectField("Works for", choices=LIFETIMES_DAYS, default="90")

    def lifetime(self) -> timedelta | None:
        """How long the token works; None for ever."""
        days = int(self.lifetime_days.data)
        return timedelta(days=days) if days else None


def _new_password(label: str) -> PasswordField:
    return PasswordField(
        label,
        [
            DataRequired("Please give the new password."),
            Length(
                MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH, f"A password has at least {MIN_PASSWORD_LENGTH} characters."
            ),
        ],
    )


def _end_tokens() -> BooleanField:
    return BooleanField("Revoke my API tokens, too: whatever uses one, as a tracker, needs a new one")


def _address(label: str) -> EmailField:
    return EmailField(label, [DataRequired("Please give your e-mail address."), Length(max=254), _is_address])


def _is_address(_form: FlaskForm, field: EmailField) -> None:
    try:
        normalise_email(field.data or "")
    except ParameterError:
        raise ValidationError("This is not an e-mail address.") from None


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """Another password, or the first one of an account that was entered by a link."""

    current = PasswordField("Current password", [Length(max=MAX_PASSWORD_LENGTH)])
    new = _new_password("New password")
    again = PasswordField("New password again", [EqualTo("new", "The two new passwords are not the same.")])
    end_tokens = _end_tokens()


class RegisterForm(FlaskForm):  # type: ignore[misc]
    """A new account."""

    email = _address("E-mail address")
    display_name = StringField("Name to show (may be left empty)", [Length(max=120)])
    new = _new_password("Password")
    again = PasswordField("Password again", [EqualTo("new", "The two passwords are not the same.")])


class VerifyForm(FlaskForm):  # type: ignore[misc]
    """The password that was chosen at registration."""

    password = PasswordField("Password", [DataRequired("Please give your password."), Length(max=MAX_PASSWORD_LENGTH)])


class ForgotForm(FlaskForm):  # type: ignore[misc]
    """The address of an account whose password is forgotten."""

    email = _address("E-mail address")


class ResetForm(FlaskForm):  # type: ignore[misc]
    """A new password, by a mailed link."""

    new = _new_password("New password")
    again = PasswordField("New password again", [EqualTo("new", "The two new passwords are not the same.")])
    end_tokens = _end_tokens()


class EmailForm(FlaskForm):  # type: ignore[misc]
    """Another address for one's account."""

    email = _address("New e-mail address")
    # The page has another field of this name.
    current = PasswordField("Current password", [Length(max=MAX_PASSWORD_LENGTH)], id="email-current")


class PressForm(FlaskForm):  # type: ignore[misc]
    """A button and nothing else."""


class DeleteAccountForm(FlaskForm):  # type: ignore[misc]
    """The last question before everything is deleted."""

    word = StringField("Type DELETE", [AnyOf(["DELETE"], "Please type DELETE in capital letters.")])
    current = PasswordField("Current password", [Length(max=MAX_PASSWORD_LENGTH)])


_MINUTES: Final = NumberRange(1, MAX_LIMIT_MIN, f"Give whole minutes from 1 to {MAX_LIMIT_MIN}.")


class ProfileForm(FlaskForm):  # type: ignore[misc]
    """Questions about oneself; an empty answer is none."""

    display_name = StringField("Name to show", [Length(max=120)])
    birth_year = IntegerField("Year of birth", [Optional(), NumberRange(1850, 2200, "This is not a year.")])
    screen_h_per_day = FloatField("Hours of screen time a day", [Optional(), NumberRange(0, 24, "A day has 24 hours.")])
    sleep_h_per_night = FloatField("Hours of sleep a night", [Optional(), NumberRange(0, 24, "A day has 24 hours.")])
    eye_strain = SelectField(
        "Strained or dry eyes",
        choices=[
            SelectChoice("", "no answer"),
            SelectChoice("never", "never"),
            SelectChoice("sometimes", "sometimes"),
            SelectChoice("often", "often"),
        ],
        default="",
    )
    correction = SelectField(
        "Glasses or lenses",
        choices=[
            SelectChoice("", "no answer"),
            SelectChoice("none", "neither"),
            SelectChoice("glasses", "glasses"),
            SelectChoice("lenses", "lenses"),
            SelectChoice("both", "both"),
        ],
        default="",
    )

    short_break_min = IntegerField("Minutes until a break is due", [Optional(), _MINUTES])
    long_break_min = IntegerField("Minutes until a long break is due", [Optional(), _MINUTES])

    def answers(self) -> ProfileAnswers:
        """What was answered; ParameterError if it makes no sense."""
        return ProfileAnswers(
            display_name=(self.display_name.data or "").strip(),
            birth_year=self.birth_year.data,
            screen_h_per_day=self.screen_h_per_day.data,
            sleep_h_per_night=self.sleep_h_per_night.data,
            eye_strain=self.eye_strain.data or None,
            correction=self.correction.data or None,
            short_break_min=self.short_break_min.data,
            long_break_min=self.long_break_min.data,
        )
