"""Sentences for sources: why the files of a watched place do not arrive."""

from collections.abc import Mapping

from services.web.layout.marked import N_

SOURCES: Mapping[str, str] = {
    "too-many-files": N_(
        "The place has more than {maximum} files. Watch a folder with fewer, or move away old files."
    ),
    "listing-slow": N_(
        "The place's list of files took longer than {seconds:g} s. Watch a folder with fewer files, or move"
        " old ones away."
    ),
    "too-slow": N_("“{file}” did not arrive within {seconds:g} s, and others wait behind it."),
    "file-unreadable": N_("“{file}” cannot be read, or has gone."),
    "file-name": N_("“{file}” has a name that is not accepted. Rename it."),
    "folder-missing": N_("The folder “{folder}” cannot be read. Check its name, and who may read it."),
    "folder-silent": N_(
        "The folder “{folder}” does not answer. If it is on a network share, the share is unavailable or"
        " hangs."
    ),
    "bucket-refused": N_(
        "The store refuses the access key. It must be allowed to list and to read this bucket."
    ),
    "bucket-missing": N_("There is no such bucket in this region."),
    "bucket-unavailable": N_("The store cannot be reached, or does not answer."),
    "sign-in-refused": N_("The server refuses the user with this password or key."),
    "bad-private-key": N_("The private key cannot be read. Send an OpenSSH or PEM key without a passphrase."),
    "host-unknown": N_("The name “{host}” is not known."),
    "host-unreachable": N_("{host}, port {port}, cannot be reached, or does not answer."),
    "host-not-allowed": N_(
        "The server's address is not public, so no connection was made. An operator of the installation can"
        " allow private addresses."
    ),
    "host-key-changed": N_(
        "The server presented a different key than expected, so DInsight did not sign in. If the server was"
        " reinstalled, check its new key and send that; otherwise somebody may be intercepting the"
        " connection."
    ),
    "host-key-unknown": N_(
        "The server showed the key {fingerprint}. If that is the key of your server, send it with the source."
    ),
    "secret-lost": N_("The source's secret can no longer be decrypted. Send it again."),
    "internal": N_(
        "The source could not be checked because of an error on our side. It will be tried again."
    ),
}
