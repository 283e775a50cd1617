"""Sentences for sources: why files of a watched place do not come."""

from collections.abc import Mapping

from services.web.layout.marked import N_

SOURCES: Mapping[str, str] = {
    "folder-missing": N_("The folder “{folder}” cannot be read."),
    "folder-silent": N_("The folder “{folder}” does not answer: its network share is away, or hangs."),
    "bucket-missing": N_("The bucket is not in this region."),
    "bucket-unavailable": N_("The bucket's store cannot be reached, or does not answer."),
    "bucket-refused": N_(
        "The bucket's store refuses the access key. It must be allowed to list and to read."
    ),
    "host-unknown": N_("The name {host} is not known."),
    "host-unreachable": N_("{host}, port {port}, cannot be reached, or does not answer."),
    "host-key-unknown": N_("The server showed the key {fingerprint}. Confirm it if it is your server's."),
    "host-key-changed": N_("The server shows another key than before, so nobody signed in."),
    "host-not-allowed": N_("The server has a private address, which the operator has to allow."),
    "place-not-allowed": N_("The operator does not allow such a place."),
    "sign-in-refused": N_("The server refuses the user, with this password or key."),
    "bad-private-key": N_("The private key cannot be read. Enter one without a passphrase."),
    "secret-lost": N_("The secret cannot be read any more. Enter it again."),
    "too-many-files": N_("The place has more than {maximum} files. Move old ones away."),
    "listing-slow": N_("The list of files took longer than {seconds} s. Move old files away."),
    "internal": N_("An internal error occurred. The source is tried again."),
}
