"""Why a message of an alert was not delivered, by the code that alerting gives it."""

from collections.abc import Mapping

from services.web.layout.marked import N_

UNDELIVERED: Mapping[str, str] = {
    # It was kept back
    "silence": N_("Held back by the silence “{name}”."),
    "maintenance_window": N_("Held back by the maintenance window “{name}”."),
    "muted_time": N_("The rule is muted at this time."),
    "more_severe_alert": N_("A more severe alert of the machine is open, of the rule “{rule}”."),
    "superseded": N_("Replaced by a newer message about the alert."),
    # There is nobody to tell
    "nobody": N_("Nobody can be reached: the role is empty, or nobody is on call."),
    "no_member": N_("The person is no longer an active member."),
    "contact_deleted": N_("The contact point was deleted."),
    "contact_switched_off": N_("The contact point was switched off."),
    "not_confirmed": N_("Whoever reads the mailbox has not confirmed it yet."),
    "reached_by_mail": N_(
        "A contact point of this kind has no address of its own: the people behind it get mail."
    ),
    "webhook_removed": N_("“{channel}” was removed from the rule."),
    "undecryptable": N_(
        "The address or the secret cannot be decrypted. The operator of this installation must restore the"
        " key."
    ),
    # The receiver
    "gone": N_("The receiver has answered that it wants no more messages (410)."),
    "redirected": N_("The receiver answered with a redirect ({status}), which is not followed."),
    "refused": N_("The receiver answered with {status}."),
    "no_answer": N_("The receiver did not answer in time."),
    "no_connection": N_("Could not connect to the receiver ({error})."),
    "request_failed": N_("The request failed ({error})."),
    "invalid_url": N_("The address is not valid."),
    "address_refused": N_(
        "The receiver's address is not public, so no connection was made. An operator of the installation can"
        " allow private addresses."
    ),
    "mail_not_accepted": N_("The mail server did not accept the message ({error})."),
    "chat_not_allowed": N_("{service} is not allowed here, or its address is not valid."),
    "chat_not_accepted": N_("{service} did not accept the message."),
    # We
    "worker_crashed": N_("The program that sent it crashed."),
    "unexpected_error": N_("An unexpected error ({error}). Details are in the log."),
}
