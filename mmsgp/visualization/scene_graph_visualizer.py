"""Visualizer of scene graphs for MMEngine."""

from __future__ import annotations

from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from mmsgp.registry import VISUALIZERS
from mmsgp.structures import SceneGraph, SceneGraphDataSample
from mmsgp.structures.tasks import TASK_TITLES
from mmsgp.utils.files import replacing

from .figures import draw_comparison, draw_scene_graph


@VISUALIZERS.register_module()
class SceneGraphVisualizer(Visualizer):
    """Draws scene graphs: boxes on the image, and the graph beside it.

    Ground truth and prediction are drawn side by side if there are both. Found
    and missed relations, and predictions without annotation, differ in line and
    colour. ``VisualizationHook`` works with it; give the hook ``score_thr=0``,
    because scores of relations are small.

    ``dataset_meta`` must hold the ``classes`` and ``predicates`` of the data
    set, and may hold a ``palette`` of one colour per class. Runner sets it.

    Args:
        name: Name of the instance. Defaults to 'visualizer'.
        topk: Number of best predicted relations to draw. Defaults to 20.
        task: Task of the prediction to draw. Defaults to None: the first one in
            ``pred_scene_graphs``.
        iou_thr: Lowest IoU of the boxes of a found relation. Defaults to 0.5.
        **kwargs: Arguments of :class:`mmengine.visualization.Visualizer`.

    Example:
        >>> visualizer = SceneGraphVisualizer()
        >>> visualizer.dataset_meta = dataset.metainfo
        >>> visualizer.add_datasample(
        ...     'scene', image, data_sample, out_file='scene.png')
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *,
        topk: int = 20,
        task: str | None = None,
        iou_thr: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.topk = topk
        self.task = task
        self.iou_thr = iou_thr

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SceneGraphDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        pred_score_thr: float = 0.0,
        step: int = 0,
        task: str | None = None,
        topk: int | None = None,
    ) -> None:
        """Draw a sample; show it, write it, or give it to the backends.

        :meth:`get_image` returns the picture afterwards.

        Args:
            name: Name of the picture.
            image: (H, W, 3) uint8, RGB; the boxes of the sample are in its pixels.
            data_sample: A sample with ``gt_scene_graph``, ``pred_scene_graphs`` or
                both. Defaults to None: only the image is drawn.
            draw_gt: Draw the ground truth. Defaults to True.
            draw_pred: Draw the prediction. Defaults to True.
            show: Open a window. Defaults to False.
            wait_time: Seconds until the window closes; 0 waits for a key.
                Defaults to 0.
            out_file: File for the picture, instead of the backends. Defaults to
                None.
            pred_score_thr: Lowest score of predicted relations to draw. Defaults
                to 0.0.
            step: Step for the backends. Defaults to 0.
            task: Overrides the visualizer's ``task``.
            topk: Overrides the visualizer's ``topk``.

        Raises:
            KeyError: If the sample has no prediction for the task.
            ValueError: If ``dataset_meta`` lacks the class names.
        """
        gt = pred = None
        if data_sample is not None:
            if draw_gt:
                gt = data_sample.get('gt_scene_graph')
            if draw_pred and 'pred_scene_graphs' in data_sample:
                task, pred = _prediction(data_sample, task or self.task)
        drawn = (
            image
            if gt is None and pred is None
            else self._draw(
                image, gt, pred, task, pred_score_thr, self.topk if topk is None else topk
            )
        )
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            _write_image(drawn, Path(out_file))
        else:
            self.add_image(name, drawn, step)

    def _draw(
        self,
        image: np.ndarray,
        gt: SceneGraph | None,
        pred: SceneGraph | None,
        task: str | None,
        score_thr: float,
        topk: int,
    ) -> np.ndarray:
        names = self._names()
        if gt is not None and pred is not None:
            return draw_comparison(
                image,
                gt,
                pred,
                **names,
                topk=topk,
                score_thr=score_thr,
                iou_thr=self.iou_thr,
                task=TASK_TITLES.get(task, task),
            )
        graph = gt if pred is None else pred
        title = 'Ground truth' if pred is None else f'Prediction ({TASK_TITLES.get(task, task)})'
        return draw_scene_graph(image, graph, **names, topk=topk, score_thr=score_thr, title=title)

    def _names(self) -> dict:
        meta = self.dataset_meta or {}
        for key in ('classes', 'predicates'):
            if not meta.get(key):
                raise ValueError(
                    f"the visualizer's dataset_meta has no {key!r}: set it to the "
                    'metainfo of the data set, as Runner does'
                )
        return {
            'classes': meta['classes'],
            'predicates': meta['predicates'],
            'palette': meta.get('palette'),
        }


def _write_image(image: np.ndarray, path: Path) -> None:
    """Write an RGB image; a link of this name is replaced, not followed."""
    _, content = cv2.imencode(path.suffix, mmcv.rgb2bgr(image))
    with replacing(path) as draft:
        draft.write_bytes(content)


def _prediction(data_sample: SceneGraphDataSample, task: str | None) -> tuple[str, SceneGraph]:
    """Return the task, by default the first one, and its predicted graph."""
    graphs = data_sample.pred_scene_graphs
    task = task or next(iter(graphs))
    if task not in graphs:
        raise KeyError(
            f'the sample has no prediction for the task {task!r}, only for {", ".join(graphs)}'
        )
    return task, graphs[task]
