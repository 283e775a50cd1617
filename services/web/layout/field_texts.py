"""What is wrong with a field, after its name and a colon; and the names of fields as forms have them.

Most codes are the types of pydantic's errors (https://docs.pydantic.dev/latest/errors/validation_errors/).
"""

from collections.abc import Mapping

from services.web.layout.marked import N_

NOT_A_TIME = N_("is not a date and a time.")
NOT_WHOLE = N_("is not a whole number.")
NOT_A_NUMBER = N_("is not a number.")
NOT_YES_OR_NO = N_("is neither yes nor no.")
FIELDS: Mapping[str, str] = {
    "missing": N_("is required."),
    "string_too_short": N_("needs at least {min_length} characters."),
    "string_too_long": N_("may have at most {max_length} characters."),
    "string_pattern_mismatch": N_("does not have the required form."),
    "string_type": N_("is not a text."),
    "too_short": N_("needs at least {min_length} entries."),
    "too_long": N_("may have at most {max_length} entries."),
    "greater_than": N_("must be more than {gt}."),
    "greater_than_equal": N_("must be at least {ge}."),
    "less_than": N_("must be less than {lt}."),
    "less_than_equal": N_("must be at most {le}."),
    "finite_number": NOT_A_NUMBER,
    "float_parsing": NOT_A_NUMBER,
    "float_type": NOT_A_NUMBER,
    "int_parsing": NOT_WHOLE,
    "int_type": NOT_WHOLE,
    "int_from_float": NOT_WHOLE,
    "bool_parsing": NOT_YES_OR_NO,
    "bool_type": NOT_YES_OR_NO,
    "uuid_parsing": N_("is not a valid id."),
    "datetime_parsing": NOT_A_TIME,
    "datetime_from_date_parsing": NOT_A_TIME,
    "datetime_object_invalid": NOT_A_TIME,
    "datetime_type": NOT_A_TIME,
    "timezone_aware": N_("needs a time zone."),
    "literal_error": N_("must be {expected}."),
    "enum": N_("must be {expected}."),
    "extra_forbidden": N_("is not a known field."),
    "json_invalid": N_("is not valid JSON."),
    # Our own
    "config_invalid": N_("is not valid."),
    "duration": N_("is not a length of time, such as P1D or PT15M."),
    "zone": N_("is not a time zone, such as Europe/Berlin."),
    "wall_clock": NOT_A_TIME,
    "window_length": N_("must be longer than zero and at most 31 days."),
    "shift_length": N_("must be between an hour and 91 days."),
    "members_once": N_("names somebody twice."),
    "ends_before_start": N_("must come after the beginning."),
    "too_long_ago": N_(
        "is too far in the past: the window is already over, or began more than 50 years ago."
    ),
    "not_a_member": N_("is not an active member of the organization."),
    "no_such_contact": N_("names {name}, which does not exist. Create it first."),
    "secret": N_(
        "must be base64 of {shortest} to {longest} random bytes: openssl rand -base64 32 makes one."
    ),
    "secret_needed": N_("is needed: a secret signs the messages."),
    "url": N_("must be a web address, such as https://example.org/hook, without user or password."),
    "note_needed": N_("is needed for a comment."),
    # Rules
    "version": N_("must be 1."),
    "not_evaluated": N_("is not supported yet. Leave it out."),
    "bounds": N_("must be [lowest, highest]."),
    "values": N_("must be a list of values, because op is “in”."),
    "value": N_("must be a single value, because op is “{op}”."),
    "window": N_("must be longer than zero and at most {most}."),
    "dedupe": N_('must be ["rule", "machine"].'),
    "recipient": N_("must be user: and the id of a member."),
    "repeat": N_("must be at least PT5M, so that nobody is flooded."),
    "wait": N_("is longer than allowed."),
    # Configurations
    "two_names": N_("is set twice, as sensitivity and as threshold_sigmas. Send only one of them."),
    "two_thresholds": N_("is determined twice, by false_alarm_rate and threshold_sigmas. Send one of them."),
    # Sources
    "way_up": N_("must not contain “..”: name the folder itself."),
    "absolute": N_("must not begin with /: it is relative."),
    "host_key": N_("must be a public key as ssh-keyscan prints it."),
}
FIELD_NAMES: Mapping[str, str] = {
    "name": N_("Name"),
    "full_name": N_("Your name"),
    "organization_name": N_("Organization"),
    "email": N_("E-mail address"),
    "password": N_("Password"),
    "new_password": N_("New password"),
    "reason": N_("Reason"),
    "note": N_("Note"),
    "code": N_("Code"),
    "fault_code": N_("Fault code"),
    "location": N_("Location"),
    "locations": N_("Location"),
    "tags": N_("Tag"),
    "role": N_("Role"),
    "starts": N_("Begins"),
    "starts_at": N_("Begins"),
    "ends_at": N_("Until"),
    "duration": N_("Length"),
    "shift": N_("Length"),
    "members": N_("Members"),
    "time_zone": N_("Time zone"),
    "address": N_("Address"),
    "url": N_("Address"),
    "secrets": N_("Secret"),
    "condition": N_("Condition"),
    "severity": N_("Severity"),
    "expires_at": N_("Until"),
}
# Problems whose sentence only points to their fields.
POINTING = frozenset(
    {
        "invalid-payload",
        "bad-request",
        "invalid-rule",
        "invalid-window",
        "invalid-target",
        "invalid-retention",
        "bad-upload",
    }
)
