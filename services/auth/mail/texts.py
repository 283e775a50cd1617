"""What messages say: plain text, one template per kind."""

FOOTER = """
You receive this message because of an account or an invitation at {base}. Replies are not monitored.
"""

VERIFICATION = """
Someone, probably you, created a DInsight account with this e-mail address. To confirm that the address is
yours, open this link:

{link}

The link can be used once, until {until}. If you did not create an account, ignore this message.
"""

REGISTRATION_REPEATED = """
Someone, probably you, tried to create a DInsight account with this e-mail address. You already have an
account, and it was not changed.

If this was you, sign in, or reset your password if you have forgotten it. Otherwise, ignore this message.
"""

RESET = """
Someone, probably you, asked to reset the password of your DInsight account. To set a new password, open this
link:

{link}

The link can be used once, until {until}. A new password ends all your sessions. If you did not ask for this,
ignore this message: your password stays the same.
"""

RESET_AT_PROVIDER = """
Someone, probably you, asked to reset the password of your DInsight account. The account has no password: it
signs in through {issuer}. If you cannot sign in there, contact the people who run that provider.
"""

CHANGED = """
The password of your DInsight account was changed on {at}, and your other sessions were ended.

If you did not do this, reset your password immediately and tell an administrator of your organization.
"""

PROVIDER_LINKED = """
On {at}, your DInsight account was linked to your account at {issuer}. From now on, sign in through that
provider. Your password no longer works, your sessions were ended, and second factors of your account were
removed: add them again after you have signed in.

If you did not do this, tell an administrator of your organization.
"""

PROVIDER_REFUSED = """
On {at}, someone tried to sign in to your DInsight account through {issuer}. The account that they used there
has your e-mail address, but is not the one that your DInsight account is linked to. The sign-in was refused.

If your account at the provider was recreated, ask the operator of your DInsight installation to remove the
old link. Otherwise, tell an administrator of your organization.
"""

SECOND_FACTOR_CHANGED = """
The second factors of your DInsight account were changed on {at}: an authenticator app, a passkey or the
recovery codes. Your account page shows what there is now.

If you did not do this, change your password, end all other sessions and tell an administrator of your
organization.
"""

SECOND_FACTORS_REMOVED = """
On {at}, an administrator of the installation removed all second factors and recovery codes of your DInsight
account, and ended its sessions. Sign in with your password, and add a new second factor on your account page.

If you have not asked for this, change your password now and tell an administrator of the installation.
"""
SECOND_FACTOR_FAILED = """
On {at}, someone entered the password of your DInsight account and then failed several times at the second
factor. They were not signed in.

If this was not you, somebody knows your password: change it now.
"""

RECOVERY_CODE_USED = """
On {at}, someone signed in to your DInsight account with one of its recovery codes, which does not work again.

If this was not you, change your password, make new recovery codes and end all other sessions.
"""

GUESSED = """
By {at}, so many wrong passwords had been entered for your DInsight account that sign-ins from unknown
browsers are now delayed. None of these attempts succeeded. Browsers in which you have signed in before are
not delayed.

If you have to wait in another browser, reset your password there: after that, you can sign in at once. A
second factor protects the account even if somebody guesses the password. You can add one on your account
page.
"""

BACKUPS_LATE = """
The DInsight installation at {base} has had no good backup for more than a day. {last} If its machine fails
now, what was written since then may be lost.

Run `dinsight status` and read the log of the program `backup`; the chapter "Backups" of the operations manual
says what to do. You get this message once a day until a backup is verified, because you are an administrator
of the installation.
"""
BACKUP_LAST = "The last one that was verified ended on {at}."
BACKUP_NEVER = "No backup of it was ever verified."

INVITATION = """
A user named {inviter} invited you to join the organization {organization} on DInsight as {role}. Both names
were entered by users, and DInsight has not checked them. To accept, open this link:

{link}

If you do not have an account yet, create one with this e-mail address and the token in the link. The
invitation can be used once, until {until}. If you do not know the sender, ignore this message.
"""
