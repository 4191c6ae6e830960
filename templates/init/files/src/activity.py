"""Counts the words of a text, and writes them down, the most frequent ones first."""

import re
from collections import Counter
from pathlib import Path

from hyperscale import NodeRunner


class WordCounter(NodeRunner):
    """Each worker makes one of these, and calls `run` for each of its rows."""

    def set_up(self):
        """Load here what all rows need: a model, say."""
        self.word = re.compile(r"[a-z']+")

    def run(self, row, context):
        """Take one row: path, name and size of a file; what is returned becomes the columns of the results."""
        text = Path(row["path"]).read_text("utf-8")
        counts = Counter(self.word.findall(text.lower()))
        lines = [f"{count} {word}" for word, count in counts.most_common()]
        # Files of this folder are kept if the row succeeds.
        (context.outputs / "words.txt").write_text("\n".join(lines) + "\n", "utf-8")
        return {"words": sum(counts.values()), "different_words": len(counts), "longest_word": max(counts, key=len)}
