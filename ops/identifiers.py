"""Share of private words among the identifiers of a source tree, and public names defined twice.

    python ops/identifiers.py services

Used by `tests/unit/test_conventions.py` too. The exit code is 1 if the share is 0.5 % or more, a
public name is defined twice, or the first paragraph of a module's docstring is a question.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PRIVATE_WORDS: Final = frozenset(
    ("one", "found", "asked", "told", "said", "made", "some", "held", "known")
)
MAX_SHARE: Final = 0.5
"""Per cent of all identifiers."""
CONVENTIONAL: Final = frozenset({"main", "fold"})
"""Public names that several modules may define: a process's entry point, a projection's fold."""
CLIENT: Final = "client"
"""The package whose functions have the names of the operations that they call."""


@dataclass(frozen=True)
class Report:
    total: int
    private: dict[Path, int]
    """Occurrences of private words in each file that has any."""
    duplicates: dict[str, list[Path]]
    """Public names that are defined more than once, with the files."""
    questions: list[Path]
    """Modules whose docstring is a question."""

    @property
    def share(self) -> float:
        """Private words, in per cent of all identifiers."""
        return 100 * sum(self.private.values()) / max(self.total, 1)


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Names, arguments, attributes and definitions of a module, each occurrence."""
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield value


def public_definitions(tree: ast.Module) -> Iterator[str]:
    """Public classes, functions and type aliases that a module defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            names = [name for name in names if name[0].isupper() and not name.isupper()]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def examine(folder: Path) -> Report:
    """Parse every Python file below a folder."""
    counts: dict[Path, Counter[str]] = {}
    definitions: defaultdict[str, list[Path]] = defaultdict(list)
    questions: list[Path] = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        counts[path] = Counter(identifiers(tree))
        for name in public_definitions(tree):
            if not (path.parent.name == CLIENT and name.islower()):
                definitions[name].append(path)
        if (ast.get_docstring(tree) or "").split("\n\n")[0].strip().endswith("?"):
            questions.append(path)
    private = {path: sum(count[word] for word in PRIVATE_WORDS) for path, count in counts.items()}
    return Report(
        total=sum(count.total() for count in counts.values()),
        private={path: number for path, number in private.items() if number},
        duplicates={
            name: paths
            for name, paths in sorted(definitions.items())
            if len(paths) > 1 and name not in CONVENTIONAL
        },
        questions=questions,
    )


def main(folder: str) -> int:
    report = examine(Path(folder))
    for path, number in sorted(report.private.items(), key=lambda item: -item[1]):
        print(f"{number:5} {path}")
    for name, paths in report.duplicates.items():
        print(f"defined {len(paths)} times: {name} ({', '.join(map(str, paths))})")
    for path in report.questions:
        print(f"docstring is a question: {path}")
    print(
        f"private words: {report.share:.2f} % of {report.total} identifiers (limit {MAX_SHARE} %)"
    )
    return int(report.share >= MAX_SHARE or bool(report.duplicates) or bool(report.questions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "services"))
