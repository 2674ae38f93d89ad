"""Report of runs as one HTML file, without other files."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mmsgp.evaluation.functional import DESCRIPTIONS, predicate_confusion
from mmsgp.reporting.runs import CHECK_FILE, PREDICTIONS_FILE, ReportedRun
from mmsgp.structures.tasks import TASK_TITLES
from mmsgp.utils.files import replacing
from mmsgp.visualization.predicate_figures import (
    plot_confusion_matrix,
    plot_per_class_change,
    plot_predicate_distribution,
)
from mmsgp.visualization.run_legend import RUN_COLORS
from mmsgp.visualization.training_curves import plot_training_curves

from .gallery import NUM_DRAWN, gallery
from .tables import config_differences, metric_table, per_class_data

CURVES = ('loss', 'acc_*', '*/R@100', '*/mR@100')


def write_report(
    runs: Sequence[ReportedRun],
    path: str | Path,
    task: str | None = None,
    k: int = 20,
    num_pictures: int = 3,
) -> None:
    """Write configuration, tables, figures, pictures and timings of runs.

    Missing parts of a run are left out, and the page names the command that
    creates them.

    Args:
        runs: Runs on the same data.
        path: The HTML file.
        task: The task of the pictures and the confusion matrices. Defaults to
            None: the first that all runs have.
        k: K of the recall by which pictures are chosen. Defaults to 20.
        num_pictures: Pictures of each kind. Defaults to 3.

    Raises:
        ValueError: If the runs have no task in common, not all have ``task``, or
            their data differ.
    """
    tasks = [name for name in runs[0].tasks if all(name in run.tasks for run in runs)]
    if not tasks or task not in (None, *tasks):
        raise ValueError(
            f'no {task or "task"} that all runs have: '
            + ', '.join(f'{run.folder} has {run.tasks}' for run in runs)
        )
    task = task or tasks[0]
    chart = per_class_data(runs, tasks)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template('page.html').render(
        runs=runs,
        titles={name: TASK_TITLES.get(name, name) for name in tasks},
        task=task,
        k=k,
        num_drawn=NUM_DRAWN,
        colors=RUN_COLORS,
        tables={name: metric_table(runs, name) for name in tasks},
        descriptions=DESCRIPTIONS,
        chart=chart,
        differences=config_differences([run.config for run in runs]),
        predictions_file=PREDICTIONS_FILE,
        check_file=CHECK_FILE,
        galleries=[_gallery(run, task, k, num_pictures) for run in runs],
        **_figures(runs, task, chart),
    )
    with replacing(path) as draft:
        draft.write_text(text, encoding='utf-8')


def _figures(runs: Sequence[ReportedRun], task: str, chart: dict) -> dict:
    """Draw the static figures as data URIs."""
    recalls = chart['recall'][task]
    change_k = '100' if '100' in recalls else list(recalls)[-1]
    first, *others = np.array(recalls[change_k], np.float64)  # (R,) each
    label = f'{TASK_TITLES.get(task, task)} recall@{change_k}'
    confusions = []
    for run in runs:
        known = run.ranks is not None and run.ranks.tasks[task].predicted is not None
        confusions.append(
            figure_uri(plot_confusion_matrix(run.ranks.names, predicate_confusion(run.ranks, task)))
            if known
            else None
        )
    logs = {run.name: run.log for run in runs if run.log is not None}
    keys = list(dict.fromkeys(key for log in logs.values() for key in log.keys(CURVES)))
    return dict(
        distribution=figure_uri(
            plot_predicate_distribution(chart['predicates'], chart['train_counts'])
        ),
        changes=[
            figure_uri(
                plot_per_class_change(
                    chart['predicates'], first, other, f'{label}, from {runs[0].name} to {run.name}'
                )
            )
            for run, other in zip(runs[1:], others)
        ],
        confusions=confusions,
        curves=figure_uri(
            plot_training_curves(
                keys,
                {
                    name: {key: log.curve(key) for key in log.keys(keys)}
                    for name, log in logs.items()
                },
            )
        )
        if keys
        else None,
    )


def _gallery(run: ReportedRun, task: str, k: int, number: int) -> dict[str, list] | None:
    """Draw pictures, with data URIs, by kind; None without predictions."""
    predictions = run.predictions
    if predictions is None or run.ranks is None:
        return None
    pictures = gallery(predictions, run.ranks, task, k, number)
    predictions.close()
    return {
        kind: [
            (
                picture,
                None
                if picture.drawn is None
                else data_uri(Image.fromarray(picture.drawn), 'webp', quality=80),
            )
            for picture in chosen
        ]
        for kind, chosen in pictures.items()
    }


def figure_uri(figure: Figure) -> str:
    """Convert a figure to the data URI of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    # Few colours: a palette makes it several times smaller.
    image = Image.open(buffer).convert('RGB').quantize(256, dither=Image.Dither.NONE)
    return data_uri(image, 'png', optimize=True)


def data_uri(image: Image.Image, kind: str, **options) -> str:
    """Convert an image to a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f'data:image/{kind};base64,' + base64.b64encode(buffer.getvalue()).decode()
