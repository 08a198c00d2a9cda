"""Pages of the site that are made of files outside docs/: results, changes, the API reference.

Run by mkdocs-gen-files while the site is built. Pages are written for readers of the repository: a
link to one of its files becomes a link to that file's page on the site, or to a copy of it.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import mkdocs_gen_files

ROOT = Path(__file__).resolve().parents[1]
API_SECTION = "API reference"
_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def repository_pages() -> dict[str, str]:
    """Page of the site, by the path of the file of the repository that it is made of."""
    pages = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
    pages["README.md"] = "results/index.md"
    for readme in ROOT.glob("configs/*/README.md"):
        pages[readme.relative_to(ROOT).as_posix()] = f"results/{readme.parent.name}.md"
    for module in public_modules():
        pages[module.relative_to(ROOT).as_posix()] = f"reference/{module_name(module)}.md"
    return pages


def public_modules() -> list[Path]:
    """The public modules and packages of footmm, a package before its modules."""
    modules = [
        path
        for path in (ROOT / "footmm").rglob("*.py")
        if not any(part.startswith("_") for part in module_name(path).split("."))
    ]
    return sorted(modules, key=module_name)


def module_name(path: Path) -> str:
    """The dotted name of a module's or package's file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relink(text: str, source: str, page: str, pages: dict[str, str]) -> tuple[str, set[str]]:
    """Turn the links of a file of the repository into links of its page.

    Args:
        text: Markdown.
        source: Path of its file in the repository.
        page: Path of the page on the site.
        pages: Pages of the site by the path of their file in the repository.

    Returns:
        The text, and the linked files that have no page, as paths in the repository.
    """
    linked: set[str] = set()

    def replace(match: re.Match[str]) -> str:
        target = os.path.normpath(PurePosixPath(source).parent / match[1])
        if not (ROOT / target).is_file():
            return match[0]
        if target.startswith("docs/"):
            place = target.removeprefix("docs/")
        else:
            place = pages.get(target, f"files/{target}")
        if place == f"files/{target}":
            linked.add(target)
        return f"]({os.path.relpath(place, PurePosixPath(page).parent)}{match[2] or ''})"

    return _LINK.sub(replace, text), linked


def write_pages_of_files(pages: dict[str, str]) -> None:
    """Write the pages of Markdown files, and copies of the files that they link to."""
    sources = {source: page for source, page in pages.items() if source.endswith(".md")}
    del sources["README.md"]
    sources |= {f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")}
    linked: set[str] = set()
    for source, page in sources.items():
        original = (ROOT / source).read_text(encoding="utf-8")
        text, files = relink(original, source, page, pages)
        linked |= files
        _write(page, text)
    for file in linked:
        with mkdocs_gen_files.open(f"files/{file}", "wb") as stream:
            stream.write((ROOT / file).read_bytes())


def write_model_zoo(pages: dict[str, str]) -> None:
    """Write the README's model zoo as the first page of the results."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Model zoo\n")[1].split("\n## ")[0]
    text, _ = relink(section, "README.md", "results/index.md", pages)
    _write("results/index.md", f"# Model zoo\n{text}")


def write_api_reference() -> list[Any]:
    """Write a page for each public module; return their part of the navigation."""
    names = [module_name(path) for path in public_modules()]
    for name in names:
        children = [child for child in names if child.rpartition(".")[0] == name]
        _write(f"reference/{name}.md", f"# {name}\n\n::: {name}\n\n{_contents(children)}")
    return list(_navigation("footmm", names))


def _write(page: str, text: str) -> None:
    with mkdocs_gen_files.open(page, "w", encoding="utf-8") as stream:
        stream.write(text)


def _contents(modules: list[str]) -> str:
    if not modules:
        return ""
    rows = [f"| [{name}]({name}.md) | {_summary(name)} |" for name in modules]
    return "\n".join(["| module | |", "| --- | --- |", *rows, ""])


def _summary(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def _navigation(package: str, names: list[str]) -> Iterator[Any]:
    yield f"reference/{package}.md"
    for name in names:
        if name.rpartition(".")[0] != package:
            continue
        title = name.rpartition(".")[2]
        if any(other.startswith(f"{name}.") for other in names):
            yield {title: list(_navigation(name, names))}
        else:
            yield {title: f"reference/{name}.md"}


def main() -> None:
    """Write all pages, and add those of the API reference to the navigation."""
    pages = repository_pages()
    write_pages_of_files(pages)
    write_model_zoo(pages)
    mkdocs_gen_files.config.nav.append({API_SECTION: write_api_reference()})


if __name__ == "<run_path>":
    main()
