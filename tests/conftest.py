"""Where the shared real data are, the commands, and one demo run for all tests that need it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.commands import command

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))


# Files whose tests look at the one run of the demo.
OF_THE_DEMO = {"test_demo", "test_engines", "test_formats", "test_wheel"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unlisted = {i.path.stem for i in items if "demo" in i.fixturenames} - OF_THE_DEMO
    if unlisted:
        raise pytest.UsageError(f"tests/conftest.py, OF_THE_DEMO: add {', '.join(unlisted)}")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """Workers share the tests file by file; those of the demo go to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return "demo" if Path(file).stem in OF_THE_DEMO else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """``data("ceu_chr20")`` is the folder of that data set; the test is skipped without it."""

    def folder(name: str) -> Path:
        path = DATA / name
        if not path.is_dir():
            pytest.skip(f"shared data set {name} is absent (looked in {DATA})")
        return path

    return folder


@pytest.fixture
def gatk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How GATK is started; ``make test`` fetches it into .gatk. Skipped where it is absent."""
    from genopheno.problems import StageError
    from genopheno.variants import gvcf_calling

    if "GENOPHENO_GATK" not in os.environ:
        monkeypatch.setenv("GENOPHENO_GATK", str(ROOT / ".gatk"))
    try:
        return gvcf_calling.gatk(memory_mb=1000)
    except StageError:
        pytest.skip("GATK is absent: neither gatk on PATH nor jars in GENOPHENO_GATK or .gatk")


@pytest.fixture(scope="session")
def genopheno() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str | Path, cwd: Path, check: bool = True):
        return command("genopheno", *words, cwd=cwd, check=check)

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, ROOT]
    subprocess.run(build, check=True)
    return next(out.glob("genopheno-*.whl"))


@pytest.fixture(scope="session")
def demo(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(project folder, what was printed) of `genopheno demo` in an empty folder.

    It is the wheel's, installed in an environment of its own and run far from the checkout.
    """
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", home / "env"], check=True)
    bin_ = home / "env/bin"
    subprocess.run(
        [bin_ / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel], check=True
    )
    folder = tmp_path_factory.mktemp("demo")
    ours = str(Path(sys.executable).parent)
    system = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != ours)
    said = subprocess.run(
        [bin_ / "genopheno", "demo"],
        cwd=folder,
        env={"PATH": system, "HOME": os.environ.get("HOME", str(home))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert said.returncode == 0, said.stdout[-6000:]
    return folder / "genopheno-demo", said.stdout
