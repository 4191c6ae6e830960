"""Arguments of an experiment as the words of a command line."""

import argparse

import pytest

from hyperscale.program_arguments import argument_problems, program_arguments

EXPECTED = "an argument of a program is a text, a number, a boolean or a list"
PLACES = {"outputs": "/scratch/out put", "mounts.model": "/mnt/model"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, []),
        ({"model": "m.pkl", "seed": 7, "rate": 0.001}, ["--model", "m.pkl", "--seed", "7", "--rate", "0.001"]),
        ({"verbose": True, "quiet": False, "limit": None}, ["--verbose"]),
        ({"as_text": "True"}, ["--as_text", "True"]),
        ({"drop": ["a", "b c", 3], "keep": []}, ["--drop", "a", "b c", "3"]),
        ({"offset": -5, "pattern": "--x", "-m": 1}, ["--offset=-5", "--pattern=--x", "-m", "1"]),
        ({"empty": ""}, ["--empty", ""]),
        ({"model": "${{mounts.model}}/m.pkl"}, ["--model", "/mnt/model/m.pkl"]),
        ({"out": "${{ outputs }}"}, ["--out", "/scratch/out put"]),
        ({"shell": "$(rm -rf ~) ${HOME} ${{inputs.data}}"}, ["--shell", "$(rm -rf ~) ${HOME} ${{inputs.data}}"]),
    ],
)  # fmt: skip
def test_arguments_become_words(arguments, words):
    assert program_arguments(arguments, PLACES) == words


def test_argparse_reads_back_what_the_experiment_says():
    arguments = {"verbose": True, "drop": ["a", "b"], "offset": -5, "text": "-x y"}
    parser = argparse.ArgumentParser()
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--drop", nargs="+")
    parser.add_argument("--offset", type=int)
    parser.add_argument("--text")

    assert vars(parser.parse_args(program_arguments(arguments, {}))) == arguments


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ({"a": "x", "b": 1, "c": [1, "x"], "d": True, "e": None, "f": "${{outputs}}/${{mounts.model}}"}, []),
        ({"a": {"b": 1}}, [f"is a map; {EXPECTED}"]),
        ({"a": [True]}, [f"is a list of something else; {EXPECTED}"]),
        ({"a": "${{mounts.modle}}"}, ["${{mounts.modle}} stands for nothing (did you mean 'mounts.model'?)"]),
        ({"a": ["${{inputs.data}}"]}, ["${{inputs.data}} stands for nothing; there are mounts.model, outputs"]),
    ],
)  # fmt: skip
def test_what_cannot_be_a_word_is_told(arguments, problems):
    assert list(argument_problems(arguments, PLACES)) == [("a", problem) for problem in problems]
