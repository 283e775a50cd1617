"""Prints the isolation matrix of the code as it is: `python -m tests.isolation_matrix` (about a minute)."""

import sys

import httpx2

from tests.isolation import attacks, matrix
from tests.isolation.tenants import furnished
from tests.stack import FOR_MANY_CALLS, Stack


def main() -> int:
    with (
        Stack(settings=FOR_MANY_CALLS) as stack,
        httpx2.Client(base_url=stack.gateway_url, timeout=60) as client,
    ):
        document = client.get("/openapi.json").json()
        attacker, victim = (furnished(client, stack.admin_dsn, document) for _ in range(2))
        scene = attacks.Scene(attacker, victim)
        answers = [answer for attack in attacks.ATTACKS for answer in attacks.run(scene, attack)]
    sys.stdout.write(f"{matrix.table(document, answers)}\n\n{matrix.summary(answers)}\n")
    for answer in answers:
        if answer.wrong:
            sys.stdout.write(f"{answer.operation.name}, {answer.attack}: {answer.wrong}\n")
    return 1 if any(answer.wrong for answer in answers) else 0


if __name__ == "__main__":
    sys.exit(main())
