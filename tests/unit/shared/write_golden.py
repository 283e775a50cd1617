"""Rewrites the golden event files: `python -m tests.unit.shared.write_golden`."""

import json

from shared.events.codec import encode
from shared.events.registry import TOPICS
from tests.unit.shared.test_events import GOLDEN, example_event


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for topic in TOPICS:
        value, headers = encode(example_event(topic))
        content = {
            "headers": {name: text.decode() for name, text in sorted(headers.items())},
            "value": json.loads(value),
        }
        (GOLDEN / f"{topic.name}.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
