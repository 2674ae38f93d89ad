"""A frozen detector and a relation head make a scene graph parser.

Shape shorthand: B images, N objects of a batch, C object classes.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.models.detectors import BaseDetector
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch, SceneGraphDataSample
from mmsgp.utils.checkpoint import check_weights

from .feature_cache import FeatureCache
from .two_stage import classify_boxes, detect_objects

TASKS = ('predcls', 'sgcls', 'sggen')
DEFAULT_DETECTION = dict(score_thr=0.01, iou_thr=0.3, max_per_image=64)


@MODELS.register_module()
class SceneGraphParser(BaseDetector):
    """Parses images into scene graphs.

    The backbone runs once an image, whatever the number of tasks; pooled
    features of the given boxes serve PredCls and SGCls together. The detector
    is frozen: it has no gradients, stays in evaluation mode and is skipped by
    ``TrainableParamsConstructor``. The relation head is trained on SGCls.

    Args:
        detector (dict): Config of a two-stage detector of MMDetection. Its
            weights come from its own ``init_cfg``.
        relation_head (dict): Config of the relation head.
        tasks (Sequence[str]): Tasks that :meth:`predict` runs, any of
            ``predcls``, ``sgcls`` and ``sggen``. Defaults to ``('sgcls',)``.
        detection (dict): Thresholds of the objects of SGGen, arguments of
            :func:`detect_objects`.
        data_preprocessor (dict, optional): Config of the preprocessor.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ValueError: If a task is unknown, or the detector and the relation
            head differ in their numbers of classes.
    """

    def __init__(self,
                 detector: dict,
                 relation_head: dict,
                 tasks: Sequence[str] = ('sgcls', ),
                 detection: dict = DEFAULT_DETECTION,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(
            data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        unknown = set(tasks) - set(TASKS)
        if unknown or not tasks:
            raise ValueError(f'tasks must be some of {TASKS}, got '
                             f'{tuple(tasks)}')
        self.tasks = tuple(tasks)
        self.detection = dict(detection)
        self.detector = MODELS.build(detector)
        self.detector.requires_grad_(False)
        self.relation_head = MODELS.build(relation_head)
        detected = self.detector.roi_head.bbox_head.num_classes
        if detected != self.relation_head.num_classes:
            raise ValueError(
                f'the detector has {detected} classes and the relation head '
                f'{self.relation_head.num_classes}: set both num_classes to '
                'those of the data set')
        self.feature_cache: FeatureCache | None = None  # FeatureCacheHook
        # Travels in the checkpoint: a resumed run keeps its learnt priors.
        # A number, for processes average their buffers.
        self.register_buffer('has_priors', torch.tensor(0.0))

    def train(self, mode: bool = True) -> SceneGraphParser:
        """Set the training mode; the detector stays in evaluation mode."""
        super().train(mode)
        self.detector.eval()
        return self

    def init_weights(self) -> None:
        """Initialise; the relation head's fc layers start as the detector's.

        So do those of the reference implementation: fc6 and fc7 of objects
        and of pairs are copies of the detector's, where their sizes agree.
        """
        init_cfg = self.detector.init_cfg or {}
        if init_cfg.get('type') == 'Pretrained':
            # MMEngine leaves out what does not fit, and only logs it.
            check_weights(init_cfg['checkpoint'], self.detector)
        super().init_weights()
        fc_head = getattr(self.detector.roi_head.bbox_head, 'fc_head', None)
        if fc_head is not None:
            self.relation_head.copy_fc_heads(fc_head)

    def load_priors(self, dataset) -> None:
        """Take what the model needs of a training set.

        Priors are learnt further and therefore taken once; what a loss counts
        is not, and may be new to the checkpoint of another loss.

        Args:
            dataset (VGDataset): Gives ``statistics`` and ``metainfo``.
        """
        if not self.has_priors:
            self.relation_head.load_priors(dataset.statistics,
                                           dataset.metainfo['classes'])
            self.has_priors.fill_(1)
        loss = self.relation_head.loss_relation
        if hasattr(loss, 'load_priors'):
            loss.load_priors(dataset.statistics)

    @torch.no_grad()
    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of images (B, 3, H, W), without gradients."""
        if self.feature_cache is not None:
            return self.feature_cache(batch_inputs, self.detector.extract_feat)
        return self.detector.extract_feat(batch_inputs)

    def loss(self, batch_inputs: Tensor,
             batch_data_samples: list[SceneGraphDataSample]) -> dict:
        """Losses of SGCls: given boxes, labels and predicates to learn.

        Args:
            batch_inputs (Tensor): (B, 3, H, W).
            batch_data_samples (list): With ``gt_scene_graph`` in pixels of
                the inputs.

        Returns:
            dict: Losses by name.
        """
        feature_maps = self.extract_feat(batch_inputs)
        graphs = [sample.gt_scene_graph for sample in batch_data_samples]
        objects = self._given_objects(
            feature_maps, [graph.objects.bboxes for graph in graphs],
            targets=torch.cat([graph.objects.labels for graph in graphs]))
        return self.relation_head.loss(feature_maps, objects,
                                       [graph.relations for graph in graphs])

    @torch.no_grad()
    def predict(
            self,
            batch_inputs: Tensor,
            batch_data_samples: list[SceneGraphDataSample],
            rescale: bool = True) -> list[SceneGraphDataSample]:
        """Predict the graph of each task from one pass of the backbone.

        Args:
            batch_inputs (Tensor): (B, 3, H, W).
            batch_data_samples (list): For ``predcls`` and ``sgcls`` with
                ``gt_scene_graph`` in pixels of the original images.
            rescale (bool): Whether predicted boxes are in pixels of the
                original images or of the inputs. Defaults to True.

        Returns:
            list: The samples, with ``pred_scene_graphs``.
        """
        feature_maps = self.extract_feat(batch_inputs)
        scales = [
            batch_inputs.new_tensor(sample.scale_factor).repeat(2)
            for sample in batch_data_samples
        ]
        predictions = {}
        if 'predcls' in self.tasks or 'sgcls' in self.tasks:
            graphs = [sample.gt_scene_graph for sample in batch_data_samples]
            objects = self._given_objects(feature_maps, [
                graph.objects.bboxes * scale
                for graph, scale in zip(graphs, scales)
            ])
            given = {'sgcls': objects}
            if 'predcls' in self.tasks:
                given['predcls'] = objects.with_labels(
                    torch.cat([graph.objects.labels for graph in graphs]))
            regions = self.relation_head.extract_regions(feature_maps, objects)
            for task in self.tasks:
                if task in given:
                    predictions[task] = self.relation_head.predict(
                        regions, given[task])
        if 'sggen' in self.tasks:
            objects = detect_objects(self.detector, feature_maps,
                                     batch_data_samples, **self.detection)
            regions = self.relation_head.extract_regions(feature_maps, objects)
            predictions['sggen'] = self.relation_head.predict(regions, objects)
        for i, sample in enumerate(batch_data_samples):
            sample.pred_scene_graphs = {
                task: predictions[task][i]
                for task in self.tasks
            }
            if rescale:
                for graph in sample.pred_scene_graphs.values():
                    graph.objects.bboxes = graph.objects.bboxes / scales[i]
        return batch_data_samples

    def _forward(self, batch_inputs: Tensor,
                 batch_data_samples: list[SceneGraphDataSample]) -> tuple:
        """Raw outputs for given boxes in pixels of the inputs."""
        feature_maps = self.extract_feat(batch_inputs)
        objects = self._given_objects(feature_maps, [
            sample.gt_scene_graph.objects.bboxes
            for sample in batch_data_samples
        ])
        regions = self.relation_head.extract_regions(feature_maps, objects)
        return self.relation_head(regions, objects)

    @torch.no_grad()
    def _given_objects(self, feature_maps: tuple[Tensor, ...],
                       bboxes: list[Tensor], **kwargs) -> ObjectBatch:
        logits = classify_boxes(self.detector, feature_maps, bboxes)
        return ObjectBatch.from_list(bboxes, logits, **kwargs)
