"""Sensitive metadata: sealed, shown to administrators only, and neither published nor audited."""

import base64
from typing import Any
from uuid import uuid4

import pytest

from services.machines.domain import Machine
from services.machines.encrypted import COLUMNS
from services.machines.errors import MetadataTooLarge
from services.machines.sealing import MetadataSealer, value_purpose
from services.machines.service import MachineService
from shared.access import Caller, Role
from shared.audit import HIDDEN, Auditor
from shared.crypto import EncryptionError, Encryptor
from shared.errors import Forbidden
from shared.events.auth import AUDIT_RECORDED
from shared.events.machines import MACHINE_CHANGED
from tests.support.fakes import FakeClock, caller
from tests.unit.machines.fakes import FakeUnits

KEYS = "test:" + base64.b64encode(b"k" * 32).decode()
OTHER = "other:" + base64.b64encode(b"o" * 32).decode()


class Setting:
    def __init__(self, keys: str = KEYS) -> None:
        clock = FakeClock()
        self.units, self.admin = FakeUnits(), caller()
        self.service = MachineService(
            clock, uuid4, Auditor(clock), MetadataSealer(Encryptor(keys)), maximum=3
        )

    async def register(self, **values: Any) -> Machine:
        async with self.units(self.admin.scope) as unit:
            return await self.service.register(unit, self.admin, {"name": "Rig", **values})

    async def change(self, machine: Machine, **changes: Any) -> Machine:
        async with self.units(self.admin.scope) as unit:
            return await self.service.change(unit, self.admin, machine.id, changes)

    def shown(self, machine: Machine, to: Caller | None = None) -> dict[str, Any]:
        return dict(self.service.shown_metadata(to or self.admin, machine))

    def told(self) -> str:
        outbox = self.units.outbox
        return str([*outbox.payloads(MACHINE_CHANGED), *outbox.payloads(AUDIT_RECORDED)])


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def registered(setting: Setting) -> Machine:
    return await setting.register(metadata={"plc": "canary", "kw": 75}, sensitive_metadata=["plc"])


async def test_values_are_sealed_and_told_nobody(setting: Setting) -> None:
    machine = await registered(setting)
    assert "canary" not in str(machine)
    assert machine.metadata == {"kw": 75}
    await setting.change(machine, metadata={"plc": "canary 2"})
    assert "canary" not in setting.told()
    assert HIDDEN in setting.told()


@pytest.mark.parametrize("role", list(Role))
async def test_administrators_alone_see_the_values(setting: Setting, role: Role) -> None:
    machine = await registered(setting)
    expected = {"plc": "canary", "kw": 75} if role >= Role.ADMIN else {"kw": 75}
    assert setting.shown(machine, caller(role=role)) == expected


@pytest.mark.parametrize(
    ("changes", "shown", "names"),
    [
        ({"metadata": {"kw": 80}}, {"plc": "canary", "kw": 80}, {"plc"}),
        ({"metadata": {"plc": "new"}}, {"plc": "new"}, {"plc"}),
        # The name stays listed: the next value is sealed, too.
        ({"metadata": {"plc": None}}, {}, {"plc"}),
        ({"name": "Rig 2"}, {"plc": "canary", "kw": 75}, {"plc"}),
        # Nothing becomes plain by itself.
        ({"sensitive_metadata": []}, {"kw": 75}, set()),
        ({"sensitive_metadata": [], "metadata": {"plc": "public"}}, {"plc": "public"}, set()),
        ({"sensitive_metadata": ["plc", "kw"]}, {"plc": "canary", "kw": 75}, {"plc", "kw"}),
    ],
)
async def test_what_a_change_keeps_and_removes(
    setting: Setting, changes: dict[str, Any], shown: dict[str, Any], names: set[str]
) -> None:
    machine = await setting.change(await registered(setting), **changes)
    assert setting.shown(machine) == shown
    assert set(machine.sealed_metadata) == names


async def test_a_value_that_becomes_sensitive_is_hidden_from_the_trail_of_that_change(
    setting: Setting,
) -> None:
    machine = await setting.register(metadata={"plc": "canary"})
    before = setting.told().count("canary")
    await setting.change(machine, sensitive_metadata=["plc"])
    assert setting.told().count("canary") == before


async def test_a_lost_key_hides_the_value_and_keeps_the_rest(setting: Setting) -> None:
    machine = await registered(setting)
    assert Setting(OTHER).shown(machine) == {"kw": 75}


async def test_a_value_is_bound_to_its_machine_and_can_be_re_encrypted(setting: Setting) -> None:
    machine = await registered(setting)
    encryptor = Encryptor(f"{OTHER},{KEYS}")
    [column] = [column for column in COLUMNS if column.column == "sealed_metadata"]
    moved = column.renew(machine.id, dict(machine.sealed_metadata), encryptor.renewed)
    assert Encryptor(OTHER).decrypt(moved["plc"], purpose=value_purpose(machine.id, "plc")) == '"canary"'
    with pytest.raises(EncryptionError):
        encryptor.decrypt(moved["plc"], purpose=value_purpose(uuid4(), "plc"))


async def test_a_value_that_comes_later_is_sealed(setting: Setting) -> None:
    machine = await setting.register(metadata={"kw": 75}, sensitive_metadata=["plc"])
    changed = await setting.change(machine, metadata={"kw": 75, "plc": "canary"})
    assert "plc" not in changed.metadata
    assert setting.shown(changed) == {"kw": 75, "plc": "canary"}
    emptied = await setting.change(changed, metadata={"plc": None})
    again = await setting.change(emptied, metadata={"plc": "new"})
    assert again.metadata == {}
    assert setting.shown(again) == {"plc": "new"}


async def test_values_that_add_up_are_refused(setting: Setting) -> None:
    async def fill(machine: Machine) -> None:
        for number in range(20):
            names = [*machine.sealed_metadata, f"key {number}"]
            machine = await setting.change(
                machine, metadata={names[-1]: "x" * 10_000}, sensitive_metadata=names
            )

    with pytest.raises(MetadataTooLarge):
        await fill(await setting.register())


async def test_an_operator_cannot_take_a_name_from_the_list(setting: Setting) -> None:
    machine = await registered(setting)
    operator = caller(setting.admin.organization_id, Role.OPERATOR)
    async with setting.units(operator.scope) as unit:
        with pytest.raises(Forbidden):
            await setting.service.change(unit, operator, machine.id, {"sensitive_metadata": []})
