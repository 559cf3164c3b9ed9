#!/usr/bin/env python3
"""Finds circles between the files of a crate: sets of files that need each other, by what they `use`.

    scripts/circles.py crates/*

An arrow runs from a file to the file that defines a name it uses: by a `use` line, or by a path in its code
that starts with `crate`, `super`, or a module. A re-export is no arrow; it is followed to where the name is defined.
Methods make no arrows (a type's methods may stand in many files), nor does code under `#[cfg(test)]`.
Exits with 1 and prints each circle, with the names that make it, if there is one.
"""

import re
import sys
from pathlib import Path

DEFINITION = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|const\s+|async\s+|unsafe\s+|extern\s+\"C\"\s+)*"
    r"(?:fn|struct|enum|union|trait|type|const|static|macro_rules!)\s+(\w+)",
    re.M,
)
USE = re.compile(r"^\s*(?:#\[[^\]]*\]\s*)*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", re.M)
INLINE = re.compile(r"(?<![\w:])[a-z_]\w*(?:::\w+)+")


def bare(text):
    """The code without comments, strings and `#[cfg(test)]` modules."""
    text = re.sub(r'r#"(.|\n)*?"#|b?\'(\\.|[^\'\\])\'|b?"(\\.|[^"\\])*"|//[^\n]*|/\*(.|\n)*?\*/', '""', text)
    while found := re.search(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*mod\s+\w+\s*", text):
        end = found.end()
        if text[end] == "{":
            depth = 0
            for end in range(end, len(text)):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                if depth == 0:
                    break
        text = text[: found.start()] + text[end + 1 :]
    return text


def leaves(tree, prefix=()):
    """The paths of a `use` tree with the name each gets here: `a::{b, c as d}` is (a, b) as b, (a, c) as d."""
    tree = tree.strip()
    if brace := re.match(r"((?:\w+::)*)\{(.*)\}$", tree, re.S):
        head = prefix + tuple(part for part in brace[1].split("::") if part)
        depth, start = 0, 0
        inner = brace[2] + ","
        for at, letter in enumerate(inner):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if letter == "," and depth == 0:
                if inner[start:at].strip():
                    yield from leaves(inner[start:at], head)
                start = at + 1
        return
    path, _, name = tree.partition(" as ")
    path = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
    if path and path[-1] == "self" and len(path) > 1:
        path = path[:-1]
    yield path, name.strip() or path[-1]


class Crate:
    def __init__(self, folder):
        self.source = Path(folder) / "src"
        self.files = {}  # module path -> file
        self.defines = {}  # module path -> names
        self.uses = {}  # module path -> [(public, path, name)]
        self.text = {}
        texts = {}
        for file in sorted(self.source.rglob("*.rs")):
            parts = list(file.relative_to(self.source).with_suffix("").parts)
            if parts[-1] in ("mod", "lib", "main"):
                parts.pop()
            texts[tuple(parts)] = file
        # Files of tests are the modules that their parent declares under `#[cfg(test)]`.
        for module, file in texts.items():
            tests = [
                module[:depth]
                for depth in range(1, len(module) + 1)
                if module[: depth - 1] in texts
                and re.search(
                    rf"#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*mod\s+{module[depth - 1]}\s*;",
                    texts[module[: depth - 1]].read_text(),
                )
            ]
            if tests:
                continue
            text = bare(file.read_text())
            self.files[module] = file
            self.text[module] = text
            self.defines[module] = set(DEFINITION.findall(text))
            self.uses[module] = [
                (bool(public), path, name)
                for public, tree in USE.findall(text)
                for path, name in leaves(tree)
            ]

    def absolute(self, module, path):
        """The path from the crate's root, or None when it leads out of the crate."""
        if path[0] == "crate":
            return path[1:]
        at = module
        if path[0] == "self":
            return at + path[1:]
        if path[0] == "super":
            while path and path[0] == "super":
                at, path = at[:-1], path[1:]
            return at + path
        if module + path[:1] in self.files:
            return module + path
        for _, target, name in self.uses[module]:  # an imported module
            if name == path[0] and len(path) > 1 and target[0] in ("crate", "super", "self"):
                inner = self.absolute(module, target)
                if inner in self.files:
                    return inner + path[1:]
        return None

    def home(self, path, seen=frozenset()):
        """The modules that define what a path from the root names."""
        if path in seen:
            return set()
        seen = seen | {path}
        if path in self.files:
            return {path}
        depth = max(d for d in range(len(path)) if path[:d] in self.files)
        module, rest = path[:depth], path[depth:]
        if not rest:
            return {module}
        if rest[0] == "*":
            return {module}
        if rest[0] in self.defines[module]:
            return {module}
        for _, target, name in self.uses[module]:
            if name == rest[0] and (inner := self.absolute(module, target)) is not None:
                return self.home(inner + rest[1:], seen)
        for _, target, name in self.uses[module]:
            if name == "*" and (inner := self.absolute(module, target)) is not None:
                if found := self.home(inner[:-1] + rest, seen) - {inner[:-1]}:
                    return found
                if rest[0] in self.defines.get(inner[:-1], ()):
                    return {inner[:-1]}
        for macros in self.files:  # `macro_rules!` with `#[macro_export]` are named from the root
            if not module and re.search(rf"macro_rules!\s+{rest[0]}\b", self.text[macros]):
                return {macros}
        return {module}

    def arrows(self):
        arrows = {module: {} for module in self.files}
        for module in self.files:
            named = [path for public, path, _ in self.uses[module] if not public]
            code = USE.sub("", self.text[module])
            named += [tuple(path.split("::")) for path in INLINE.findall(code)]
            for path in named:
                if (absolute := self.absolute(module, path)) is None:
                    continue
                for home in self.home(absolute):
                    if home != module:
                        arrows[module].setdefault(home, set()).add(path[-1])
        return arrows


def circles(arrows):
    """The strongly connected sets of more than one file (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in arrows[node]:
            if target not in index:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for node in arrows:
        if node not in index:
            visit(node)
    return found


def main(folders):
    sys.setrecursionlimit(10_000)
    failed = False
    for folder in folders:
        crate = Crate(folder)
        arrows = crate.arrows()
        found = circles(arrows)
        print(f"{folder}: {len(crate.files)} files, {sum(map(len, arrows.values()))} arrows, {len(found)} circles")
        for circle in found:
            failed = True
            print(f"  a circle of {len(circle)} files:")
            for module in sorted(circle):
                for target in sorted(set(arrows[module]) & circle):
                    names = ", ".join(sorted(arrows[module][target]))
                    print(f"    {crate.files[module]} -> {crate.files[target]}: {names}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
