"""Labels that come with an upload as a file of their own."""

from dataclasses import asdict

from services.analysis.configs.domain import ConfigChanges, Configuration
from services.analysis.engine import ConfigError, LabelFile, TableError, read_labels
from services.analysis.uploads.errors import BadUpload


def with_labels(
    sent: ConfigChanges | None, file: LabelFile | None, base: Configuration
) -> ConfigChanges | None:
    """Return what an upload changes of a configuration, with the labels of its file after those it lists.

    Times that state no zone are read in the zone of the samples. Raises BadUpload.
    """
    if file is None:
        return sent
    changes = sent or ConfigChanges({}, {})
    zone = changes.reading.get("time_zone") or base.reading.get("time_zone")
    try:
        found = read_labels(file, time_zone=zone)
    except (TableError, ConfigError) as error:
        raise BadUpload("labels", f"{error}.") from error
    labels = [*(changes.reading.get("labels") or ()), *(asdict(label) for label in found)]
    return ConfigChanges(changes.parameters, {**changes.reading, "labels": labels})
