"""A value is data to every program of a command; where it would be code, the command is refused."""

from __future__ import annotations

import pytest
from wordings import Wording, names

from hyperscale.control.reading.code_places import code_places

COLUMNS = ("text", "host", "cmd")


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("sh -c 'echo {text} | cat'", "sh"),
        ('sh -c "echo {text} | cat"', "sh"),
        ("bash -euo pipefail -c 'echo {text}'", "bash"),
        ("/bin/bash -lc 'echo {text}'", "bash"),
        ("sh \\\n  -c \\\n  'echo {text}'", "sh"),
        ("'sh' \"-c\" 'echo {text}'", "sh"),
        ("sh -c echo\\ {text}", "sh"),
        ("sh -c '{cmd} x'", "sh"),
        ("find . | xargs -n 1 sh -c 'echo {text}'", "sh"),
        ("timeout 5 dash -c 'echo {text}' > {outputs}/x", "dash"),
        ("x=$(sh -c 'echo {text}')", "sh"),
        ('x="$(sh -c "echo {text}")"', "sh"),
        ("x=`zsh -c 'echo {text}'`", "zsh"),
        ("if true; then (ksh -c 'echo {text}'); fi", "ksh"),
        ("sh -c 'cd {outputs}; make'", "sh"),
        ("su moon -c 'echo {text}'", "su"),
        ("su --command='echo {text}' moon", "su"),
        ("eval echo {text}", "eval"),
        ('set -e; X=1 eval "echo {text}"', "eval"),
        ('f() { eval "x={text}"; }; f', "eval"),
        ("trap 'rm {text}' EXIT", "trap"),
        ("ssh -i key {host} cat {text}", "ssh"),
        ("ssh {host} 'cat {text}'", "ssh"),
        ("python -c 'print(\"{text}\")'", "python"),
        ("python3.12 -X dev -c'print(\"{text}\")'", "python3.12"),
        ("perl -i.bak -pe 's/a/{text}/' file", "perl"),
        ("perl -e 'print 1;' -e 'print \"{text}\"'", "perl"),
        ("ruby -rjson -e 'puts \"{text}\"'", "ruby"),
        ("node --eval='f(\"{text}\")'", "node"),
        ("Rscript -e 'f(\"{text}\")'", "Rscript"),
        ("awk -F, '{print \"{text}\"}' file", "awk"),
        ('gawk -v x=1 "/{text}/" file', "gawk"),
    ],
)
def test_a_place_in_a_program_within_the_command_is_refused(command, program):
    (found,) = code_places(command, COLUMNS)

    names(found, program)


@pytest.mark.parametrize(
    "command",
    [
        "echo {text}; printf '%s' '{text}' | sh -c 'cat'",
        "sh -c 'echo \"$1\"' sh {text}",
        "sh script.sh -c '{text} x'",
        "sh -c {cmd}",
        'bash -c "{cmd}"; eval {cmd}; ssh {host} {cmd}',
        "ssh -o X={text} {host} uptime",
        "ssh -l {text} {host}",
        "sh -c 'sleep {row_index}'",
        "python -c 'import sys; print(sys.argv[1])' {text}",
        "python train.py -c conf/{text}.yaml",
        "python -m train -c conf/{text}.yaml",
        "python train.py eval x{text}",
        "awk -v x={text} '{print x}' {text}.csv",
        "awk -F '{text},' -f pi.awk x{text}",
        "perl script.pl -e x{text}",
        'eval "$(tool x{text})"',
        "trap 'rm x' EXIT; echo x{text}",
        "# sh -c '\necho x{text}",
        "sh -c 'true'; echo x{text}",
        "sh -c 'true' && echo x{text}",
        "cat <<E\nx{text}\nE\necho {text}",
    ],
)
def test_a_place_that_is_data_or_all_of_a_program_is_good(command):
    assert list(code_places(command, COLUMNS)) == []


def test_what_to_do_instead_names_the_place(wording: Wording):
    names(code_places("sh -c 'echo {text}'", COLUMNS), "{text}", "sh", """sh -c '... "$1"' sh {text}""")
    wording(code_places("sh -c 'echo {text}'", COLUMNS))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat <<'E'\n{text}\nE", "<< E"),
        ("cat <<E\n$(echo {text})\nE", "printf"),
        ("cat <<E\n`echo {text}`\nE", "printf"),
    ],
)
def test_a_place_in_a_here_document_that_gets_no_value_is_refused(command, expected, wording: Wording):
    (found,) = code_places(command, COLUMNS)

    names(found, "{text}", expected)
    wording(found)
