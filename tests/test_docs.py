"""The pages of the site: all of them in the navigation, alike, and true."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from footmm.apis.config import load_config
from footmm.apis.runner import build_runner, train
from footmm.registry import DATASETS, METRICS, MODELS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TASKS = ("reid", "homography", "synloc", "trajectory", "detection", "ball3d", "tactics")
SECTIONS = ["What it does", "Data", "Train", "Results", "Pictures", "Use it", "References"]


@pytest.fixture(scope="module")
def generate():
    """docs/generate.py, without the site that it is run by."""
    pytest.importorskip("mkdocs_gen_files")
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def navigation_pages(entry) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    entries = entry.values() if isinstance(entry, dict) else entry
    return [page for child in entries for page in navigation_pages(child)]


def test_navigation_holds_each_page_once(generate):
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = navigation_pages(settings["nav"])
    written = {path.name for path in DOCS.glob("*.md")}
    of_files = {page for file, page in generate.repository_pages().items() if file.endswith(".md")}
    assert sorted(listed) == sorted(written | of_files)


def test_every_public_module_has_a_page(generate):
    names = [generate.module_name(path) for path in generate.public_modules()]
    assert {"footmm", "footmm.pitch", "footmm.pitch.camera", "footmm.registry"} <= set(names)
    assert not [name for name in names if "._" in name]
    assert sorted(navigation_pages(list(generate._navigation("footmm", names)))) == sorted(
        f"reference/{name}.md" for name in names
    )


@pytest.mark.parametrize(
    ("link", "target", "copied"),
    [
        ("../configs/reid/README.md", "results/reid.md", set()),
        ("../configs/reid/README.md#speed", "results/reid.md#speed", set()),
        ("../CONTRIBUTING.md", "contributing.md", set()),
        ("../footmm/pitch/camera.py", "reference/footmm.pitch.camera.md", set()),
        ("../configs/reid/osnet.py", "files/configs/reid/osnet.py", {"configs/reid/osnet.py"}),
        ("images/simulation_drone.jpg", "images/simulation_drone.jpg", set()),
        ("hardware.md#a-gpu", "hardware.md#a-gpu", set()),
        ("https://arxiv.org/abs/1905.00953", "https://arxiv.org/abs/1905.00953", set()),
        ("../no/such/file.py", "../no/such/file.py", set()),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(generate, link, target, copied):
    pages = generate.repository_pages()
    text, linked = generate.relink(f"[a]({link})", "docs/reid.md", "reid.md", pages)
    assert (text, linked) == (f"[a]({target})", copied)


def test_links_of_results_lead_out_of_their_folder(generate):
    text = "![p](../../docs/images/a.png) [d](../../docs/reid.md) [c](osnet.py)"
    (found, linked) = generate.relink(
        text.replace("a.png", "simulation_drone.jpg"),
        "configs/reid/README.md",
        "results/reid.md",
        generate.repository_pages(),
    )
    assert found == (
        "![p](../images/simulation_drone.jpg) [d](../reid.md) [c](../files/configs/reid/osnet.py)"
    )
    assert linked == {"configs/reid/osnet.py"}


@pytest.mark.parametrize("task", TASKS)
def test_pages_of_tasks_are_alike(task):
    text = (DOCS / f"{task}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    pictures = text.split("## Pictures")[1].split("\n## ")[0]
    assert re.search(r"!\[.+\]\(images/.+\)\n\n\*[^*]*[Ss]ynthetic", pictures)
    assert f"](../configs/{task}/README.md)" in text.split("## Results")[1].split("\n## ")[0]


def figures_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.@])\d+\.\d+", text))


def measured_figures(task: str) -> set[str]:
    """Figures of synthetic data in the results of a task, as "0.68", "**0.68**" or "0.68 m"."""
    results = (ROOT / "configs" / task / "README.md").read_text(encoding="utf-8")
    return set(re.findall(r"(?<![\w.])(\d+\.\d+)(?:\*\*)?(?: m)? \(synthetic\)", results))


@pytest.mark.parametrize("task", TASKS)
def test_figures_are_those_of_the_results(task):
    page = (DOCS / f"{task}.md").read_text(encoding="utf-8").split("## Results")[1]
    claims = re.findall(r"(\d+\.\d+) \(synthetic\)", page.split("### Metric")[0])
    assert len(claims) >= 3
    assert set(claims) <= measured_figures(task)


def zoo_cells(task: str) -> list[str]:
    """Cells of a task in the README's model zoo, "measured" and "beside it", with figures."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cells, current = [], ""
    for line in readme.split("## Model zoo")[1].split("```")[0].splitlines():
        if not line.startswith(("| [", "| |")):
            continue
        first, _, _, *measured = [cell.strip() for cell in line.strip("|").split("|")]
        current = first.split("`")[1] if first else current
        cells += [cell for cell in measured if cell and current == task]
    return cells


