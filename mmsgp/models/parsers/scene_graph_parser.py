"""Scene graph parser: a frozen detector and a relation head.

Shape shorthand: B images, N objects of a batch, C object classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from mmdet.models.detectors import BaseDetector
from torch import Tensor

from mmsgp.checkpoint.pretrained import check_names, check_pretrained, pretrained_cfgs
from mmsgp.models.detector_adapters import PreparedBatch, build_detector_adapter
from mmsgp.models.detector_adapters.base import check_thresholds
from mmsgp.models.layers import count_groups, full_precision
from mmsgp.registry import MODELS, TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraph, SceneGraphDataSample

from .feature_cache import FeatureCache
from .feature_maps import FrozenMaps
from .freezing import frozen_parts
from .input_checks import check_keys, check_normalization, check_pairs, check_strides, check_tasks
from .sample_facts import image_sizes, present_classes

DEFAULT_DETECTION = dict(score_thr=0.01, iou_thr=0.3, max_per_image=64)


@MODELS.register_module()
class SceneGraphParser(BaseDetector):
    """Parses images into scene graphs.

    The backbone runs once per image for all tasks; PredCls and SGCls share the
    pooled features of the given boxes. The detector is frozen: it has no
    gradients, stays in evaluation mode and is skipped by
    ``TrainableParamsConstructor``. The relation head is trained on SGCls and
    may then be fine-tuned on the detector's boxes.

    Args:
        detector: Config of a detector of MMDetection. Its weights come from its
            own ``init_cfg``.
        relation_head: Config of the relation head.
        train_task: ``'sgcls'`` trains the relation head on annotated boxes,
            ``'sggen'`` on detected boxes, to which the ``graph_assigner``
            transfers the annotations. Defaults to ``'sgcls'``.
        test_tasks: Tasks that :meth:`predict` runs, any of ``predcls``,
            ``sgcls`` and ``sggen``. Defaults to ``('sgcls',)``.
        detection_cfg: Thresholds of the objects of SGGen, arguments of
            :meth:`DetectorAdapter.detect_objects`. Defaults, also of single
            keys, are those of the reference: ``score_thr=0.01``, ``iou_thr=0.3``,
            ``max_per_image=64``.
        sggen_pairs: Candidate pairs of SGGen: ``'overlapping'``, those whose boxes
            overlap, as in the reference; or ``'all'``, for data with relations such
            as "left of". Defaults to ``'overlapping'``.
        detector_adapter: Config of the :class:`DetectorAdapter`. Defaults to
            None, see :func:`build_detector_adapter`.
        graph_assigner: Config of the assigner of annotations to detected boxes.
            Defaults to :class:`GraphAssigner`.
        frozen: Names of further parts that are not trained, as in
            :meth:`torch.nn.Module.named_modules`; ``*`` stands for any letters,
            e.g. ``('relation_head.pair_features', 'relation_head.*_lstm')``.
            They stay in evaluation mode. Defaults to None: only the detector is
            frozen.
        compile_backbone: Whether to run ``torch.compile`` on the detector's
            backbone, at the first image of each size. Defaults to False.
        data_preprocessor: Config of the preprocessor; mean, standard deviation
            and channel order must be the detector's. Defaults to None: the
            detector's preprocessor.
        init_cfg: Weights of type ``Pretrained`` are those of the whole parser.
            Defaults to None.

    Raises:
        ValueError: If a task is unknown, a threshold is unknown or out of
            range, no part has a name in ``frozen``, the detector and the relation
            head differ in their numbers of classes, or parser and detector
            normalise images differently.
    """

    def __init__(
        self,
        detector: dict,
        relation_head: dict,
        train_task: str = 'sgcls',
        test_tasks: Sequence[str] = ('sgcls',),
        detection_cfg: dict = DEFAULT_DETECTION,
        sggen_pairs: str = 'overlapping',
        detector_adapter: dict | None = None,
        graph_assigner: dict = dict(type='GraphAssigner'),
        frozen: Sequence[str] | None = None,
        compile_backbone: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        detector_preprocessor = detector.get('data_preprocessor')
        if data_preprocessor and detector_preprocessor:
            check_normalization(data_preprocessor, detector_preprocessor)
        if detector_preprocessor:
            # built here, because MMEngine would search its own registry
            detector_preprocessor = MODELS.build(detector_preprocessor)
            detector = {**detector, 'data_preprocessor': detector_preprocessor}
        super().__init__(
            data_preprocessor=MODELS.build(data_preprocessor)
            if data_preprocessor
            else detector_preprocessor,
            init_cfg=init_cfg,
        )
        check_tasks(train_task, test_tasks)
        check_pairs(sggen_pairs)
        check_keys(detection_cfg, DEFAULT_DETECTION)
        self.train_task = train_task
        self.test_tasks = tuple(test_tasks)
        self.pairs_overlap = sggen_pairs == 'overlapping'
        self.detection_cfg = {**DEFAULT_DETECTION, **detection_cfg}
        check_thresholds(**self.detection_cfg)
        self.detector = MODELS.build(detector)
        self.detector.requires_grad_(False)
        if compile_backbone:
            self.detector.backbone.compile()
        self.frozen_maps = FrozenMaps(self.detector)
        self.detector_adapter = build_detector_adapter(self.detector, detector_adapter)
        self.relation_head = MODELS.build(relation_head)
        self.graph_assigner = TASK_UTILS.build(graph_assigner)
        detected = self.detector_adapter.num_classes
        if detected != self.relation_head.num_classes:
            raise ValueError(
                f'the detector has {detected} classes, but the relation head has '
                f'{self.relation_head.num_classes}: set num_classes of both to '
                'the number of classes of the data set'
            )
        self.frozen = frozen_parts(self, frozen or ())
        self.feature_cache: FeatureCache | None = None  # FeatureCacheHook
        # Of each initial checkpoint: path, kinds of names to check, names.
        self._known_names: list[tuple[str, tuple[str, ...], dict]] = []
        # Saved in the checkpoint under this name, so that a resumed run keeps
        # its learnt priors. A float, because processes average their buffers.
        self.register_buffer('has_priors', torch.tensor(0.0))

    def train(self, mode: bool = True) -> SceneGraphParser:
        """Set the training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        self.detector.eval()
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def init_weights(self) -> None:
        """Initialise weights; the relation head's fc layers copy the detector's.

        As in the reference implementation, fc6 and fc7 of objects and of pairs
        start as copies of the detector's if their sizes agree.
        """
        for init_cfg in pretrained_cfgs(self.detector.init_cfg):
            # MMEngine skips weights that do not fit, and only logs it.
            names = check_pretrained(init_cfg, self.detector)
            self._known_names.append((init_cfg['checkpoint'], ('classes',), names))
        own = pretrained_cfgs(self.init_cfg)
        for init_cfg in own:
            names = check_pretrained(init_cfg, self)
            self._known_names.append((init_cfg['checkpoint'], ('classes', 'predicates'), names))
        super().init_weights()
        if not own and self.detector_adapter.fc_head is not None:
            self.relation_head.init_from_detector(self.detector_adapter.fc_head)

    @property
    def has_statistics(self) -> bool:
        """Whether the model has the statistics of its training set."""
        return bool(self.has_priors)

    def load_statistics(self, dataset) -> None:
        """Take statistics and class names of the training set.

        The head takes them once, because it trains some of them further. Loss
        and debiasing take them every time, because the checkpoint may come
        from a run with another loss or debiasing method.

        Args:
            dataset: With ``statistics`` and ``metainfo``.

        Raises:
            ValueError: If the detector was trained with other classes, or
                the weights of ``init_cfg`` with other predicates.
        """
        for filename, kinds, names in self._known_names:
            for kind in kinds:
                check_names(filename, kind, names, dataset.metainfo)
        head = self.relation_head
        if not self.has_statistics:
            head.load_statistics(dataset.statistics, dataset.metainfo['classes'])
            if hasattr(head, 'load_predicates'):
                head.load_predicates(dataset.metainfo['predicates'])
            self.has_priors.fill_(1)
        for part in (head.loss_relation, head.debiasing):
            if hasattr(part, 'load_statistics'):
                part.load_statistics(dataset.statistics)

    def complete_statistics(self, metainfo: Mapping) -> None:
        """Take what a debiasing method that is new to the checkpoint needs.

        Args:
            metainfo: Of the test data or of the checkpoint.
        """
        if self.relation_head.debiasing is not None:
            self.relation_head.debiasing.complete(metainfo)

    @torch.no_grad()
    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute feature maps of images (B, 3, H, W), without gradients.

        They are returned in full precision, for pooling.

        Raises:
            ValueError: If the relation head pools with other strides.
        """
        maps = (
            self.frozen_maps(batch_inputs)
            if self.feature_cache is None
            else self.feature_cache(batch_inputs, self.frozen_maps)
        )
        check_strides(self.relation_head, batch_inputs, maps)
        return tuple(map(full_precision, maps))

    def loss(self, batch_inputs: Tensor, batch_data_samples: list[SceneGraphDataSample]) -> dict:
        """Compute the losses of the relation head, see ``train_task``.

        Args:
            batch_inputs: (B, 3, H, W).
            batch_data_samples: With ``gt_scene_graph`` in pixels of the inputs.

        Returns:
            dict: Losses by name.
        """
        graphs = [sample.gt_scene_graph for sample in batch_data_samples]
        head, num_classes = self.relation_head, self.relation_head.num_classes
        given = self.train_task == 'sgcls'
        if given:
            # Before the backbone: a GPU then has little to do before it knows the pairs.
            bboxes = [graph.objects.bboxes for graph in graphs]
            sizes = image_sizes(batch_data_samples, batch_inputs)
            objects = ObjectBatch.from_list(bboxes, logits=None, image_sizes=sizes)
            sampled = self._sample_pairs(objects, graphs)
        feature_maps = self.extract_feat(batch_inputs)
        batch = self.detector_adapter.prepare(feature_maps, batch_data_samples)
        # Of all annotated objects, because the detector may miss some.
        present = present_classes(graphs, num_classes)
        if given:
            objects = replace(objects, logits=self.detector_adapter.classify_boxes(batch, bboxes))
        else:
            objects = self._detected_objects(batch)
            graphs = [
                self.graph_assigner(bboxes, graph, num_classes)
                for bboxes, graph in zip(objects.bboxes.split(objects.sizes), graphs)
            ]
            sampled = self._sample_pairs(objects, graphs)
        objects = replace(
            objects, targets=torch.cat([graph.objects.labels for graph in graphs]), present=present
        )
        pairs, predicates, sizes = sampled
        regions = head.extract_regions(feature_maps, objects, pairs)
        return head.loss(regions._replace(sizes=sizes), objects, predicates)

    def _sample_pairs(
        self, objects: ObjectBatch, graphs: list[SceneGraph]
    ) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Choose the pairs to train on; return their predicates and numbers per image."""
        relations = [graph.relations for graph in graphs]
        pairs, predicates = self.relation_head.sample_pairs(objects, relations)
        sizes = count_groups(objects.image_ids[pairs[:, 0]], objects.num_images)
        return pairs, predicates, tuple(sizes.tolist())

    @torch.no_grad()
    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: list[SceneGraphDataSample],
        rescale: bool = True,
    ) -> list[SceneGraphDataSample]:
        """Predict the graph of each task with one pass of the backbone.

        Args:
            batch_inputs: (B, 3, H, W).
            batch_data_samples: For ``predcls`` and ``sgcls`` with
                ``gt_scene_graph`` in pixels of the original images.
            rescale: Whether predicted boxes are in pixels of the original
                images or of the inputs. Defaults to True.

        Returns:
            list: The samples, with ``pred_scene_graphs``.
        """
        feature_maps = self.extract_feat(batch_inputs)
        batch = self.detector_adapter.prepare(feature_maps, batch_data_samples)
        scales = [
            batch_inputs.new_tensor(sample.scale_factor).repeat(2) for sample in batch_data_samples
        ]
        predictions = {}
        if 'predcls' in self.test_tasks or 'sgcls' in self.test_tasks:
            graphs = [sample.gt_scene_graph for sample in batch_data_samples]
            objects = self._given_objects(
                batch, [graph.objects.bboxes * scale for graph, scale in zip(graphs, scales)]
            )
            given = {'sgcls': objects}
            if 'predcls' in self.test_tasks:
                given['predcls'] = objects.with_labels(
                    torch.cat([graph.objects.labels for graph in graphs])
                )
            regions = self.relation_head.extract_regions(feature_maps, objects)
            given = {task: given[task] for task in self.test_tasks if task in given}
            graphs = self.relation_head.predict_tasks(regions, list(given.values()))
            predictions.update(zip(given, graphs))
        if 'sggen' in self.test_tasks:
            objects = self._detected_objects(batch)
            regions = self.relation_head.extract_regions(feature_maps, objects)
            predictions['sggen'] = self.relation_head.predict(regions, objects)
        for i, sample in enumerate(batch_data_samples):
            sample.pred_scene_graphs = {task: predictions[task][i] for task in self.test_tasks}
            if rescale:
                for graph in sample.pred_scene_graphs.values():
                    graph.objects.bboxes = graph.objects.bboxes / scales[i]
        return batch_data_samples

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: list[SceneGraphDataSample]
    ) -> tuple:
        """Return raw outputs for given boxes in pixels of the inputs."""
        feature_maps = self.extract_feat(batch_inputs)
        batch = self.detector_adapter.prepare(feature_maps, batch_data_samples)
        objects = self._given_objects(
            batch, [sample.gt_scene_graph.objects.bboxes for sample in batch_data_samples]
        )
        regions = self.relation_head.extract_regions(feature_maps, objects)
        return self.relation_head(regions, objects)

    @torch.no_grad()
    def _given_objects(self, batch: PreparedBatch, bboxes: list[Tensor]) -> ObjectBatch:
        logits = self.detector_adapter.classify_boxes(batch, bboxes)
        sizes = image_sizes(batch.data_samples, logits)
        return ObjectBatch.from_list(bboxes, logits, image_sizes=sizes)

    @torch.no_grad()
    def _detected_objects(self, batch: PreparedBatch) -> ObjectBatch:
        objects = self.detector_adapter.detect_objects(batch, **self.detection_cfg)
        sizes = image_sizes(batch.data_samples, objects.bboxes)
        return replace(objects, image_sizes=sizes, pairs_overlap=self.pairs_overlap)
