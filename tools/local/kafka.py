"""Apache Kafka from its Maven artifacts as a local broker, for `make test-kafka`.

Programs reach it as in `docker-compose.yml`: encrypted, with a login, and with the rights of that login. A
second listener on loopback trusts everybody: tests look and meddle through it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dinsight.certificates import make_certificates
from dinsight.servers.errors import MissingSoftware
from dinsight.servers.external import run_tool, said_by
from tools.local.errors import LocalError
from tools.local.kafka_security import CONTROLLER, LISTENER, security_settings
from tools.local.layout import write_private
from tools.local.ports import HOST
from tools.local.probes import tcp_ready
from tools.local.programs import Kind, Program

MIN_JAVA = 17
POM = Path(__file__).with_name("kafka-pom.xml")
# Any 16 bytes in URL-safe base64; fixed, because each folder holds one cluster of one broker.
CLUSTER_ID = "ZGluc2lnaHQtbG9jYWwtMQ"


def find_java() -> str:
    """Return a Java runtime that is new enough for the broker."""
    java = shutil.which("java")
    package = f"openjdk-{MIN_JAVA}-jre-headless"
    if java is None:
        raise MissingSoftware(f"Java {MIN_JAVA} or newer", package)
    said = run_tool([java, "-version"]).stderr
    match = re.search(r'version "(\d+)', said)
    if match is None or int(match.group(1)) < MIN_JAVA:
        first = said.partition("\n")[0] or "an unknown version"
        raise MissingSoftware(f"Java {MIN_JAVA} or newer (found {first})", package)
    return java


def libraries_of(root: Path) -> Path:
    """Return the folder of a checkout's jar files, shared by all its environments and test runs."""
    return root / ".local" / "kafka" / "lib"


@dataclass(frozen=True)
class ApacheKafka:
    """A single broker in KRaft mode that is its own controller. `libraries` holds the jar files.

    `port` trusts everybody, `secured_port` does not.
    """

    folder: Path
    libraries: Path
    port: int
    controller_port: int
    secured_port: int
    administrator_password: str

    def create(self) -> None:
        """Download the jars if their list has changed, and format the storage once."""
        java = find_java()
        self.fetch()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.authority.is_file():
            pair = make_certificates([HOST, "localhost"])
            write_private(self._keystore, pair.server)
            write_private(self.authority, pair.authority)
        self._config.write_text(self._properties(), encoding="utf-8")
        if (self._data / "meta.properties").is_file():
            return
        command = [*self._java(java), "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", CLUSTER_ID, "--config", str(self._config)]
        made = run_tool(command)
        if made.returncode != 0:
            raise LocalError(f"Apache Kafka could not format its storage in {self._data}:\n{said_by(made)}")

    def server(self, environ: Mapping[str, str]) -> Program:
        argv = (*self._java(find_java()), "-Xms256m", "-Xmx512m", "kafka.Kafka", str(self._config))
        return Program(
            name="broker",
            title="Apache Kafka",
            kind=Kind.SERVER,
            argv=argv,
            env=environ,
            cwd=self.folder,
            port=self.port,
            ready=tcp_ready(self.port),
            stop_grace_s=30.0,
            ready_timeout_s=90.0,
        )

    @property
    def authority(self) -> Path:
        """The certificate that signs the broker's."""
        return self.folder / "authority.pem"

    @property
    def _keystore(self) -> Path:
        return self.folder / "server.pem"

    @property
    def _config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _java(self, java: str) -> tuple[str, ...]:
        # Quick to start rather than quick for long: this broker lives for one test run.
        return (java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{self.libraries}/*")

    def fetch(self) -> None:
        """Download the jars with Maven unless they are present."""
        stamp = self.libraries / ".pom"
        wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
        if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
            return
        mvn = shutil.which("mvn")
        if mvn is None:
            raise MissingSoftware("Maven, which fetches Apache Kafka,", "maven")
        self.libraries.parent.mkdir(parents=True, exist_ok=True)
        # Moved into place when complete: an interrupted download must not be taken for a broker.
        scratch = Path(tempfile.mkdtemp(prefix="lib-", dir=self.libraries.parent))
        try:
            command = [mvn, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={scratch}"]
            fetched = run_tool(command)
            if fetched.returncode != 0:
                raise LocalError(f"Maven could not fetch Apache Kafka (listed in {POM}):\n{said_by(fetched)}")
            (scratch / stamp.name).write_text(wanted, encoding="ascii")
            scratch.chmod(0o755)
            shutil.rmtree(self.libraries, ignore_errors=True)
            scratch.rename(self.libraries)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _properties(self) -> str:
        open_listener, secured = f"PLAINTEXT://{HOST}:{self.port}", f"{LISTENER}://{HOST}:{self.secured_port}"
        security = security_settings(
            password=self.administrator_password, keystore=str(self._keystore), authority=str(self.authority)
        )
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self.controller_port}",
            "listeners": f"{open_listener},{secured},{CONTROLLER}://{HOST}:{self.controller_port}",
            "advertised.listeners": f"{open_listener},{secured}",
            "listener.security.protocol.map": (
                f"PLAINTEXT:PLAINTEXT,{LISTENER}:SASL_SSL,{CONTROLLER}:SASL_PLAINTEXT"
            ),
            "controller.listener.names": CONTROLLER,
            "log.dirs": str(self._data),
            # A topic that nobody created through the admin client is a mistake, here as in an installation.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # The local session timeout of 3 s is below the broker's own lower bound of 6 s.
            "group.min.session.timeout.ms": "1000",
            "group.initial.rebalance.delay.ms": "0",
            **security,
            # Who comes through the open listener.
            "super.users": f"{security['super.users']};User:ANONYMOUS",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def main(root: Path) -> int:
    """Download Apache Kafka, and report before any test starts if it cannot run here."""
    try:
        find_java()
        ApacheKafka(root, libraries_of(root), 0, 0, 0, "").fetch()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(__file__).resolve().parents[2]))