@pytest.mark.parametrize("task", TASKS)
def test_model_zoo_is_that_of_the_results(task):
    cells = zoo_cells(task)
    assert cells
    assert all(cell.endswith("(synthetic)") for cell in cells)
    assert set().union(*map(figures_of, cells)) <= measured_figures(task)


def test_model_zoo_has_the_commands_of_each_task():
    zoo = (ROOT / "README.md").read_text(encoding="utf-8").split("## Model zoo")[1]
    trained = re.findall(r"^python tools/train\.py (\S+)$", zoo, re.MULTILINE)
    tested = re.findall(r"^python tools/test\.py (\S+) (\S+)$", zoo, re.MULTILINE)
    assert {config.split("/")[1] for config in trained} == set(TASKS)
    assert [config for config, _ in tested] == trained
    for config, checkpoint in tested:
        epochs = load_config(ROOT / config).train_cfg.max_epochs
        assert checkpoint == f"work_dirs/{Path(config).stem}/epoch_{epochs}.pth"


@pytest.fixture
def own_parts(tmp_path, monkeypatch):
    """The files of the page, and registries that forget them."""
    text = (DOCS / "add_your_own.md").read_text(encoding="utf-8")
    files = dict(re.findall(r'```python title="(\w+\.py)"\n(.*?)```', text, re.DOTALL))
    for name, code in files.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for registry in (DATASETS, MODELS, METRICS):
        # What is imported for the first time now would be forgotten too, and never be registered.
        registry.import_from_location()
        monkeypatch.setattr(registry, "_module_dict", dict(registry._module_dict))
    yield sorted(files)
    for name in files:
        sys.modules.pop(Path(name).stem, None)


def write_crops(folder: Path) -> None:
    """Crops of one colour a player: eight players to train on, four to test on."""
    rng = np.random.default_rng(0)
    for split, players in (("train", range(8)), ("test", range(8, 12))):
        for player in players:
            colour = rng.uniform(0, 255, 3)
            (folder / split / str(player)).mkdir(parents=True)
            for name in ("1-a.png", "2-a.png", "2-b.png"):
                crop = (colour + rng.normal(0, 20, (128, 64, 3))).clip(0, 255)
                cv2.imwrite(str(folder / split / str(player) / name), crop.astype(np.uint8))


def test_own_dataset_model_and_metric_train(own_parts, tmp_path):
    assert own_parts == ["my_backbone.py", "my_dataset.py", "my_metric.py", "my_reid.py"]
    write_crops(tmp_path / "data/crops")
    config = load_config(tmp_path / "my_reid.py")
    config.work_dir = str(tmp_path / "work")
    config.train_cfg.update(max_epochs=1, val_interval=1)
    config.param_scheduler = []

    runner = build_runner(config, "cpu")
    train(runner)

    assert type(runner.model.backbone).__name__ == "SmallBackbone"
    assert len(runner.train_dataloader.dataset) == 24
    scores = runner.message_hub.log_scalars
    same, different = (scores[f"val/separation/{name}"].current() for name in ("same", "different"))
    assert -1 <= different < same <= 1
    assert 0 < scores["val/reid/mAP"].current() <= 1
