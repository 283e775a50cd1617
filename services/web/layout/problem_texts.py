"""Sentences for problems of the API: what went wrong, and what to do, for whoever looks at the page."""

from collections.abc import Mapping

from services.web.layout.marked import N_

AWAY = N_("The service is not available at the moment. Nothing was changed; try again shortly.")
LINK_IS_OLD = N_("The link is not valid: it was used, was replaced, or has expired. Ask for a new one.")
NO_KEY = N_("The API key is not valid. Ask an administrator of the organization for a new one.")
ON_HOLD = N_("The machine is on legal hold, so its data stay as they are. An administrator can end the hold.")

# By the code of a problem, or by that of its class for those that need no sentence of their own.
GENERAL: Mapping[str, str] = {
    "bad-request": N_("The request was not understood. Reload the page and try again."),
    "unauthenticated": N_("Your session has ended. Sign in again."),
    "signed-out": N_("Your session has ended. Sign in again."),
    "access-ended": N_("Your access has ended or changed. Sign in again."),
    "forbidden": N_("Your role does not allow this. Ask an administrator of your organization."),
    "not-found": N_("This does not exist, or it belongs to another organization."),
    "method-not-allowed": N_("This cannot be done here. Reload the page and try again."),
    "conflict": N_(
        "This conflicts with the current state, which may have changed in the meantime. Reload the page and"
        " try again."
    ),
    "too-large": N_("This is larger than is allowed. Send less at once."),
    "unsupported-media-type": N_("This kind of content is not accepted here. Send a file through the form."),
    "invalid-payload": N_("Some entries are not valid. Nothing was saved; correct those listed here."),
    "too-many-requests": N_("Too many requests. Wait a minute, then try again."),
    "too-many-at-once": N_(
        "Your organization has {maximum} of these under way. Try again when one has ended."
    ),
    "unsendable": N_("A value is nested too deeply, or a number is too large. Correct it and send it again."),
    "internal": N_(
        "Something went wrong on our side and was logged. If it happens again, tell the operator of this"
        " installation."
    ),
    "bad-gateway": N_("The platform does not respond. Nothing is lost; try again shortly."),
    "unavailable": AWAY,
    # On the way to a service
    "service-down": AWAY,
    "api-broken": N_("The platform does not respond. Nothing is lost; try again shortly."),
    "answer-broken": N_("The connection broke. Check whether your change was made before you repeat it."),
    "answer-too-late": N_(
        "The answer took too long. Check whether your change was made before you repeat it."
    ),
    "request-too-slow": N_("What you sent arrived too slowly, and was not taken. Send it again."),
    "body-too-large": N_("What you sent is larger than is allowed. Split it up."),
    "headers-too-large": N_("The browser sent too many cookies or headers. Delete the cookies of this page."),
    "address-too-long": N_("The address is too long. Use fewer filters."),
    "rate-limited": N_("Too many requests within a minute. Try again in {retry_after} s."),
    "too-many-connections": N_("Too many connections are open. Close some pages, or try again shortly."),
    "too-many-streams": N_("Too many live views are open. Close some pages of the platform."),
    "two-credentials": N_("The request has an access token and an API key. Send one of them."),
    "in-progress": N_("This is being done already. Wait a moment, then reload the page."),
    "idempotency-key-reused": N_("This was sent before with other content. Reload the page and try again."),
    "invalid-cursor": N_(
        "This page of the list does not exist any more. Start at the beginning of the list."
    ),
    "foreign-form": N_("This form is no longer current. Reload the page and try again."),
    "plain-http": N_(
        "{host} is reached without encryption, so nobody can sign in here. Open the page over https."
    ),
}
ACCOUNTS: Mapping[str, str] = {
    # Signing in
    "wrong-credentials": N_("The e-mail address or the password is wrong."),
    "account-closed": N_("The account is closed. Ask the operator of this installation."),
    "session-ended": N_("Your session has ended. Sign in again."),
    "challenge-ended": N_("This took too long, or there were too many wrong answers. Sign in again."),
    "second-factor-needed": N_("Your account has a second factor. Sign in with it."),
    "wrong-second-factor": N_(
        "The code or passkey is wrong, or the code was already used. Try again, or use another second factor."
    ),
    "wrong-code": N_("The code is wrong. Check the clock of the device, and enter the newest code."),
    "too-many-attempts": N_("Too many attempts. Wait a little, then try again."),
    "sign-in-too-old": N_("You signed in a while ago. Sign out and in again, then repeat this."),
    "sign-in-too-weak": N_(
        "This organization asks for more when you sign in: a second factor, which you can add under Your"
        " account, or the sign-in provider."
    ),
    "own-sign-in-too-weak": N_(
        "Your own sign-in does not meet this rule, so you would lock yourself out. Sign in that way first."
    ),
    "password-sign-in-disabled": N_("There are no passwords here. Sign in through the provider."),
    "token-outdated": N_("Your session does not know this organization yet. Sign out and in again."),
    # The sign-in provider
    "oidc-disabled": N_("There is no sign-in provider here. Sign in with your password."),
    "unknown-flow": N_(
        "This sign-in was begun in another browser, is done already, or has expired. Begin again."
    ),
    "provider-refused": N_("The sign-in provider did not let you in. Try again, or ask its administrator."),
    "provider-unavailable": N_("The sign-in provider is not available at the moment. Try again shortly."),
    "provider-account": N_("Your account signs in through the provider and has no password here."),
    "provider-account-mismatch": N_(
        "The account with your e-mail address belongs to another account at the sign-in provider. Sign in"
        " with that one; if it is gone, ask the operator of this installation."
    ),
    "account-not-verified": N_(
        "There is an account with your e-mail address, but the address was never verified. Reset its"
        " password: the link in the message verifies the address."
    ),
    # Accounts
    "registration-closed": N_("No new accounts are accepted here. Ask the operator of this installation."),
    "registration-needs-invitation": N_("New accounts need an invitation. Ask an administrator for one."),
    "email-taken": N_("There is an account with this e-mail address already. Sign in instead."),
    "email-not-verified": N_("Your e-mail address is not verified yet. We have sent you a link."),
    "email-already-verified": N_("Your e-mail address is verified already."),
    "invalid-link": LINK_IS_OLD,
    "wrong-password": N_("The current password is wrong."),
    "weak-password": N_(
        "This password is too easy to guess: it is common, repeats itself, follows the keyboard, or consists"
        " of names. Use several words that do not belong together, or a password manager."
    ),
    "passkey-refused": N_("The passkey could not be verified. Try again."),
    "passkey-known": N_("This passkey is registered already."),
    "too-many-passkeys": N_("An account has at most {maximum} passkeys. Remove one that you no longer use."),
    "totp-exists": N_("You have an authenticator app already. Remove it first."),
    "totp-not-found": N_("You have no authenticator app. Set one up first."),
    "no-second-factor": N_(
        "Your account has no second factor, so it needs no recovery codes. Add a passkey or an authenticator"
        " app first."
    ),
    "administrators-only": N_("Only an administrator of this installation may do this. Ask its operator."),
    # Organizations and their members
    "slug-taken": N_("The short name {slug} is taken. Choose another one."),
    "last-owner": N_("An organization needs an owner. Make another member an owner first."),
    "owners-only": N_("Only an owner can add, change or remove an owner. Ask one of them."),
    "own-access": N_("You cannot take your own access away. Ask another administrator, or leave."),
    "already-member": N_("{email} is a member of the organization already. Change the role instead."),
    "invitation-for-another": N_("The invitation is for another e-mail address. Ask for one to yours."),
    "role-too-high": N_(
        "An API key cannot be an owner, nor have a higher role than you. Choose a lower one."
    ),
    "expiry-in-past": N_("The key would have expired already. Choose a time in the future."),
    "api-key-refused": NO_KEY,
    "not-confirmed": N_("To delete the organization, enter its name. This cannot be undone."),
    "invalid-retention": N_(
        "Some retention periods are not valid. Nothing was saved; correct those listed here."
    ),
    "too-many-secrets": N_("An organization has at most {maximum} secrets. Remove one first."),
    "feeds-off": N_("This installation has no feeds. Ask its operator."),
    "legal-hold": ON_HOLD,
}
MACHINES: Mapping[str, str] = {
    "too-many-machines": N_(
        "Your organization has {maximum} machines, as many as it may. Delete those that are gone, or ask the"
        " operator of this installation for more."
    ),
    "metadata-too-large": N_("The metadata of a machine have at most {limit} characters. Remove some."),
    "no-baseline": N_(
        "{machine_name} has no baseline yet, so there is nothing to compare with. Upload samples of normal"
        " operation first."
    ),
    "nothing-monitored": N_("{machine_name} has no wear to show yet. Upload later samples to monitor."),
    "nothing-to-compare": N_("{machine_name} has fewer than two baselines. Upload another one."),
    "other-features": N_(
        "This baseline has other features than the active one. Activate it only if the machine's files have"
        " these features now."
    ),
    "baseline-unusable": N_(
        "This analysis cannot serve as the baseline. Choose a completed baseline of this machine."
    ),
    "baseline-in-use": N_(
        "This baseline is the machine's active one, or monitoring runs use it. First activate another"
        " baseline and delete those runs."
    ),
    # Uploads
    "bad-upload": N_("The upload is not complete, or not as expected. Choose the files again."),
    "empty-file": N_("{file} is empty. Export it again."),
    "too-many-files": N_("At most {maximum} files are accepted at once. Send them in several uploads."),
    "bad-file-name": N_(
        "A file has no usable name: it is missing, too long, or unreadable. Rename the file."
    ),
    "broken-form": N_("The upload broke off, or is malformed. Send it again."),
    "upload-too-large": N_(
        "The upload is larger than {max_bytes:size}. Split it into several analyses, or compress it (.csv.gz,"
        " Parquet)."
    ),
    "preview-too-large": N_("A preview takes at most {max_bytes:size}. The analysis itself takes more."),
    "quota-exceeded": N_(
        "This would be more than your organization may store or analyse at once. Try again later, delete"
        " analyses, or ask the operator of this installation for more."
    ),
    # Analyses
    "not-complete": N_("The analysis is not completed. Wait until it is."),
    "analysis-archived": N_("The analysis is archived. Restore it to see its samples again."),
    "archive-expired": N_(
        "The archive was deleted on {expired_at}, after its retention. Upload the samples again."
    ),
    "not-archivable": N_("This analysis cannot be archived."),
    "not-archived": N_("Only archived analyses can be restored."),
    "upload-shared": N_("The analysis shares its upload with another one, so it cannot be archived."),
    "being-deleted": N_("The analysis is being deleted already."),
    "too-many-runs": N_(
        "{runs} runs use this baseline, but at most {maximum} can be deleted together with one. Delete some"
        " of them first."
    ),
    "quality-unknown": N_(
        "The quality of these data was not recorded: the run was imported, or dates from before quality was"
        " recorded."
    ),
    "bad-range": N_("The period or range is not valid. Choose another one."),
    "two-thresholds": N_("The threshold is set in two ways at once. Set it in one of them."),
    # Sources
    "place-not-allowed": N_("This installation does not allow such a place. Ask its operator."),
    "secret-needed": N_(
        "Enter the password or key for this place. A stored one is sent only to the place that it was saved"
        " for."
    ),
    "source-name-taken": N_("The machine has a source {name} already. Choose another name."),
    "source-off": N_("The source {name} is switched off. Switch it on first."),
    "too-many-sources": N_("A machine has at most {maximum} sources. Delete one first."),
}
ALERTING: Mapping[str, str] = {
    "alert_not_found": N_("This alert does not exist, or it belongs to another organization."),
    "alert_resolved": N_("The alert is resolved. Reopen it first, if its rule still exists."),
    "alert_open": N_("The alert is open already."),
    "alert_pending": N_(
        "The alert has not been raised yet: its condition must hold for longer. Wait for it."
    ),
    "another_alert_open": N_("The rule has opened another alert since. Continue with that one."),
    "alert_acknowledged": N_(
        "Somebody else has acknowledged the alert. Add a comment, or withdraw that acknowledgement first."
    ),
    "member_not_found": N_("This person is not an active member of the organization."),
    "expires_in_the_past": N_(
        "The end of the acknowledgement must be in the future. Choose a later time, or none."
    ),
    "empty_period": N_("The period is empty. Its end must come after its beginning."),
    "no_period": N_("The period must begin before it ends, and take at most {max_days} days."),
    "alert_budget_not_found": N_("Your organization has no alert budget yet. Set one first."),
    "link-not-valid": N_(
        "The link no longer works: it can be used once, within two days, and only until the alert is"
        " resolved. Sign in to see the alert."
    ),
    # Rules and whom they tell
    "bad-condition": N_("The condition is not valid JSON, at line {line}, column {column}."),
    "invalid-rule": N_("The rule is not valid. Nothing was saved; correct the entries listed here."),
    "rule_template_not_found": N_("This template does not exist, or it belongs to another organization."),
    "too_many_rule_templates": N_("An organization has at most {limit} templates. Delete one first."),
    "name-taken": N_("The name {name} is taken. Choose another one."),
    "in-use": N_("{name} cannot be renamed or deleted while {user} notifies it. Change {user} first."),
    "too-many-rules": N_("The machine has {maximum} rules already. Delete those that nobody needs."),
    "too-many": N_("Your organization has as many of these as it may. Delete one first."),
    "invalid-target": N_(
        "Messages cannot be sent there. Nothing was saved; correct the entries listed here."
    ),
    "nobody-to-test": N_(
        "No test message can be sent: nobody is on call, the person has left, or the address can no longer be"
        " used."
    ),
    "nothing-to-confirm": N_("No mail is sent: the mailbox is confirmed already, or this is no mailbox."),
    "too-many-confirmations": N_("Mails to confirm were sent a short while ago. Try again later."),
    "confirmation-not-valid": N_(
        "The link no longer works: it is valid for seven days, and only while the contact point has this"
        " address. An administrator can send a new one."
    ),
    "cannot-redeliver": N_(
        "The message cannot be sent again: it is under way, was replaced, or its rule or machine is gone."
    ),
    # Shifts and quiet times
    "not-your-shift": N_(
        "You may take over a shift, or give one of your own away. Ask an administrator to arrange others."
    ),
    "not-a-member": N_("Not everybody is a member of the organization. Nothing was saved."),
    "too-many-overrides": N_(
        "The rotation has reached the maximum number of substitutions. Withdraw one first."
    ),
    "period-too-long": N_("The period must begin before it ends, and take at most a year."),
    "already-ended": N_("The end must be in the future. Nothing was saved."),
    "invalid-end": N_("The end must be in the future, and at most 90 days after the beginning."),
    "invalid-window": N_(
        "The maintenance window is not valid. Nothing was saved; correct the entries listed here."
    ),
    "silences-everything": N_(
        "Choose a machine, a rule, a location or a tag. To keep a whole plant quiet, plan maintenance."
    ),
}
PROBLEMS: Mapping[str, str] = {**GENERAL, **ACCOUNTS, **MACHINES, **ALERTING}
