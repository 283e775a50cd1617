"""Administration of a broker with logins: its users and what each may do. aiokafka cannot do either."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports them by importing them
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from shared.settings import InstallationSettings

REQUEST_SECONDS = 15.0
# Passwords are random, so more rounds would only slow down every connection.
ITERATIONS = 8192
CLUSTER = "kafka-cluster"


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that a user may do: `operation` is `read`, `write`, ...; `resource` topic, group or broker.

    With `prefixed`, it holds for all names that begin with `name`.
    """

    resource: str
    name: str
    operation: str
    prefixed: bool = False


class BrokerAdministration:
    """Its methods raise KafkaException."""

    def __init__(self, settings: InstallationSettings) -> None:
        self._settings = settings

    async def set_user(self, user: str, password: str) -> None:
        """Create the user, or change its password."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        change = UserScramCredentialUpsertion(user, credential, password.encode())
        client = self._client()
        await _all(client.alter_user_scram_credentials([change], request_timeout=REQUEST_SECONDS))

    async def delete_user(self, user: str) -> None:
        """Delete the user and its rights; nothing happens to one that does not exist."""
        client = self._client()
        await self._set_rights(client, user, ())
        known = await _one(client.describe_user_scram_credentials(request_timeout=REQUEST_SECONDS))
        if user in known:
            change = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
            await _all(client.alter_user_scram_credentials([change], request_timeout=REQUEST_SECONDS))

    async def set_rights(self, user: str, rights: Collection[Right]) -> None:
        """Let the user do this and nothing else."""
        client = self._client()
        await self._set_rights(client, user, rights)

    async def rights(self, user: str) -> set[Right]:
        client = self._client()
        return {_right(binding) for binding in await _bindings(client, user)}

    async def _set_rights(self, client: AdminClient, user: str, rights: Collection[Right]) -> None:
        present = {_right(binding): binding for binding in await _bindings(client, user)}
        missing = [_binding(user, right) for right in rights if right not in present]
        surplus = [_filter(binding) for right, binding in present.items() if right not in rights]
        # First what is new: at no moment may the user do less than before and after.
        if missing:
            await _all(client.create_acls(missing, request_timeout=REQUEST_SECONDS))
        if surplus:
            await _all(client.delete_acls(surplus, request_timeout=REQUEST_SECONDS))

    def _client(self) -> AdminClient:
        """It ends, and fails what it was asked, when nobody refers to it any more."""
        settings = self._settings
        config: dict[str, Any] = {
            "bootstrap.servers": settings.kafka_bootstrap,
            "client.id": "dinsight-administration",
            "security.protocol": settings.kafka_security_protocol,
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password.get_secret_value(),
            # What goes wrong is raised; the client would also write it to stderr.
            "log_level": 0,
        }
        if settings.kafka_ca:
            config["ssl.ca.location"] = settings.kafka_ca
        return AdminClient(config)


def _principal(user: str) -> str:
    return f"User:{user}"


async def _bindings(client: AdminClient, user: str) -> list[AclBinding]:
    wanted = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name, and below any host, as the class documents
        ResourcePatternType.ANY,
        _principal(user),
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found: list[AclBinding] = await _one(client.describe_acls(wanted, request_timeout=REQUEST_SECONDS))
    return found


def _binding(user: str, right: Right) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    resource, operation = ResourceType[right.resource.upper()], AclOperation[right.operation.upper()]
    return AclBinding(
        resource, right.name, pattern, _principal(user), "*", operation, AclPermissionType.ALLOW
    )


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _right(binding: AclBinding) -> Right:
    prefixed = binding.resource_pattern_type is ResourcePatternType.PREFIXED
    return Right(_name(binding.restype), binding.name, _name(binding.operation), prefixed)


def _name(value: Any) -> str:
    name: str = value.name
    return name.lower()


async def _one(future: Any) -> Any:
    return await asyncio.wrap_future(future)


async def _all(futures: Mapping[Any, Any]) -> None:
    outcomes = await asyncio.gather(*map(_one, futures.values()), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


__all__ = ["CLUSTER", "BrokerAdministration", "KafkaException", "Right"]
