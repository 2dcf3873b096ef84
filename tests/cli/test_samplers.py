"""The flags and settings of the samplers: their bounds, and that they reach the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.model_files.scripted import write_scripted


@pytest.mark.parametrize(
    ("flag", "value", "range_"),
    [
        ("--typical-p", "1.1", "0<=x<=1"),
        ("--top-n-sigma", "-2", "-1<=x<=1000000"),
        ("--xtc-probability", "2", "0<=x<=1"),
        ("--xtc-threshold", "-1", "0<=x<=1"),
        ("--dynatemp-range", "-0.1", "0<=x<=1000000"),
        ("--dynatemp-exponent", "nan", "0<=x<=1000000"),
        ("--mirostat", "3", "0<=x<=2"),
        ("--mirostat-tau", "-1", "0<=x<=1000000"),
        ("--mirostat-eta", "1.5", "0<=x<=1"),
        ("--adaptive-target", "1.5", "-1<=x<=1"),
        ("--adaptive-decay", "1", "0<=x<=0.99"),
    ],
)
def test_a_value_out_of_range_is_a_usage_error(mull: Run, flag: str, value: str, range_: str) -> None:
    done = mull(f"{flag}={value}", "hi")
    assert (done.returncode, done.stdout) == (2, b"")
    assert flag in done.stderr.decode()
    assert range_ in done.stderr.decode()


@pytest.mark.parametrize("bias", ["5", "=1", "5=", "5=x", "5=nan", "5=inf", "5=2000000", "5=-2000000"])
def test_what_is_no_bias_is_a_usage_error(mull: Run, bias: str) -> None:
    done = mull("--logit-bias", bias, "hi")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"from -1,000,000 to 1,000,000" in done.stderr
    done = mull("config", "set", "logit_bias", bias)
    assert (done.returncode, b"from -1,000,000 to 1,000,000" in done.stderr) == (1, True)


@pytest.fixture
def yes(tmp_path: Path) -> Path:
    return write_scripted(tmp_path / "yes.gguf", ["Yes", "."], name="yes")


def test_a_bias_changes_the_answer(mull: Run, yes: Path) -> None:
    """On the command line, from the config, and from a batch line."""
    greedy = ("-m", yes, "--temperature", "0", "--max-tokens", "1")
    assert mull(*greedy, "really?").stdout == b"Yes\n"
    assert mull(*greedy, "--logit-bias", "Q=1000", "really?").stdout == b"Q\n"
    assert mull(*greedy, "--logit-bias", '"7"=1000', "really?").stdout == b"7\n"
    unknown = mull(*greedy, "--logit-bias", "9999999=1", "really?")
    assert (unknown.returncode, unknown.stdout) == (2, b"")
    assert b"no token 9,999,999" in unknown.stderr
    line = json.dumps({"prompt": "really?", "logit_bias": ["Q=1000"]}).encode()
    assert b'"Q"' in mull("batch", "-", *greedy, stdin=line).stdout
    assert mull("config", "set", "logit_bias", "Z=1000").returncode == 0
    assert mull(*greedy, "really?").stdout == b"Z\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--mirostat-tau", "3", "--mirostat-eta", "0.2"), "mirostat_tau, mirostat_eta (mirostat is 0)"),
        (("--xtc-threshold", "0.2"), "xtc_threshold (xtc_probability is 0)"),
        (("--dynatemp-exponent", "2", "--dynatemp-range", "0"), "dynatemp_exponent (dynatemp_range is 0)"),
        (("--adaptive-decay", "0.5"), "adaptive_decay (adaptive_target is -1)"),
        (("--mirostat-tau", "3", "--mirostat", "2"), ""),
        (("--adaptive-decay", "0.5", "--adaptive-target", "0"), ""),
        (("--xtc-threshold", "0.2", "-q"), ""),
    ],
)
def test_a_parameter_without_its_sampler_is_named(
    mull: Run, yes: Path, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    done = mull("-m", yes, *flags, "hi")
    assert done.returncode == 0
    expected = f"Without effect: {said}.".encode() if said else b""
    assert b"".join(line for line in done.stderr.splitlines() if b"effect" in line) == expected
    (tmp_path / "lines.jsonl").write_text('"hi"\n')
    assert (b"Without effect" in mull("batch", "-m", yes, *flags, "lines.jsonl").stderr) == bool(said)


def test_the_other_samplers_reach_the_model(mull: Run, yes: Path) -> None:
    """XTC drops the only likely token; Mirostat with a target of zero keeps it alone."""
    hot = (
        "-m",
        yes,
        "--temperature",
        "1",
        "--top-k",
        "0",
        "--min-p",
        "0",
        "--seed",
        "1",
        "--max-tokens",
        "1",
    )
    assert mull(*hot, "--mirostat", "2", "--mirostat-tau", "0", "really?").stdout == b"Yes\n"
    assert mull(*hot, "--top-n-sigma", "0.1", "really?").stdout == b"Yes\n"
    assert mull(*hot, "--typical-p", "0.1", "--adaptive-target", "1", "really?").returncode == 0
