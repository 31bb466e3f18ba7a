"""Choosing a Java: real folders with a release file or a `java` that answers for itself."""

from pathlib import Path

import pytest

from genopheno.cohort import java
from genopheno.problems import StageError


def install(home: Path, version: str, *, release: bool = True) -> Path:
    binary = home / "bin" / "java"
    binary.parent.mkdir(parents=True)
    said = f"echo 'openjdk version \"{version}\" 2024-01-16' >&2"
    binary.write_text(f"#!/bin/sh\n{said}\n", encoding="utf-8")
    binary.chmod(0o755)
    if release:
        text = f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n'
        (home / "release").write_text(text, encoding="utf-8")
    return home


@pytest.mark.parametrize(
    ("version", "major"),
    [
        ("1.8.0_392", 8),
        ("11.0.21", 11),
        ("17", 17),
        ("17.0.15", 17),
        ("25.0.3", 25),
        ("22-ea", 22),
        ("", None),
        ("unknown", None),
    ],
)
def test_major_version(version: str, major: int | None) -> None:
    assert java.major_version(version) == major


@pytest.mark.parametrize("release", [True, False])
def test_unsupported_are_passed_over(tmp_path: Path, release: bool) -> None:
    new = install(tmp_path / "temurin-25", "25.0.3", release=release)
    good = install(tmp_path / "java-17", "17.0.15", release=release)
    chosen = java.choose([new, tmp_path / "absent", good])
    assert (chosen.home, chosen.major, chosen.version) == (good, 17, "17.0.15")


def test_the_first_supported_wins(tmp_path: Path) -> None:
    eleven = install(tmp_path / "11", "11.0.21")
    seventeen = install(tmp_path / "17", "17.0.15")
    assert java.choose([eleven, seventeen]).home == eleven


def test_one_java_by_two_names_is_found_once(tmp_path: Path) -> None:
    home = install(tmp_path / "java-17-openjdk", "17.0.15")
    (tmp_path / "default").symlink_to(home)
    assert len(java.inspect([tmp_path / "default", home])) == 1


def test_unsupported_are_all_named(tmp_path: Path) -> None:
    homes = [install(tmp_path / "a", "25.0.3"), install(tmp_path / "b", "1.8.0_392")]
    with pytest.raises(StageError) as error:
        java.choose(homes)
    (problem,) = error.value.problems
    assert problem.code == "java-unsupported"
    for text in ("25.0.3", "1.8.0_392", str(homes[0]), str(homes[1]), "11 or 17"):
        assert text in problem.found
    assert "openjdk-17-jre-headless" in problem.mend


def test_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(StageError) as error:
        java.choose([tmp_path])
    assert error.value.problems[0].code == "java-missing"


def test_java_home_comes_first(tmp_path: Path) -> None:
    mine = install(tmp_path / "mine", "11.0.2")
    on_path = install(tmp_path / "other", "17.0.1")
    folder = tmp_path / "jvm"
    third = install(folder / "third", "17.0.9")
    environ = {"JAVA_HOME": str(mine), "PATH": str(on_path / "bin")}
    homes = java.candidates(environ, folder)
    assert [j.home for j in java.inspect(homes) if tmp_path in j.home.parents] == [
        mine,
        on_path,
    ] + ([third] if third in [j.home for j in java.inspect(homes)] else [])
    assert homes[0] == mine
    assert third in homes
