"""The commands of docs/scale.md: each is read as sweep.py would read it."""

import re
import shlex
import tomllib

import pytest
import yaml

from rnnlab.errors import ExitStatus
from rnnlab.sweeps.schema import SWEEP_KEYS, SweepConfig
from rnnlab.sweeps.settings import read_sweep, run_keys
from rnnlab.sweeps.study.storage import BACKENDS
from tests.helpers.configs import ROOT, compose

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


LINES = [line.strip() for block in blocks("bash") for line in block.splitlines() if line.strip()]
SEARCHES = [line[line.index("sweep.py") :] for line in LINES if "sweep.py" in line]
MANIFESTS = [part for block in blocks("yaml") for part in yaml.safe_load_all(block)]
JOB = next(part for part in MANIFESTS if part["kind"] == "Job")
CONTAINER = JOB["spec"]["template"]["spec"]["containers"][0]


def read(words: list[str]) -> SweepConfig:
    sweep = read_sweep(ROOT, words)
    compose(*sweep.base)
    assert sweep.storage is None or sweep.storage.partition("+")[0] in BACKENDS
    return sweep


@pytest.mark.parametrize("command", SEARCHES)
def test_every_search_is_understood(command: str) -> None:
    read(shlex.split(command, comments=True)[1:])


def test_every_other_line_is_of_a_known_program() -> None:
    others = [line for line in LINES if "sweep.py" not in line and not line.startswith("#")]
    known = ("pip install ", "ray ", "createuser ", "createdb ", "if [ $? -eq ")
    assert not [line for line in others if not line.startswith(known)]


def test_the_extras_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"'\.\[([a-z,]+)\]'", PAGE)
    assert named
    assert {name for one in named for name in one.split(",")} <= {*extras["optional-dependencies"]}


@pytest.mark.slow
def test_the_options_of_ray_are_there() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="Ray is not installed")
    options = {name for option in scripts.start.params for name in option.opts}
    named = re.findall(r"ray start.*", PAGE)
    assert named
    for option in re.findall(r"--[a-z-]+", " ".join(named)):
        assert option in options


def test_the_pods_run_a_search_in_the_image() -> None:
    assert CONTAINER["command"] == ["python", "sweep.py"]
    assert read(CONTAINER["args"]).n_trials > 0
    image = (ROOT / "Dockerfile").read_text()
    assert "sweep.py" in image
    assert "COPY sweeps sweeps" in image
    assert "postgresql" in image, "the driver of their storage"
    assert "WORKDIR /app" in image
    assert CONTAINER["volumeMounts"][0]["mountPath"] == "/app/outputs"
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    for place in re.findall(r"^COPY (?!--)(.*) \S+$", image, flags=re.MULTILINE):
        assert {f"!{name}" for name in place.split()} <= set(sent), "the image is built from these"


def test_the_secret_of_the_pods_is_the_one_that_is_made() -> None:
    secret = next(part for part in MANIFESTS if part["kind"] == "Secret")
    asked = CONTAINER["env"][0]["valueFrom"]["secretKeyRef"]
    assert asked["name"] == secret["metadata"]["name"]
    assert asked["key"] in secret["stringData"]


def test_slurm_s_time_is_longer_than_the_search_s() -> None:
    hours, minutes, seconds = map(int, re.findall(r"--time=(\d+):(\d+):(\d+)", PAGE)[0])
    command = next(line for line in LINES if line.startswith("srun "))
    timeout = read(shlex.split(command)[3:]).timeout
    assert timeout == hours * 3600 + minutes * 60 + seconds - 600, "ten minutes less"
    assert f"-eq {ExitStatus.STOPPED} ]" in PAGE


def test_every_setting_is_one() -> None:
    keys = re.findall(r"`([a-z_.]+)=", PAGE)
    assert len(keys) > 5
    assert {key.split(".")[0] for key in keys} <= {*SWEEP_KEYS, *run_keys(ROOT)}
    named = re.findall(r"`([a-z]+_[a-z_]+)`", PAGE)
    assert set(named) <= {*SWEEP_KEYS}, "settings that are named without a value"
