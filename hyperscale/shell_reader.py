"""Follows a shell script from its start as the shell reads it: quotes, commands within commands, here-documents."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A `#` behind one of these begins a comment; what is escaped is part of a word.
_BEFORE_A_WORD, _IN_A_WORD = " \t\n;&|()", "x"
#: A word that begins a here-document, with its delimiter unless that is the next word; `<<<` begins none.
_HERE = re.compile(r"<<(?P<dash>-?)(?!<)(?P<delimiter>.*)", re.DOTALL)
_QUOTES = re.compile(r"['\"\\]")


@dataclass
class HereDocument:
    """Lines of a script that are the standard input of a command.

    Attributes:
        delimiter: the line that ends it.
        strips_tabs: whether tabs before the delimiter do not count.
        is_verbatim: whether the shell puts no values into it; its delimiter stands in quotes then.
        has_commands: whether a command within it has begun already.
    """

    delimiter: str
    strips_tabs: bool
    is_verbatim: bool
    has_commands: bool = False


class ShellReader:
    """Where the shell is in a script that was read up to some place.

    A command within a command, `$(...)` or in backquotes, has quotes of its own, also where it stands in quotes.
    """

    def __init__(self) -> None:
        """Stand before the script."""
        self._open: list[str] = []
        self._last, self._in_comment = "\n", False
        # Of each command that is not yet at its end, the outermost first; the last word is the one that is read.
        self._commands: list[list[str]] = [[""]]
        self._dash: str | None = None  # of a here-document whose delimiter is the next word
        self._awaited: list[HereDocument] = []
        self._in_body, self._line = False, ""

    @property
    def innermost(self) -> str:
        """What was opened last and is still open: a quote, a backquote, a parenthesis; empty if nothing is.

        In a here-document values are put in as in double quotes.
        """
        if self._in_body:
            return '"'
        return self._open[-1] if self._open else ""

    @property
    def words(self) -> tuple[str, ...]:
        """The innermost command as far as it was read, with its quotes; the last word is not yet at its end."""
        return tuple(self._commands[-1])

    @property
    def here_document(self) -> HereDocument | None:
        """The here-document that is read."""
        return self._awaited[0] if self._in_body else None

    def read(self, text: str) -> None:
        """Read on."""
        for character in text:
            if self._in_body:
                self._take_of_body(character)
            else:
                self._take(character)

    def _take(self, character: str) -> None:
        innermost, last, self._last = self.innermost, self._last, character
        if self._in_comment and character != "\n":
            return
        if innermost != "'" and last == "\\" and not self._in_comment:
            self._take_escaped(character)
        elif character == innermost != "(" or (character == ")" and innermost == "("):
            self._close(character)
        elif self._is_opening(character, last):
            self._start(character)
        elif innermost in ("'", '"'):
            self._add(character)
        elif character == "#" and last in _BEFORE_A_WORD:
            self._in_comment = True
        elif character in "\n;&|)":
            self._end_command()
            self._in_comment = False
            self._in_body = character == "\n" and bool(self._awaited)
        elif character in " \t":
            self._end_word()
        else:
            if character == "<" and last != "<":
                self._end_word()  # a redirection needs no space before it
            self._add(character)

    def _is_opening(self, character: str, last: str) -> bool:
        if self.innermost == "'" or self._in_comment:
            return False
        if self.innermost == '"':
            return character == "`" or (character == "(" and last == "$")
        return character in "`'\"("

    def _start(self, character: str) -> None:
        self._add(character)
        self._open.append(character)
        if character in "(`":
            self._commands.append([""])

    def _close(self, character: str) -> None:
        if character in ")`":
            self._end_word()
            self._commands.pop()
        self._open.pop()
        self._add(character)

    def _take_escaped(self, character: str) -> None:
        self._last = _IN_A_WORD
        if character == "\n" and self.innermost != '"':
            self._commands[-1][-1] = self._commands[-1][-1][:-1]  # the line goes on
        else:
            self._add(character)

    def _add(self, character: str) -> None:
        self._commands[-1][-1] += character

    def _end_word(self) -> None:
        word = self._commands[-1][-1]
        if not word:
            return
        self._commands[-1].append("")
        found = _HERE.fullmatch(word)
        if self._dash is not None:
            self._await(self._dash, word)
        elif found is not None and self._open[-2:] != ["(", "("]:  # in $((...)) it shifts bits
            self._dash = found["dash"]
            if found["delimiter"]:
                self._await(self._dash, found["delimiter"])

    def _end_command(self) -> None:
        self._end_word()
        self._commands[-1] = [""]

    def _await(self, dash: str, delimiter: str) -> None:
        plain = _QUOTES.sub("", delimiter)
        self._awaited.append(HereDocument(plain, dash == "-", plain != delimiter))
        self._dash = None

    def _take_of_body(self, character: str) -> None:
        document = self._awaited[0]
        if character != "\n":
            self._line += character
            document.has_commands |= character == "`" or self._line.endswith("$(")
            return
        if (self._line.lstrip("\t") if document.strips_tabs else self._line) == document.delimiter:
            self._awaited.pop(0)
            self._in_body = bool(self._awaited)
        self._line = ""
