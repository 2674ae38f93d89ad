"""Parse images into scene graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import mmcv
import numpy as np
import torch.nn as nn
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope

from mmsgp.checkpoint.loading import use_safe_checkpoint_loading
from mmsgp.datasets.image_files import MAX_PIXELS
from mmsgp.engine.config_file import read_config_file
from mmsgp.structures import SceneGraphDataSample
from mmsgp.utils.progress import Progress
from mmsgp.utils.unwritten import may_be_unwritten
from mmsgp.visualization import SceneGraphVisualizer

from .feature_file import FeatureFile, FeatureRecorder
from .given_objects import MAX_OBJECTS, given_task, with_objects
from .graph_export import describe_sample
from .graph_selection import GraphSelection, check_positive
from .image_inputs import ImageInputs, ImageSource, image_pipeline
from .model_index import resolve_model
from .output_folder import OutputFolder
from .skipping import Unfinished, counting, without_errors
from .trained_parser import load_parser


class SceneGraphInferencer(BaseInferencer):
    """Parses images into scene graphs; used like MMDetection's ``DetInferencer``.

    It needs a config and a checkpoint; a checkpoint of training holds its config.
    The checkpoint contains the class names, priors and detector, so that no
    training data is read.

    Args:
        model: Config file or config; a checkpoint (``.pth``) that holds its config;
            or a name of the model index, see
            :func:`~mmsgp.apis.model_index.resolve_model`. Defaults to None: the config
            in ``weights``.
        weights: Checkpoint. Defaults to None: ``model`` is the checkpoint, or the
            model index names it.
        device: Defaults to None: an accelerator if there is one.
        show_progress: Whether to show a progress bar. Defaults to True.
        max_pixels: Larger images are not decoded. Defaults to 64 million.
        max_objects: Limit of given objects per image. Defaults to 200.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the config cannot be read, the checkpoint does not fit it or
            lacks the names of classes and predicates, or the device is invalid.

    Example:
        >>> inferencer = SceneGraphInferencer(
        ...     'configs/motifnet_cce_scorer_minivg.py', 'epoch_4.pth')
        >>> result = inferencer('street.jpg', out_dir='parsed')
        >>> result['predictions'][0]['relations'][0]
        {'subject': 0, 'object': 3, 'label': 5, 'predicate': 'riding', ...}
    """

    preprocess_kwargs = {'bboxes', 'labels', 'on_error', 'on_skipped'}
    forward_kwargs = {'rank_by', 'predicates_per_pair', 'object_score_thr', 'top_objects'}
    visualize_kwargs = {'return_vis', 'show', 'wait_time'}
    postprocess_kwargs = {'return_datasamples'}

    def __init__(
        self,
        model: str | Path | Config | ConfigDict | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        show_progress: bool = True,
        max_pixels: int = MAX_PIXELS,
        max_objects: int = MAX_OBJECTS,
    ) -> None:
        check_positive(max_pixels=max_pixels, max_objects=max_objects)
        self.max_pixels = max_pixels
        self.max_objects = max_objects
        init_default_scope('mmsgp')
        use_safe_checkpoint_loading()
        if isinstance(model, (str, Path)):
            model = str(model)
            if weights is None and model.endswith('.pth'):
                model, weights = None, model
            else:
                model, weights = resolve_model(model, weights)
                model = read_config_file(model)
        if weights is None:
            raise ValueError(
                'weights is missing: give a checkpoint, which holds the '
                'trained weights and the names of the classes'
            )
        super().__init__(model, str(weights), device, scope='mmsgp', show_progress=show_progress)

    def __call__(self, inputs: ImageInputs, **kwargs) -> dict:
        """Parse images.

        Args:
            inputs: A path or an array, (H, W, 3) uint8 BGR; a folder; a video;
                or a list of these.
            **kwargs: Arguments of :meth:`stream`.

        Returns:
            dict: ``predictions``, a graph per image, see :meth:`stream`; and, if
            ``return_vis``, ``visualization``, their pictures, (H', W', 3) uint8 RGB.
        """
        predictions, pictures = [], []
        for result in self.stream(inputs, **kwargs):
            predictions.append(result['predictions'])
            if kwargs.get('return_vis'):
                pictures.append(result['visualization'])
        return dict(predictions=predictions, visualization=pictures)

    def stream(
        self,
        inputs: ImageInputs,
        batch_size: int = 1,
        bboxes: Sequence | None = None,
        labels: Sequence | None = None,
        on_error: Callable[[Exception], None] | None = None,
        topk: int = 100,
        pred_score_thr: float = 0.0,
        out_dir: str | Path = '',
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        formats: str | Sequence[str] = ('json',),
        features: str | Path | None = None,
        overwrite: bool = True,
        **kwargs,
    ) -> Iterator[dict]:
        """Parse images, with only one batch at a time in memory.

        The task is SGGen; with ``bboxes`` SGCls; with ``labels`` too, PredCls.

        Args:
            inputs: See :meth:`__call__`; or any iterable of these.
            batch_size: Images per batch. Defaults to 1.
            bboxes: Boxes per image, (N, 4) ``x1, y1, x2, y2`` in its pixels; for
                a single image its boxes. Defaults to None: objects are detected.
            labels: Classes of the boxes, (N,), by number or by name. Defaults to
                None: they are predicted.
            on_error: Called with the error of an image that cannot be read or
                parsed; the image is skipped. Defaults to None: errors are raised.
            topk: Number of best relations to keep. Defaults to 100.
            pred_score_thr: Lowest score of relations to keep. Defaults to 0.0.
            out_dir: Folder for pictures (``vis/``) and graphs (``preds/``).
                Defaults to '': nothing is written.
            no_save_vis: Whether to write no pictures. Defaults to False.
            no_save_pred: Whether to write no graphs. Defaults to False.
            formats: File formats of graphs: ``json``, ``graphml``, ``dot``.
                Defaults to ``('json',)``.
            features: HDF5 file for the features of objects and kept relations, see
                :class:`FeatureFile`. Defaults to None: none are written.
            overwrite: Whether images are parsed whose files are all in ``out_dir``
                already. Defaults to True.
            rank_by: As the next three, see :class:`GraphSelection`. The score of
                relations: ``significance``, ``expected_significance``,
                ``probability``, ``both``. Defaults to None: the model's.
            predicates_per_pair: Relations per pair of objects. Defaults to 1.
            object_score_thr: Lowest score of objects to keep. Defaults to 0.0.
            top_objects: Number of best objects to keep. Defaults to None: all.
            return_vis: Whether to return pictures. Defaults to False.
            show: Whether to show pictures. Defaults to False.
            wait_time: Seconds to show each, 0 until a key is pressed. Defaults to 0.
            on_skipped: Called with each image that is not parsed again. Defaults to None.
            return_datasamples: Whether to return data samples, with all relations
                and their distributions, instead of graphs for JSON. Defaults to
                False.

        Yields:
            dict: ``predictions``, the graph of one image, see :func:`describe_sample`;
            and ``visualization``, its picture or None.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If a file is not an image, a folder has no images, or boxes
                or labels do not fit.
        """
        given, forward, visualize, postprocess = self._dispatch_kwargs(
            bboxes=bboxes, labels=labels, on_error=on_error, **kwargs
        )
        check_positive(batch_size=batch_size, topk=topk)
        task, selection = given_task(bboxes, labels), GraphSelection(**forward)
        if task != 'sggen' and selection.selects_objects:
            raise ValueError(
                'object_score_thr and top_objects select detected objects, but bboxes are '
                'given: leave them out'
            )
        outputs = OutputFolder(
            out_dir,
            (formats,) if isinstance(formats, str) else formats,
            graphs=not no_save_pred,
            pictures=not no_save_vis,
            features=FeatureFile(features, self.model.dataset_meta) if features else None,
        )
        source = ImageSource(
            inputs, self.max_pixels, None if overwrite else outputs.hold, outputs.folders
        )
        shared = dict(topk=topk, pred_score_thr=pred_score_thr, outputs=outputs)
        with Progress('parsing images', source.total, self.show_progress) as progress:
            given['on_skipped'] = counting(given.get('on_skipped'), progress.advance)
            if on_error is not None:
                given['on_error'] = counting(on_error, progress.advance)
            for images, data in self.preprocess(source, batch_size, **given):
                samples = self.forward(data, task, selection, outputs.features is not None)
                pictures = self.visualize(images, samples, **shared, **visualize)
                yield from self.postprocess(images, samples, pictures, **shared, **postprocess)
                progress.advance(len(images))
                # Free the memory before the next batch is read.
                del images, data, samples, pictures

    def preprocess(
        self,
        inputs: ImageSource,
        batch_size: int = 1,
        bboxes: Sequence | None = None,
        labels: Sequence | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_skipped: Callable[[dict], None] | None = None,
    ) -> Iterator[tuple]:
        """Yield batches of images and the model's inputs.

        Yields:
            tuple[list[dict], dict]: Items of :class:`ImageSource`, and the model's inputs.
        """
        images = iter(inputs)
        if bboxes is not None:
            images = with_objects(
                inputs, bboxes, labels, self.model.dataset_meta['classes'], self.max_objects
            )
        prepared = map(self._prepare, Unfinished(images, on_skipped))
        if on_error is not None:
            prepared = without_errors(prepared, on_error)
        chunks = iter(lambda: list(islice(prepared, batch_size)), [])
        yield from map(self._collate, chunks)

    def forward(
        self,
        inputs: dict,
        task: str = 'sggen',
        selection: GraphSelection | None = None,
        with_features: bool = False,
    ) -> list[SceneGraphDataSample]:
        """Predict the graphs of a batch for one task, and select from them."""
        self.model.test_tasks = (task,)
        recorder = FeatureRecorder(self.model.relation_head)
        with recorder.recording() if with_features else nullcontext():
            samples = super().forward(inputs)
        if with_features:
            recorder.attach([sample.pred_scene_graphs[task] for sample in samples])
        for sample in samples if selection is not None else ():
            sample.pred_scene_graphs = {task: selection(sample.pred_scene_graphs[task])}
        return samples

    def visualize(
        self,
        images: list[dict],
        samples: list[SceneGraphDataSample],
        outputs: OutputFolder,
        topk: int = 100,
        pred_score_thr: float = 0.0,
        return_vis: bool = False,
        show: bool = False,
        wait_time: float = 0,
    ) -> list[np.ndarray | None]:
        """Draw, show and write a batch of images and their graphs.

        Returns:
            list: Pictures, (H', W', 3) uint8 RGB; None if no picture is needed.
        """
        if not (outputs.picture('') or show or return_vis):
            return [None] * len(images)
        pictures = []
        for image, sample in zip(images, samples):
            out_file = outputs.picture(image['name'])
            with may_be_unwritten(out_file):
                self.visualizer.add_datasample(
                    image['name'],
                    mmcv.bgr2rgb(image['img']),
                    sample,
                    draw_gt=False,
                    show=show,
                    wait_time=wait_time,
                    pred_score_thr=pred_score_thr,
                    topk=min(topk, self.visualizer.topk),
                    out_file=out_file,
                )
            pictures.append(self.visualizer.get_image())
        return pictures

    def postprocess(
        self,
        images: list[dict],
        samples: list[SceneGraphDataSample],
        pictures: list[np.ndarray | None],
        outputs: OutputFolder,
        topk: int = 100,
        pred_score_thr: float = 0.0,
        return_datasamples: bool = False,
    ) -> Iterator[dict]:
        """Convert a batch of samples to plain data and write it.

        Yields:
            dict: ``predictions`` and ``visualization`` of one image.
        """
        for image, sample, picture in zip(images, samples, pictures):
            graph = describe_sample(image, sample, self.model.dataset_meta, topk, pred_score_thr)
            outputs.save(image['name'], graph, sample)
            yield dict(predictions=sample if return_datasamples else graph, visualization=picture)

    def _collate(self, prepared: list[tuple[dict, dict]]) -> tuple[list[dict], dict]:
        images, packed = map(list, zip(*prepared))
        return images, self.collate_fn(packed)

    def _prepare(self, image: dict) -> tuple[dict, dict]:
        """Return an image and the model's input for it."""
        packed = self.pipeline(dict(image))
        if 'given' in image:
            packed['data_samples'].gt_scene_graph = image['given']
        return image, packed

    def _init_pipeline(self, cfg: Config) -> Compose:
        return Compose(image_pipeline(cfg))

    def _init_collate(self, cfg: Config) -> Callable:
        """Do not stack images: the model pads them."""
        return pseudo_collate

    def _init_model(self, cfg: Config, weights: str, device: str = 'cpu') -> nn.Module:
        return load_parser(cfg, weights, device)

    def _init_visualizer(self, cfg: Config) -> SceneGraphVisualizer:
        """Build the config's visualizer without its backends."""
        settings = {**cfg.get('visualizer', {}), 'vis_backends': None}
        visualizer = SceneGraphVisualizer(
            **{key: value for key, value in settings.items() if key not in ('type', 'name')}
        )
        visualizer.dataset_meta = self.model.dataset_meta
        return visualizer
