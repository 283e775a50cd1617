"""The settings that make Apache Kafka ask for logins, encrypt and know rights, as in `docker-compose.yml`."""

from __future__ import annotations

from collections.abc import Mapping

from dinsight.installation import BROKER_ADMINISTRATOR

# Where programs connect, and where the broker and its controller meet.
LISTENER, CONTROLLER = "PLATFORM", "CONTROLLER"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def security_settings(*, password: str, keystore: str, authority: str) -> Mapping[str, str]:
    """Properties of the broker. `password` is the administrator's; the files are PEM.

    The administrator is the one user that the broker knows by itself. All others have SCRAM verifiers and
    rights, which `dinsight provision topics` sets.
    """
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    name = BROKER_ADMINISTRATOR
    plain = f'{login} username="{name}" password="{password}" user_{name}="{password}";'
    listener, controller = (f"listener.name.{name.lower()}" for name in (LISTENER, CONTROLLER))
    return {
        "inter.broker.listener.name": LISTENER,
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"{listener}.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        f"{listener}.plain.sasl.jaas.config": plain,
        f"{listener}.scram-sha-512.sasl.jaas.config": SCRAM,
        f"{controller}.sasl.enabled.mechanisms": "PLAIN",
        f"{controller}.plain.sasl.jaas.config": plain,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER_ADMINISTRATOR}",
    }
