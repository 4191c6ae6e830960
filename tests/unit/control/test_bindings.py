"""What `${{...}}` means on this machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, names

from hyperscale.control.rendered.bindings import (
    check_order,
    command_arguments,
    fill,
    next_steps,
    parents_of,
    shell_operator,
)
from hyperscale.errors import ExperimentError


def arguments(command: str, **values: str) -> list[str]:
    named = {f"inputs.{name}": value for name, value in values.items()}
    return command_arguments(command, named, where="consume.yml", python="/env/python")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{inputs.a}}", "one"),
        ("${{ inputs.a }}", "one"),
        ("x=${{inputs.a}},${{inputs.b}}", "x=one,${{inputs.a}}"),
        ("$ {inputs.a} {{inputs.a}}", "$ {inputs.a} {{inputs.a}}"),
    ],
)
def test_an_expression_is_replaced_by_its_value_once(text: str, expected: str) -> None:
    assert fill(text, {"inputs.a": "one", "inputs.b": "${{inputs.a}}"}, "here") == expected


def test_a_name_without_a_value_is_an_error_that_names_the_place_and_the_choices(wording: Wording) -> None:
    with pytest.raises(ExperimentError) as refused:
        arguments("python ${{inputs.b}}", a="1")
    names(refused, "consume.yml", "${{inputs.b}}", "inputs.a")
    wording(refused)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -m x --a '${{inputs.a}}'", ["/env/python", "-m", "x", "--a", "VALUE"]),
        ("/usr/bin/python3.11 x.py", ["/env/python", "x.py"]),
        ("/opt/image/interpreter -m hyperscale.node seed", ["/env/python", "-m", "hyperscale.node", "seed"]),
        ("ffmpeg -i ${{ inputs.a }}", ["ffmpeg", "-i", "VALUE"]),
        ("echo 'a && b' \"c | d\" 'e'\\''f'", ["echo", "a && b", "c | d", "e'f"]),
        ("python -c x \\\n  --a 1", ["/env/python", "-c", "x", "--a", "1"]),
        ("python --mount 'm=${{inputs.a}}'\n", ["/env/python", "--mount", "m=VALUE"]),
        ("echo a#b", ["echo", "a#b"]),
    ],
)
def test_a_command_line_is_split_like_a_shell_splits_it(command: str, expected: list[str]) -> None:
    assert arguments(command, a="VALUE") == expected


@given(st.text())
def test_a_value_is_one_argument_whatever_is_in_it(value: str) -> None:
    assert arguments("program --a '${{inputs.a}}' --b ${{inputs.a}}", a=value) == [
        "program",
        "--a",
        value,
        "--b",
        value,
    ]


@pytest.mark.parametrize(
    ("command", "operator"),
    [
        ("a && b", "&&"),
        ("a | b", "|"),
        ("a || b", "||"),
        ("a; b", ";"),
        ("a > out", ">"),
        ("a >> out", ">>"),
        ("a < in", "<"),
        ("a &", "&"),
        ("a $(b)", "$("),
        ('a "$(b)"', "$("),
        ("a `b`", "`"),
        ('a "`b`"', "`"),
        ("a $HOME", "$H"),
        ('a "${HOME}"', "${"),
        ("a *.png", "*"),
        ("a ~/b", "~"),
        ("a # comment", "#"),
        ("a\nb", "a line break"),
        ("(a)", "("),
        ("a '${{inputs.x}}' | b", "|"),
        ("a 'quoted' | b", "|"),
        ('a "it\'s" | b', "|"),
    ],
)
def test_what_only_a_shell_can_do_is_found(command: str, operator: str) -> None:
    assert shell_operator(command) == operator


@pytest.mark.parametrize(
    "command",
    [
        "a 'b && c'",
        'a "b | c"',
        "a b\\;c",
        "a '$(b)' '`c`'",
        "a ${{inputs.x}}",
        'a "${{inputs.x}}"',
        "a '*'",
        "a b$",
        "a 'x\ny'",
    ],
)
def test_what_is_quoted_or_ours_needs_no_shell(command: str) -> None:
    assert shell_operator(command) is None


@pytest.mark.parametrize("command", ["a 'b", " ", "a | b"])
def test_a_command_line_that_cannot_start_a_program_is_an_error(command: str, wording: Wording) -> None:
    with pytest.raises(ExperimentError) as refused:
        arguments(command)
    names(refused, "command", *(["|"] if "|" in command else []))
    wording(refused)


def test_a_job_waits_for_the_jobs_whose_outputs_it_reads() -> None:
    values = [
        "${{parent.jobs.seed.outputs.seeded}}",
        "${{ parent.jobs.other.outputs.x }}/y",
        "${{parent.inputs.a}}",
        "seed",
    ]

    assert parents_of(values) == {"seed", "other"}


NEEDS = {"seed": [], "consume_0": ["seed"], "consume_1": ["seed"], "report": ["consume_0", "consume_1"], "teardown": []}


@pytest.mark.parametrize(
    ("states", "start", "skip"),
    [
        ("wwwww", {"seed", "teardown"}, set()),
        ("rwwwr", set(), set()),
        ("swwwr", {"consume_0", "consume_1"}, set()),
        ("fwwwr", set(), {"consume_0", "consume_1"}),
        ("fkkwr", set(), {"report"}),
        ("ssrwr", set(), set()),
        ("sfrwr", set(), {"report"}),
        ("ssswr", {"report"}, set()),
        ("sssss", set(), set()),
    ],
)
def test_a_job_starts_when_all_it_needs_succeeded_and_is_skipped_when_one_failed(
    states: str, start: set[str], skip: set[str]
) -> None:
    words = {"w": "waiting", "r": "running", "s": "succeeded", "f": "failed", "k": "skipped"}

    started, skipped = next_steps(NEEDS, {job: words[letter] for job, letter in zip(NEEDS, states, strict=True)})  # type: ignore[misc]

    assert (set(started), set(skipped)) == (start, skip)


def test_the_order_of_the_rendered_pipeline_is_sound() -> None:
    check_order(NEEDS, "p.yml")


@pytest.mark.parametrize(
    ("needs", "jobs"),
    [
        ({"a": ["b"]}, ("job a", "job b")),
        ({"a": ["b"], "b": ["a"], "c": []}, ("a, b",)),
        ({"a": ["a"]}, ("a",)),
    ],
)
def test_jobs_that_could_never_start_are_an_error(
    needs: dict[str, list[str]], jobs: tuple[str, ...], wording: Wording
) -> None:
    with pytest.raises(ExperimentError) as refused:
        check_order(needs, "p.yml")
    names(refused, "p.yml", *jobs)
    wording(refused)
