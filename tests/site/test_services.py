"""What the test run says and does when PostgreSQL, Redis or Chromium is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
import pytest

@pytest.mark.postgresql
def test_with_rows(): pass

@pytest.mark.redis
def test_with_wakes(): pass

@pytest.mark.browser
def test_with_a_page(): pass

def test_plain(): pass
"""
INI = "[pytest]\nmarkers =\n postgresql\n redis\n browser\n"
NAMES = (
    "PYTEST_XDIST_WORKER",
    "PYTEST_XDIST_WORKER_COUNT",
    "CI",
    "SAMURAI_REQUIRE_SERVICES",
    "TEST_DATABASE_URL",
    "TEST_REDIS_URL",
    "CHROMIUM",
)


def run_tests(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Runs four tests of another project with our plugin; no program is on its path."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.services", "-p", "no:django"]
    (folder / "test_it.py").write_text(SOURCE)
    (folder / "pytest.ini").write_text(INI)
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [*command, *arguments, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**kept, "PATH": str(folder), "PYTHONPATH": str(ROOT), **environment},
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_on_a_persons_machine_they_are_left_out_and_the_end_says_which_and_how_to_run_them(
    tmp_path: Path, workers: int
) -> None:
    code, output = run_tests(tmp_path, f"-n{workers}")
    assert code == 0
    assert "1 passed, 3 skipped" in output
    end = output[output.index("Tests left out") :]
    assert "1 that need PostgreSQL. To run them: set TEST_DATABASE_URL" in end
    assert "1 that need Redis. To run them: set TEST_REDIS_URL" in end
    assert "1 that need Chromium. To run them: install it" in end
    assert ".ci/run" in end


def test_a_service_that_does_not_answer_counts_as_not_there(tmp_path: Path) -> None:
    code, output = run_tests(
        tmp_path,
        TEST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        TEST_REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert code == 0
    assert "1 passed, 3 skipped" in output


def test_where_all_is_required_a_missing_service_is_a_failure(tmp_path: Path) -> None:
    for name in ("CI", "SAMURAI_REQUIRE_SERVICES"):
        code, output = run_tests(tmp_path, **{name: "true"})
        assert code == 1
        assert "1 passed, 3 errors" in output
        assert "PostgreSQL is not there" in output
        assert "Tests left out" not in output


def test_a_browser_that_is_there_is_used(tmp_path: Path) -> None:
    _, output = run_tests(tmp_path, CHROMIUM=sys.executable)
    assert "2 passed, 2 skipped" in output
    assert "Chromium" not in output
