"""Finds the places of a command whose values a program would read as code: those in a script within the script."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from hyperscale.command_template import Place, places
from hyperscale.shell_reader import HereDocument

_SHELL_HINT = """give it behind the script: sh -c '... "$1"' sh {place}"""
_ARGUMENT_HINT = "give it behind the program's text, as an argument"
_AWK_HINT = "give it as a variable: awk -v name={place} '...'"
_SSH_HINT = "send it as standard input: printf %s {place} | ssh ..."
_EVAL_HINT = "the shell reads it once more; leave {program} out"


@dataclass(frozen=True)
class _Interpreter:
    """A program with an option whose argument is code.

    Attributes:
        names: what it is called.
        option: as a pattern.
        takes_a_word: its other options whose argument is the next word; None if more may stand before `option`.
        hint: what to do instead.
    """

    names: str
    option: str
    takes_a_word: str | None
    hint: str


_INTERPRETERS = (
    _Interpreter(r"(ba|da|z|k|a)?sh", r"-[A-Za-z]*c[A-Za-z]*", r"[-+][A-Za-z]*[oO]", _SHELL_HINT),
    _Interpreter(r"su|runuser", r"-[A-Za-z]*c|--command", None, _SHELL_HINT),
    _Interpreter(r"python[0-9.]*", r"-[A-Za-z]*c", r"-[WX]", _ARGUMENT_HINT),
    _Interpreter(r"perl[0-9.]*", r"-(?!M)[A-Za-z0-9]*[eE]", r"-I", _ARGUMENT_HINT),
    _Interpreter(r"ruby[0-9.]*", r"-(?!r)[A-Za-z]*e", r"-[Ir]", _ARGUMENT_HINT),
    _Interpreter(r"node|nodejs", r"-e|-p|-pe|--eval|--print", r"-r|--require|--import", _ARGUMENT_HINT),
    _Interpreter(r"Rscript|R", r"-e", r"", _ARGUMENT_HINT),
)
_AWK_TAKES_A_WORD = r"-[Fv]|--assign|--field-separator"
_SSH_TAKES_A_WORD = r"-[A-Za-z0-9]*[BbcDEeFIiJLlmOoPpRSWw]"
#: What may stand before a command; behind any other word eval is an argument, as in `python train.py eval`.
_BEFORE_A_COMMAND = re.compile(
    r"if|then|elif|else|while|until|do|time|command|builtin|exec|\{|!|\w+=.*|.*\(\)", re.DOTALL
)
_QUOTES = re.compile(r"['\"\\]")
_END_OF_WORD = r"($|[\s;&|)`])"


def code_places(command: str, columns: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with each place in `command` whose value would not reach a program as it is.

    What a program reads as code is refused, unless a place is all of it: `sh -c {command}` means what it says. The
    index of a row is no code.
    """
    for place in places(command, columns):
        document = place.reader.here_document
        if place.name is None or place.name == "row_index":
            continue
        problem = _in_program(place) if document is None else _in_document(document)
        if problem is not None:
            yield f"{{{place.name}}} {problem}"


def _in_document(document: HereDocument) -> str | None:
    if document.is_verbatim:
        end = document.delimiter
        return f"stands in a here-document whose {end} is quoted, and the shell puts no value there; write << {end}"
    if document.has_commands:
        return "stands in or behind a command in a here-document, where it may be split; use printf"
    return None


def _in_program(place: Place) -> str | None:
    *before, start = place.reader.words
    words = [_QUOTES.sub("", word) for word in before]
    is_whole = start in ("", "'", '"') and re.match(start + _END_OF_WORD, place.behind) is not None
    for number, word in enumerate(words):
        program = word.rpartition("/")[2]
        found = _code(program, words[:number], words[number + 1 :], start)
        if found is not None and not (is_whole and found[0] == 0):
            hint = found[1].format(place=f"{{{place.name}}}", program=program)
            return f"would be code to {program}, whatever its value is; {hint}"
    return None


def _code(program: str, before: Sequence[str], words: Sequence[str], start: str) -> tuple[int, str] | None:
    """Return whether `program` reads the word that begins with `start` as code.

    Args:
        program: its name.
        before: the words of the command before it.
        words: those behind it.
        start: of the word that follows them, with its quotes.

    Returns:
        How many words are code before it, and what to do instead; None if it is no code.
    """
    if program in ("eval", "trap"):
        is_code = (program == "eval" or not words) and all(map(_BEFORE_A_COMMAND.fullmatch, before))
        return (len(words), _EVAL_HINT) if is_code else None
    if program == "ssh":
        arguments = _arguments([*words, start], _SSH_TAKES_A_WORD)
        return (len(arguments) - 2, _SSH_HINT) if len(arguments) > 1 else None
    if re.fullmatch(r"[gmn]?awk", program):
        has_file = any(word.startswith(("-f", "--file")) for word in words)
        is_code = not has_file and len(_arguments([*words, start], _AWK_TAKES_A_WORD)) == 1
        return (0, _AWK_HINT) if is_code else None
    for interpreter in _INTERPRETERS:
        if re.fullmatch(interpreter.names, program) and _is_argument_of_option(interpreter, words, start):
            return 0, interpreter.hint
    return None


def _is_argument_of_option(interpreter: _Interpreter, words: Sequence[str], start: str) -> bool:
    option, others = interpreter.option, words
    if re.match(rf"({option})(=|['\"])", start) is None:
        if not words or re.fullmatch(option, words[-1]) is None:
            return False
        others = words[:-1]
    return interpreter.takes_a_word is None or not _arguments(others, rf"{interpreter.takes_a_word}|{option}")


def _arguments(words: Sequence[str], takes_a_word: str) -> Sequence[str]:
    """Return `words` without the options that they begin with, and without the arguments of these."""
    at = 0
    while at < len(words) and words[at][:1] in ("-", "+"):
        at += 2 if re.fullmatch(takes_a_word, words[at]) else 1
    return words[at:]
