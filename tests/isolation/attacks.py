"""The attacks of the matrix: who calls what with which ids, and which answers are right."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.isolation.bodies import Payload, foreign, payload
from tests.isolation.operations import Operation, body_ids, operations
from tests.isolation.tenants import Tenant

EVENT_STREAM = "text/event-stream"
NOT_TRIED = "-"
# To look at history changes nothing, and everybody decides about mail to themselves, not to others.
VIEWERS = {
    "backtest_rule": 200,
    "backtest_unsaved_rule": 200,
    "create_opt_out": 201,
    "delete_opt_out": 404,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `wrong` says why that must not be, and is empty where all is well."""

    operation: Operation
    attack: str
    shown: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    media_type: str
    text: str

    @property
    def good(self) -> bool:
        return self.status < 300

    @property
    def pointers(self) -> list[str]:
        """The fields that a refusal names."""
        if self.media_type != "application/problem+json":
            return []
        return [error["pointer"] for error in json.loads(self.text)["errors"]]

    @property
    def items(self) -> bool:
        """Whether it is a list with something in it."""
        if not self.media_type.startswith("application/json"):
            return False
        body = json.loads(self.text)
        return isinstance(body, dict) and bool(body.get("items"))


@dataclass(frozen=True, slots=True)
class Scene:
    """Somebody with every right at home, and the organization that is none of their business."""

    attacker: Tenant
    victim: Tenant

    def send(
        self, operation: Operation, ids: Mapping[str, str], headers: Mapping[str, str], **more: Any
    ) -> Reply:
        body: Payload = more.pop("body", None) or payload(self.attacker.document, operation, ids)
        with self.attacker.client.stream(
            operation.method,
            operation.address(ids),
            headers=dict(headers),
            **body.arguments(),
            **more,
        ) as response:
            media_type = response.headers.get("Content-Type", "")
            # A stream does not end: what it begins with is all that it says of the past.
            endless = media_type.startswith(EVENT_STREAM)
            text = next(response.iter_text()) if endless else response.read().decode()
            return Reply(response.status_code, media_type, text)

    def leaks(self, reply: Reply) -> bool:
        """Whether a good answer tells anything of the victim's."""
        return reply.good and any(_long(id_) in reply.text for id_ in self.victim.ids.values())


Attack = Callable[[Scene, Operation], Iterator[Answer]]


def _long(id_: str) -> str:
    """Numbers of configurations are short and found in everything; they belong to the checks by address."""
    return id_ if len(id_) >= 8 else "\0"


def _judged(
    operation: Operation, attack: str, responses: Sequence[tuple[str, Reply]], right: tuple[int, ...]
) -> Answer:
    shown = " ".join(dict.fromkeys(str(response.status) for _, response in responses))
    wrong = [
        f"{said}{response.status} {response.text[:300]}"
        for said, response in responses
        if response.status not in right
    ]
    return Answer(operation, attack, shown, "; ".join(wrong))


def foreign_path(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """Another organization's ids in the address: all of them, and each one among one's own."""
    if not operation.path_names or not operation.secured:
        return
    mine, theirs = scene.attacker.ids, scene.victim.ids
    keys = [operation.key(name) for name in operation.path_names]
    tried = [dict.fromkeys(keys)] + [{key: None} for key in keys if len(keys) > 1]
    responses = []
    for chosen in tried:
        ids = mine | {key: theirs[key] for key in chosen}
        responses.append((f"{', '.join(chosen)}: ", scene.send(operation, ids, scene.attacker.owner)))
    # Whether there is such an account is nobody's business who does not administer the installation.
    yield _judged(operation, "path", responses, (403,) if operation.is_administration else (404,))


def foreign_query(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """Another organization's ids as filters find nothing, and without a filter nothing of theirs is seen."""
    if operation.method != "GET" or not operation.secured:
        return
    mine, theirs = scene.attacker.ids, scene.victim.ids
    for name in operation.query_ids:
        response = scene.send(operation, mine, scene.attacker.owner, params={name: theirs[name]})
        answer = _judged(operation, "query", [(f"{name}: ", response)], (200, 404))
        if scene.leaks(response) or (response.good and response.items):
            answer = Answer(operation, "query", answer.shown, f"{name}: {response.text[:300]}")
        yield answer
    response = scene.send(operation, mine, scene.attacker.owner)
    said = f"told of another organization: {response.text[:300]}" if scene.leaks(response) else ""
    yield Answer(operation, "own", str(response.status), said)


def foreign_body(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """Another organization's ids in bodies."""
    mine, theirs = scene.attacker.ids, scene.victim.ids
    if not operation.secured:
        return
    own = payload(scene.attacker.document, operation, mine)
    for place in body_ids(scene.attacker.document, operation.body):
        name = place[-1]
        if name not in theirs:
            yield Answer(
                operation,
                "body",
                "?",
                f"the isolation matrix has no foreign id for {'.'.join(place)}: put one under {name!r} in"
                " tests/isolation/tenants.py",
            )
            continue
        body = foreign(operation, place, own, theirs[name])
        response = scene.send(operation, mine, scene.attacker.owner, body=body)
        # Not found, or named as the one field that is wrong.
        right = (404, 422) if response.pointers == [f"/body/{'/'.join(place)}"] else (404,)
        yield _judged(operation, "body", [(f"{'.'.join(place)}: ", response)], right)


def other_organization(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """One's own token with another organization in X-Organization-Id."""
    if not operation.takes_organization:
        return
    headers = {**scene.attacker.owner, "X-Organization-Id": scene.victim.ids["organization_id"]}
    responses = [
        ("own ids: ", scene.send(operation, scene.attacker.ids, headers)),
        ("their ids: ", scene.send(operation, scene.victim.ids, headers)),
    ]
    yield _judged(operation, "organization", responses, (403,))


def no_token(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """Nothing, and something that is no token."""
    if not operation.secured:
        return
    nobody = {"X-Organization-Id": scene.victim.ids["organization_id"]}
    forged = nobody | {"Authorization": "Bearer " + scene.victim.owner["Authorization"][7:-4] + "AAAA"}
    responses = [
        (said, scene.send(operation, scene.victim.ids, h)) for said, h in (("", nobody), ("", forged))
    ]
    yield _judged(operation, "no token", responses, (401,))


def viewer_writes(scene: Scene, operation: Operation) -> Iterator[Answer]:
    """A member who may only look, in the organization of the things."""
    if not operation.writes or not operation.in_organization or not operation.secured:
        return
    victim = scene.victim
    # To leave an organization is everybody's right: the viewer tries somebody else.
    ids = victim.ids | {"user_id": victim.ids["owner_id"]}
    right = VIEWERS.get(operation.id, 403)
    yield _judged(operation, "viewer", [("", scene.send(operation, ids, victim.viewer))], (right,))


ATTACKS: Mapping[str, Attack] = {
    "path": foreign_path,
    "query": foreign_query,
    "body": foreign_body,
    "organization": other_organization,
    "no token": no_token,
    "viewer": viewer_writes,
}


def run(scene: Scene, attack: str) -> list[Answer]:
    """One attack on every operation."""
    return [
        answer
        for operation in operations(scene.attacker.document)
        for answer in ATTACKS[attack](scene, operation)
    ]
