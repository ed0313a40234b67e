"""What a refresh does for its release, with a real API server: favourites, and old commits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from qmk_contract import artifacts
from qmk_contract.keyboard_record import record_digest
from qmk_contract.names import GROUP, PLURAL, VERSION
from qmk_contract.record_job import record_job_name
from qmk_local.apiserver import RunningApiServer
from tests.integration.refresh_system import Ended, RefreshSystem, refresh_system
from tests.integration.s3_server import BUCKET, S3Server

pytestmark = pytest.mark.timeout(300)

KEYBOARD = "clueboard/66/rev3"
TOOLCHAIN = f"sha256:{'7' * 64}"


@pytest.fixture
def system(own_s3_server: S3Server, tmp_path: Path) -> Iterator[RefreshSystem]:
    with refresh_system(tmp_path, own_s3_server) as running:
        yield running
        running.empty()


class Release:
    """A namespace, and the variables that the chart gives to the last step."""

    def __init__(
        self, system: RefreshSystem, server: RunningApiServer, api: client.ApiClient, namespace: str
    ) -> None:
        self.system = system
        self.custom = client.CustomObjectsApi(api)
        self.namespace = namespace
        self.variables = {
            "KUBECONFIG": str(server.kubeconfig),
            "QMK_NAMESPACE": namespace,
            "QMK_TOOLCHAIN_DIGEST": TOOLCHAIN,
            "QMK_REMOVAL_SECONDS": "0",
        }

    def refresh(self, **changes: str) -> Ended:
        ended = self.system.refresh(**self.variables, **changes)
        assert ended.returncode == 0, ended.stderr
        return ended

    def jobs(self) -> dict[str, dict[str, Any]]:
        found: Any = self.custom.list_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL
        )
        return {item["metadata"]["name"]: item["spec"] for item in found["items"]}

    def delete(self, name: str) -> None:
        self.custom.delete_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, name)


@pytest.fixture
def release(
    system: RefreshSystem,
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    namespace: str,
) -> Release:
    return Release(system, api_server, api_client, namespace)


def test_favourites_are_recorded_and_old_commits_go_when_nothing_names_them(
    system: RefreshSystem, release: Release
) -> None:
    old = system.firmware.head()
    # One that is no keyboard, and one that is listed twice.
    favourites = f'["{KEYBOARD}", "no/such/keyboard", "{KEYBOARD}"]'
    ended = release.refresh(QMK_FAVOURITES=favourites)
    assert "Asked for the records of 1 keyboards." in ended.stdout
    assert "no keyboard no/such/keyboard" in ended.stdout
    layers = system.manifest(old).layers_for(KEYBOARD, "avr")
    digest = record_digest(layers, TOOLCHAIN)
    name = record_job_name(digest, KEYBOARD)
    assert set(release.jobs()) == {name}
    spec = release.jobs()[name]
    assert (spec["class"], spec["firmwareCommit"], spec["keyboard"]) == ("test", old, KEYBOARD)
    record = [
        artifacts.keyboard_record(digest, KEYBOARD),
        artifacts.record_pointer(digest, KEYBOARD),
    ]
    for key in record:
        system.put(key, {})
    system.s3.put_object(Bucket=BUCKET, Key="hostname", Body=b"node")

    new = system.firmware.commit({"quantum/new.h": "// newer\n"})
    release.refresh(QMK_FAVOURITES=favourites)
    assert len(release.jobs()) == 2, "the core is another, so the record is"
    # The first look notes that nothing names the old commit; by the next, a job does.
    assert system.exists(artifacts.unnamed(old))
    release.refresh()
    assert system.exists(artifacts.manifest(old))
    release.delete(name)
    release.refresh()
    assert system.exists(artifacts.manifest(old))
    ended = release.refresh()
    assert f"Removed commit {old}" in ended.stdout
    assert not system.keys(artifacts.firmware(old))
    assert not system.keys(artifacts.UNNAMED)
    assert not set(record) & system.keys()
    assert system.exists("hostname")
    system.assert_whole(new)


def test_a_record_that_is_there_is_not_asked_for(system: RefreshSystem, release: Release) -> None:
    release.refresh()
    digest = record_digest(
        system.manifest(system.firmware.head()).layers_for(KEYBOARD, "avr"), TOOLCHAIN
    )
    system.put(artifacts.record_pointer(digest, KEYBOARD), {})
    # Neither the core nor the keyboard's folder is another.
    system.firmware.commit({"keyboards/demo/pad6/readme.md": "# Another text\n"})
    release.refresh(QMK_FAVOURITES=f'["{KEYBOARD}"]')
    assert release.jobs() == {}
    assert system.exists(artifacts.record_pointer(digest, KEYBOARD))


def test_a_cluster_that_is_away_holds_up_no_channel(
    system: RefreshSystem, release: Release, tmp_path: Path
) -> None:
    config = Path(release.variables["KUBECONFIG"]).read_text()
    away = tmp_path / "kubeconfig"
    host = config.split("server: ", 1)[1].split("\n", 1)[0]
    away.write_text(config.replace(host, "https://127.0.0.1:9"))
    variables = release.variables | {"KUBECONFIG": str(away)}
    ended = system.refresh(**variables, QMK_FAVOURITES=f'["{KEYBOARD}"]')
    assert ended.returncode == 1
    assert "Kubernetes does not answer" in ended.stderr
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == system.firmware.head()
